// What a handler throws as an answer.
#include <new>

#include "heed/serve/router.h"

namespace heed::serve {
namespace {

Response error_of(const Error& error) {
  switch (error.why()) {
    case Failure::usage:
      return error_response({400, "usage_error", error.what()});
    case Failure::data:
      return error_response({400, "data_error", error.what()});
    case Failure::model:
      return error_response({400, "model_error", error.what()});
    case Failure::file:
      return error_response({400, "file_error", error.what()});
    case Failure::memory:
      return error_response({503, "out_of_memory", error.what()});
    case Failure::diverged:
    case Failure::peer:
      break;
  }
  return error_response({500, "internal", error.what()});
}

}  // namespace

Response answer(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const HttpError& error) {
    return error_response(error);
  } catch (const Error& error) {
    return error_of(error);
  } catch (const std::bad_alloc&) {
    return error_response({503, "out_of_memory", "not enough memory"});
  } catch (const std::exception& error) {
    return error_response({500, "internal", error.what()});
  }
}

}  // namespace heed::serve
