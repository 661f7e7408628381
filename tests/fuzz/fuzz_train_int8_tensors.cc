// Weights of 8 bits and their scales in a file of tensors. What is read has the numbers of its float32.
#include "fuzz/fuzz.h"
#include "heed/formats/safetensors.h"
#include "train/int8_tensors.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<ModelError>([&] {
    auto tensors = parse_safetensors(fuzz::text({data, size}), "x").tensors;
    const auto before = tensors;
    const auto scales = to_float32(tensors, "x");
    size_t found = 0;
    for (const auto& [name, tensor] : tensors) {
      fuzz::require(tensor.scalar_type() != at::kChar && tensor.scalar_type() != at::kBFloat16);
      const auto own = scales.find(name);
      if (own == scales.end()) continue;
      fuzz::require(tensor.dim() == 2 && own->second.rows.numel() == tensor.size(0));
      fuzz::require(!tensor.isnan().any().item<bool>());
      const auto& channels = own->second.channels;
      fuzz::require(!channels.defined() || channels.numel() == tensor.size(1));
      ++found;
    }
    fuzz::require(found == scales.size() && tensors.size() <= before.size());
  });
  return 0;
}
