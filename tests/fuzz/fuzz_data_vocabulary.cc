// Saved tokenizers and imported vocabularies; the bytes are also a text to cut into pieces.
#include "fuzz/fuzz.h"
#include "heed/data/tokenizer.h"

using namespace heed;

namespace {

void use(const data::TokenizerPtr& tokenizer, const std::string& text) {
  fuzz::only<DataError>([&] {
    for (const int64_t id : tokenizer->encode(text))
      fuzz::require(id >= 0 && id < tokenizer->size());
  });
  for (int64_t id = 0; id < tokenizer->size(); ++id) {
    fuzz::require(tokenizer->id(tokenizer->piece(id)) == id);
    tokenizer->decode({id});
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(fuzz::text({data, size}));
  using data::TokenizerKind;
  for (const auto kind : {TokenizerKind::words, TokenizerKind::characters, TokenizerKind::bytes}) {
    fuzz::only<DataError>([&] {
      const data::TokenizerOptions options{.kind = kind, .lowercase = true};
      const auto tokenizer = data::load_tokenizer(options, bytes, "x");
      use(tokenizer, bytes);
      const auto again = data::load_tokenizer(options, tokenizer->file(), "y");
      fuzz::require(again->file() == tokenizer->file());
    });
  }
  fuzz::only<DataError>([&] { use(data::vocabulary_tokenizer(bytes, "x"), bytes); });
  return 0;
}
