// Tokens that are found in a text before the model sees it.
#pragma once

#include <string>
#include <vector>

#include "data/json_tokenizer/model.h"
#include "data/json_tokenizer/normalizer.h"
#include "data/json_tokenizer/pieces.h"
#include "data/json_tokenizer/trie.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data::json_tokenizer {

class AddedTokens {
 public:
  AddedTokens() = default;
  /// The list of a file. Throws ModelError.
  AddedTokens(const Json& list, const TokenTable& tokens, const Normalizer* normalizer,
              const std::string& file);

  /// A text as pieces: added tokens, and what lies between them, normalized. Special ones are not looked for where `split`.
  Pieces find(std::string_view text, const Normalizer* normalizer, bool split) const;

  const std::vector<AddedToken>& all() const { return tokens_; }
  /// The place of an id among all(), -1 where it is none of them.
  int64_t index(int64_t id) const;
  /// The id of a token, -1 where it is none of them.
  int64_t find(std::string_view content) const {
    const int64_t found = by_content_.find(content);
    return found < 0 ? -1 : tokens_[static_cast<size_t>(found)].id;
  }
  /// How it is shown: normalized where it is found in normalized text.
  const std::string& shown(size_t index) const { return shown_[index]; }
  /// Is left out by decode.
  bool is_special(std::string_view shown) const;

 private:
  /// What is looked for in one of the two passes.
  struct Finder {
    Trie trie;             // values: places among tokens_
    bool first[256] = {};  // bytes that one of them begins with
    bool any = false;
  };
  Finder finder(bool normalized, const std::string& file) const;
  void cut(Pieces& pieces, const Finder& finder, bool split) const;
  void cut_piece(std::string_view text, uint32_t offset, const Finder& finder, bool split,
                 std::vector<Piece>& out) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::string> shown_;
  TokenTable by_content_;  // places among tokens_
  std::vector<int64_t> by_id_;
  Finder raw_, normalized_;
};

}  // namespace heed::data::json_tokenizer
