// A GGUF file as the model that it is: its metadata as config.json and tokenizer.json, and those as
// a recipe.
#include "fuzz/file.h"
#include "heed/data/json_tokenizer.h"
#include "heed/pretrained/pretrained.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text({data, size}));
  fuzz::only<Error>([&] {
    const auto files = read_pretrained_files(file.path());
    fuzz::only<ModelError>([&] { from_pretrained(files); });
    const auto tokenizer = files.others.find("tokenizer.json");
    if (tokenizer != files.others.end()) data::JsonTokenizer::parse(tokenizer->second, "x");
  });
  return 0;
}
