// WordLevel: a piece is a token or unknown.
#include "data/json_tokenizer/model.h"

namespace heed::data::json_tokenizer {
namespace {

class WordLevel : public Model {
 public:
  WordLevel(TokenTable tokens, const std::string& unknown) : Model(std::move(tokens)) {
    unknown_ = tokens_.find(unknown);
  }

  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override {
    const int64_t id = tokens_.find(piece);
    out.push_back({id < 0 ? need_unknown(piece) : static_cast<uint32_t>(id), 0,
                   static_cast<uint32_t>(piece.size())});
  }
  int64_t unknown() const override { return unknown_; }

 private:
  int64_t unknown_;
};

}  // namespace

ModelPtr make_word_level(const ParsedFile& parsed, const std::string& file) {
  const Reader model(parsed.root.at("model"), "model", file, {"type", "vocab", "unk_token"});
  expect_shape(parsed.vocab, ItemTable::Shape::numbers, file, "model.vocab",
               "{\"token\": id, ...}");
  return std::make_unique<WordLevel>(TokenTable::of_ids(parsed.vocab, file),
                                     model.text("unk_token"));
}

}  // namespace heed::data::json_tokenizer
