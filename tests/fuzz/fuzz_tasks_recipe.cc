// A recipe: what can be read is written out as a recipe that reads the same.
#include "fuzz/fuzz.h"
#include "heed/tasks/recipe.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto written = [](std::string_view recipe) {
    return to_toml(Recipe::read_complete(RecipeFile::parse(recipe, "r.toml")).entries());
  };
  fuzz::only<ModelError>([&] {
    const std::string once = written(fuzz::text({data, size}));
    fuzz::require(written(once) == once);
  });
  return 0;
}
