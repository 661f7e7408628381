// Which tokens have a role: tokenizer_config.json and special_tokens_map.json.
#pragma once

#include <optional>
#include <string>

#include "data/json_tokenizer/added_tokens.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data::json_tokenizer {

/// What the files beside tokenizer.json say.
struct TokenizerConfig {
  SpecialTokens special;
  std::optional<int64_t> model_max_length;
  Side padding_side = Side::right, truncation_side = Side::right;
};

/// Takes what a tokenizer_config.json or a special_tokens_map.json says and `config` does not have yet. Other keys are those
/// of transformers' classes and mean nothing here. Throws ModelError with file and path.
void read_config(std::string_view bytes, const std::string& file, TokenizerConfig& config);

/// Gives roles that nobody named to special tokens with well-known names, and throws ModelError for a named token that the
/// tokenizer does not have.
void find_special_tokens(const AddedTokens& added, const TokenTable& tokens,
                         const std::string& file, SpecialTokens& special);

}  // namespace heed::data::json_tokenizer
