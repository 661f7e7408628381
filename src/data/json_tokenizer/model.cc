#include "data/json_tokenizer/model.h"

#include "heed/core/error.h"

namespace heed::data::json_tokenizer {

ModelPtr make_model(const ParsedFile& parsed, const std::string& file) {
  const auto model = parsed.root.find("model");
  if (model == parsed.root.end()) refuse_at(file, "model", "is missing");
  const std::string type = type_of(*model, "model", file);
  if (type == "BPE") return make_bpe(parsed, file);
  if (type == "WordPiece") return make_wordpiece(parsed, file);
  if (type == "Unigram") return make_unigram(parsed, file);
  if (type == "WordLevel") return make_word_level(parsed, file);
  refuse_type(type, "model", file, {"BPE", "WordPiece", "Unigram", "WordLevel"});
}

uint32_t Model::need_unknown(std::string_view piece) const {
  const int64_t id = unknown();
  if (id < 0)
    throw DataError("the tokenizer has no token for '" + std::string(piece.substr(0, 60)) +
                    "' and none for what it does not know");
  return static_cast<uint32_t>(id);
}

void expect_shape(const ItemTable& table, ItemTable::Shape shape, const std::string& file,
                  const char* path, const char* means) {
  if (table.shape == ItemTable::Shape::absent) refuse_at(file, path, "is missing");
  if (table.shape != shape) refuse_at(file, path, std::string("expected ") + means);
}

std::string byte_token(uint8_t byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + '>';
}

std::vector<int64_t> byte_token_ids(const TokenTable& tokens) {
  std::vector<int64_t> ids(256);
  for (size_t byte = 0; byte < 256; ++byte)
    ids[byte] = tokens.find(byte_token(static_cast<uint8_t>(byte)));
  return ids;
}

}  // namespace heed::data::json_tokenizer
