// Bodies of forms: a boundary, a line's end, and what should be multipart/form-data with it.
#include "fuzz/fuzz.h"
#include "heed/serve/http.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = fuzz::text({data, size});
  const auto line = input.find('\n');
  if (line == input.npos) return 0;
  serve::Request request;
  request.content_type = "multipart/form-data";
  request.boundary = input.substr(0, line);
  request.body = input.substr(line + 1);
  fuzz::only<serve::HttpError>([&] {
    const auto parts = serve::form_parts(request);
    size_t told = 0;
    for (const auto& part : parts) {
      fuzz::require(!part.name.empty());
      fuzz::require(std::string(part.body).find("\r\n--" + request.boundary) == std::string::npos);
      told += part.body.size() + request.boundary.size();
    }
    fuzz::require(told <= request.body.size());
  });
  return 0;
}
