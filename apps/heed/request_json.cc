#include "request_json.h"

namespace heed::cli {

using serve::HttpError;

Json request_json(const serve::Request& request) {
  constexpr size_t kMost = 4 << 20;
  constexpr int kDeepest = 64;
  if (request.body.size() > kMost)
    throw HttpError(413, "body_too_large",
                    "the JSON is larger than " + std::to_string(kMost) + " bytes", kMost);
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepest)
      throw HttpError(
          400, "bad_request",
          "the JSON has lists and objects more than " + std::to_string(kDeepest) + " deep");
    return true;
  };
  auto json = Json::parse(request.body, shallow, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw HttpError(400, "bad_request", "the body is no JSON");
  return json;
}

}  // namespace heed::cli
