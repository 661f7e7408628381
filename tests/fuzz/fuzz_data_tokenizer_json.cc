// tokenizer.json; the bytes are also a text to cut into tokens.
#include "core/utf8.h"
#include "fuzz/fuzz.h"
#include "heed/data/json_tokenizer.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(fuzz::text({data, size}));
  fuzz::only<ModelError>([&] {
    const auto tokenizer = data::JsonTokenizer::parse(bytes, "x");
    fuzz::only<Error>([&] {
      const auto encoding = tokenizer->encode(bytes);
      const auto characters = static_cast<int64_t>(bytes.size());
      for (size_t i = 0; i < encoding.ids.size(); ++i) {
        const auto [begin, end] = encoding.byte_offsets[i];
        fuzz::require(0 <= begin && begin <= end && end <= characters);
      }
      tokenizer->decode(encoding.ids);
    });
  });
  return 0;
}
