// A request's target, the names of hosts, and keys: what a stranger sends first.
#include <string_view>

#include "fuzz/fuzz.h"
#include "heed/serve/http.h"
#include "serve/manners.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz::only<serve::HttpError>([&] {
    const auto [path, query] = serve::parse_target(input);
    fuzz::require(path.starts_with('/') && path.find_first_of("?#") == path.npos);
    for (const auto& [name, value] : query)
      fuzz::require(name.size() + value.size() < input.size());
  });
  fuzz::only<serve::HttpError>([&] {
    serve::check_origin({.host = input, .origin = {}, .site = {}, .mode = {}, .authorization = {}},
                        {"localhost", "127.0.0.1"});
    const auto host = serve::host_of(input);
    fuzz::require(host == "localhost" || host == "127.0.0.1");
  });
  fuzz::only<serve::HttpError>([&] {
    serve::check_key(input, "0123456789abcdef");
    fuzz::require(input.substr(7) == "0123456789abcdef");
  });
  return 0;
}
