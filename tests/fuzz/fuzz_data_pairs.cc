// The readers of pairs: TSV and JSON lines.
#include "fuzz/file.h"
#include "heed/data/parallel_text.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text({data, size}));
  for (const auto format : {data::PairFormat::tsv, data::PairFormat::json}) {
    fuzz::only<DataError>([&] {
      const auto corpus = data::open_text_pairs(file.path(), {}, {.format = format});
      data::TextPair pair;
      for (const auto reader = corpus->read(); reader->next(pair);)
        fuzz::require(!pair.place.empty());
    });
  }
  return 0;
}
