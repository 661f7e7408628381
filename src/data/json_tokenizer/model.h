// The part of a tokenizer that turns pieces of text into ids.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_tokenizer/token_table.h"

namespace heed::data::json_tokenizer {

/// A token of a piece: bytes begin .. end - 1 of it.
struct ModelToken {
  uint32_t id, begin, end;
  bool surface = false;  ///< is shown as these bytes and not as the vocabulary's token
};

class Model {
 public:
  explicit Model(TokenTable tokens) : tokens_(std::move(tokens)) {}
  virtual ~Model() = default;

  /// Appends the tokens of a piece, which has at least one byte. Throws DataError for what has no token where the model has
  /// none for that. May be called by several threads at once.
  virtual void tokenize(std::string_view piece, std::vector<ModelToken>& out) const = 0;

  /// Pieces will be bytes as they are, and every byte stands for its character of the byte-level alphabet. False where the
  /// model cannot do that and wants those characters themselves.
  virtual bool take_bytes() { return false; }

  /// The token for what is not known, -1 where the model has none.
  virtual int64_t unknown() const = 0;

  const TokenTable& tokens() const { return tokens_; }

 protected:
  /// unknown(), or DataError.
  uint32_t need_unknown(std::string_view piece) const;

  TokenTable tokens_;
};
using ModelPtr = std::unique_ptr<Model>;

/// The component "model" of a file, by its type. Throws ModelError.
ModelPtr make_model(const ParsedFile& parsed, const std::string& file);

ModelPtr make_word_level(const ParsedFile& parsed, const std::string& file);
ModelPtr make_wordpiece(const ParsedFile& parsed, const std::string& file);
ModelPtr make_bpe(const ParsedFile& parsed, const std::string& file);
ModelPtr make_unigram(const ParsedFile& parsed, const std::string& file);

/// Throws ModelError unless a vocabulary has this shape, which `means` describes.
void expect_shape(const ItemTable& table, ItemTable::Shape shape, const std::string& file,
                  const char* path, const char* means);

/// <0x00> .. <0xFF>
std::string byte_token(uint8_t byte);
/// The ids of byte_token(0 .. 255), -1 where there is none.
std::vector<int64_t> byte_token_ids(const TokenTable& tokens);

}  // namespace heed::data::json_tokenizer
