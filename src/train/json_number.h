// Numbers in JSON that are not finite: JSON has no word for them, so they stand there as texts.
#pragma once

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace heed {

/// Every number that is not finite becomes "NaN", "Infinity" or "-Infinity", at any depth.
inline nlohmann::ordered_json with_words(nlohmann::ordered_json json) {
  if (json.is_structured())
    for (auto& item : json) item = with_words(std::move(item));
  if (!json.is_number_float()) return json;
  const double x = json.get<double>();
  if (std::isfinite(x)) return json;
  return std::isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
}

/// The number, from either form. Throws nlohmann's exception for anything else.
inline double number_of(const nlohmann::ordered_json& json) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (json == "Infinity") return kInfinity;
  if (json == "-Infinity") return -kInfinity;
  return json.get<double>();
}

}  // namespace heed
