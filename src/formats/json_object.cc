#include "formats/json_object.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

std::string given(const Json& value) {
  constexpr size_t kLongest = 60;
  const auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return ", given " + (text.size() > kLongest ? std::string("a ") + value.type_name() : text);
}

Json parsed(std::string_view text, const std::string& file) {
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) throw ModelError(file + ": is not valid JSON");
  return json;
}

bool fits(const Json& value, const Bounds& bounds) {
  return value.is_number_integer() && bounds.allow(value.get<double>());
}

bool is_finite(const Json& value) {
  return value.is_number() && std::isfinite(value.get<double>());
}

/// Whether it is a list of which each one is as `good` says.
template <class Good>
bool is_list_of(const Json& value, Good&& good) {
  return value.is_array() && std::all_of(value.begin(), value.end(), good);
}

bool is_text(const Json& value) { return value.is_string(); }

/// The number; NaN with `is_any` false where it is none.
std::pair<double, bool> any_number_of(const Json& value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (value == "Infinity") return {kInfinity, true};
  if (value == "-Infinity") return {-kInfinity, true};
  if (value == "NaN") return {std::nan(""), true};
  return value.is_number() ? std::pair(value.get<double>(), true) : std::pair(std::nan(""), false);
}

}  // namespace

struct JsonObject::Value {
  Json json;
};

JsonObject::JsonObject(std::string_view text, std::string file)
    : value_(std::make_shared<const Value>(Value{parsed(text, file)})), file_(std::move(file)) {
  if (!value_->json.is_object())
    throw ModelError(file_ + ": expected a JSON object" + given(value_->json));
}

JsonObject::JsonObject(std::shared_ptr<const Value> value, std::string file, std::string path)
    : value_(std::move(value)), file_(std::move(file)), path_(std::move(path)) {}

void JsonObject::refuse(const std::string& key, const std::string& message) const {
  throw ModelError(text_of(file_, ": ", path_, key, ": ", message));
}

template <class Good>
const auto& JsonObject::get(const std::string& key, const std::string& expected,
                            Good&& good) const {
  const auto& json = value_->json;
  const auto found = json.find(key);
  if (found == json.end()) refuse(key, "is missing; expected " + expected);
  if (!good(*found)) refuse(key, "expected " + expected + given(*found));
  return *found;
}

bool JsonObject::has(const std::string& key) const { return value_->json.contains(key); }

std::string JsonObject::text(const std::string& key) const {
  return get(key, "a text", is_text).get<std::string>();
}

std::vector<std::string> JsonObject::texts(const std::string& key) const {
  return get(key, "a list of texts", [](const Json& list) { return is_list_of(list, is_text); })
      .get<std::vector<std::string>>();
}

std::map<std::string, std::string> JsonObject::map_of_texts(const std::string& key) const {
  const auto good = [](const Json& all) {
    return all.is_object() && std::all_of(all.begin(), all.end(), is_text);
  };
  return get(key, "an object of texts", good).get<std::map<std::string, std::string>>();
}

int64_t JsonObject::integer(const std::string& key, const Bounds& bounds) const {
  return get(key, "a whole number " + bounds.text(), [&](const Json& x) { return fits(x, bounds); })
      .get<int64_t>();
}

std::vector<int64_t> JsonObject::integers(const std::string& key, const Bounds& bounds) const {
  const auto good = [&](const Json& list) {
    return is_list_of(list, [&](const Json& x) { return fits(x, bounds); });
  };
  return get(key, "a list of whole numbers " + bounds.text(), good).get<std::vector<int64_t>>();
}

double JsonObject::number(const std::string& key) const {
  return get(key, "a number", is_finite).get<double>();
}

std::vector<double> JsonObject::numbers(const std::string& key) const {
  return get(key, "a list of numbers", [](const Json& list) { return is_list_of(list, is_finite); })
      .get<std::vector<double>>();
}

double JsonObject::any_number(const std::string& key) const {
  const auto good = [](const Json& x) { return any_number_of(x).second; };
  return any_number_of(get(key, "a number", good)).first;
}

std::vector<std::pair<std::string, double>> JsonObject::any_numbers(const std::string& key) const {
  const auto good = [](const Json& all) {
    return all.is_object() && std::all_of(all.begin(), all.end(),
                                          [](const Json& x) { return any_number_of(x).second; });
  };
  std::vector<std::pair<std::string, double>> numbers;
  for (const auto& [name, value] : get(key, "an object of numbers", good).items())
    numbers.emplace_back(name, any_number_of(value).first);
  return numbers;
}

bool JsonObject::flag(const std::string& key) const {
  return get(key, "true or false", [](const Json& x) { return x.is_boolean(); }).get<bool>();
}

JsonObject JsonObject::object(const std::string& key) const {
  const auto& inner = get(key, "an object", [](const Json& x) { return x.is_object(); });
  return {std::make_shared<const Value>(Value{inner}), file_, path_ + key + "."};
}

std::vector<JsonObject> JsonObject::objects(const std::string& key) const {
  const auto good = [](const Json& list) {
    return is_list_of(list, [](const Json& x) { return x.is_object(); });
  };
  std::vector<JsonObject> all;
  for (const auto& inner : get(key, "a list of objects", good))
    all.push_back({std::make_shared<const Value>(Value{inner}), file_,
                   path_ + key + "[" + std::to_string(all.size()) + "]."});
  return all;
}

std::vector<int64_t> json_integers(std::string_view text, const std::string& file,
                                   const Bounds& bounds) {
  const auto list = parsed(text, file);
  if (!is_list_of(list, [&](const Json& x) { return fits(x, bounds); }))
    throw ModelError(file + ": expected a list of whole numbers " + bounds.text() + given(list));
  return list.get<std::vector<int64_t>>();
}

}  // namespace heed
