// What a handler throws as an answer.
#include <new>

#include "heed/serve/router.h"

namespace heed::serve {
namespace {

HttpError error_of(const Error& error) {
  switch (error.why()) {
    case Failure::usage:
      return {400, "usage_error", error.what()};
    case Failure::data:
      return {400, "data_error", error.what()};
    case Failure::model:
      return {400, "model_error", error.what()};
    case Failure::file:
      return {400, "file_error", error.what()};
    case Failure::memory:
      return {503, "out_of_memory", error.what()};
    case Failure::diverged:
    case Failure::peer:
      break;
  }
  return {500, "internal", error.what()};
}

}  // namespace

HttpError http_error_of(const std::exception& thrown) {
  if (const auto* error = dynamic_cast<const HttpError*>(&thrown)) return *error;
  if (const auto* error = dynamic_cast<const Error*>(&thrown)) return error_of(*error);
  if (dynamic_cast<const std::bad_alloc*>(&thrown))
    return {503, "out_of_memory", "not enough memory"};
  return {500, "internal", thrown.what()};
}

Response answer(const Route& route, const Request& request) {
  try {
    return route.handler(request);
  } catch (const std::exception& error) {
    return route.error(http_error_of(error));
  }
}

void answer_late(const Route& route, const Request& request, const ReplyPtr& reply) {
  try {
    route.late(request, reply);
  } catch (const std::exception& error) {
    reply->send(route.error(http_error_of(error)));
  }
}

}  // namespace heed::serve
