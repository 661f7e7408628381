// An attention in a recipe: what can be read is written as a table that reads the same.
#include "fuzz/fuzz.h"
#include "ops/attention_toml.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  toml::table recipe;
  try {
    recipe = toml::parse(fuzz::text({data, size}));
  } catch (const toml::parse_error&) {
    return 0;
  }
  const toml::node* node = recipe.get("attention");
  if (!node) return 0;
  fuzz::only<ModelError>([&] {
    const Attention how = ops::read_attention(*node, "model.attention");
    fuzz::require(ops::read_attention(ops::to_toml(how), "model.attention") == how);
  });
  return 0;
}
