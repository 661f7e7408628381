// ARPA files: any words have a probability.
#include "fuzz/file.h"
#include "heed/data/ngram.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text({data, size}));
  fuzz::only<DataError>([&] {
    const data::NgramModel model(file.path());
    auto context = model.begin();
    for (const auto& word : model.words()) {
      const auto id = model.id(word);
      const double log10_p = model.log10(context, id);
      fuzz::require(log10_p == log10_p);
      context = model.after(context, id);
      fuzz::require(std::ssize(context) < model.order() || context.empty());
    }
    fuzz::require(model.id("no word of it \n") == model.unknown());
    const double end = model.log10(context, model.end());
    fuzz::require(end == end);
  });
  return 0;
}
