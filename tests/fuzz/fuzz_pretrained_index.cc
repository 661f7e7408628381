// model.safetensors.index.json: which file holds which tensor.
#include "fuzz/fuzz.h"
#include "pretrained/folder.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<ModelError>([&] {
    const auto shards = pretrained::parse_weight_map(fuzz::text({data, size}), "x");
    fuzz::require(!shards.empty());
    for (const auto& [tensor, shard] : shards) {
      fuzz::require(!shard.empty() && shard != "." && shard != "..");
      fuzz::require(shard.find_first_of(std::string_view("/\0", 2)) == std::string::npos);
    }
  });
  return 0;
}
