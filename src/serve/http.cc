#include "heed/serve/http.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace heed::serve {

std::optional<std::string> Request::find(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

std::string Request::text(std::string_view name) const {
  if (auto value = find(name)) return *value;
  throw HttpError(400, "bad_request",
                  path + ": the parameter '" + std::string(name) + "' is missing");
}

int64_t Request::number(std::string_view name, int64_t least, int64_t most) const {
  const auto value = text(name);
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, number);
  if (error == std::errc() && stopped == end && number >= least && number <= most) return number;
  throw HttpError(400, "bad_request",
                  path + ": the parameter '" + std::string(name) + "' is '" + value +
                      "', expected a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most));
}

Response error_response(const HttpError& error) {
  nlohmann::ordered_json said = {{"type", error.type}, {"message", error.what()}};
  if (error.limit) said["limit"] = *error.limit;
  using Handler = nlohmann::ordered_json::error_handler_t;
  const nlohmann::ordered_json all = {{"error", said}};
  return {.status = error.status, .body = all.dump(-1, ' ', false, Handler::replace) + "\n"};
}

}  // namespace heed::serve
