// The header of safetensors: as the file begins (a size, then JSON), and as JSON alone.
#include <cstring>
#include <string_view>

#include "formats/safetensors_header.h"
#include "fuzz/fuzz.h"

using namespace heed;

namespace {

void check(const SafetensorsHeader& header, uint64_t data_bytes) {
  uint64_t bytes = 0;
  for (const auto& tensor : header.tensors) {
    fuzz::require(tensor.begin <= tensor.end && tensor.end <= data_bytes);
    fuzz::require(dtype_bytes(tensor.dtype) > 0);
    bytes += tensor.end - tensor.begin;
  }
  fuzz::require(bytes == data_bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr uint64_t kDataBytes = 16;
  fuzz::only<ModelError>([&] { check(parse_header(input, kDataBytes, "x"), kDataBytes); });
  fuzz::only<ModelError>([&] {
    unsigned char first[8];
    if (size < sizeof first) return;
    std::memcpy(first, data, sizeof first);
    const uint64_t json = read_header_size(first, size, "x");
    const uint64_t rest = size - sizeof first - json;
    check(parse_header(input.substr(sizeof first, json), rest, "x"), rest);
  });
  return 0;
}
