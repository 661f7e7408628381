// config.json of a model that others trained; behind a byte 0 generation_config.json, then
// preprocessor_config.json. What can be planned is a recipe in TOML.
#include "fuzz/fuzz.h"
#include "heed/train/recipe.h"
#include "pretrained/architecture.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto rest = fuzz::text({data, size});
  const auto next = [&] {
    const auto part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return std::string(part);
  };
  const auto json = next();
  std::map<std::string, std::string> others;
  for (const char* name : {"generation_config.json", "preprocessor_config.json"})
    if (!rest.empty()) others.emplace(name, next());
  fuzz::only<ModelError>([&] {
    pretrained::Config config(json, "config.json");
    const auto& architecture = pretrained::architecture_of(config);
    const auto task = pretrained::task_of(config, architecture);
    const auto plan = architecture.plan({config, task, {}, others});
    config.end();
    RecipeFile::parse(plan.recipe.text(), "recipe.toml");
    plan.tensors.ours({}, "x");
  });
  return 0;
}
