// The header of a GGUF file.
#include "formats/gguf_header.h"
#include "fuzz/fuzz.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = fuzz::text({data, size});
  fuzz::only<ModelError>([&] {
    for (const auto& tensor : parse_gguf_header(input, "x").tensors) {
      fuzz::require(tensor.begin <= size && tensor.bytes <= size - tensor.begin);
      fuzz::require(tensor.bytes % tensor.type->bytes == 0);
    }
  });
  return 0;
}
