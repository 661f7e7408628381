#include "data/json_tokenizer/special_tokens.h"

#include <algorithm>

#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

using Role = std::optional<std::string> SpecialTokens::*;
struct RoleName {
  const char* key;
  Role role;
  std::vector<const char*> usual;  // names, the likeliest first
};

const std::vector<RoleName>& roles() {
  static const std::vector<RoleName> all = {
      {"bos_token",
       &SpecialTokens::begin,
       {"<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "[BOS]"}},
      {"eos_token",
       &SpecialTokens::end,
       {"</s>", "<eos>", "<|end_of_text|>", "<|im_end|>", "<|endoftext|>", "[EOS]"}},
      {"unk_token", &SpecialTokens::unknown, {"<unk>", "[UNK]"}},
      {"sep_token", &SpecialTokens::separator, {"[SEP]"}},
      {"pad_token", &SpecialTokens::padding, {"<pad>", "[PAD]", "<|pad|>"}},
      {"cls_token", &SpecialTokens::classification, {"[CLS]"}},
      {"mask_token", &SpecialTokens::mask, {"<mask>", "[MASK]"}}};
  return all;
}

/// "token" or {"content": "token", ...}
std::string token_text(const Json& value, const std::string& path, const std::string& file) {
  if (value.is_string()) return value.get<std::string>();
  const auto content = value.is_object() ? value.find("content") : value.end();
  if (!value.is_object() || content == value.end() || !content->is_string())
    refuse_at(file, path, "expected a token or {\"content\": token}, given " + described(value));
  return content->get<std::string>();
}

void read_side(const Json& root, const char* key, const std::string& file, Side& side) {
  const auto found = root.find(key);
  if (found == root.end() || found->is_null()) return;
  if (*found != "left" && *found != "right")
    refuse_at(file, key, "expected left or right, given " + described(*found));
  side = *found == "left" ? Side::left : Side::right;
}

void read_length(const Json& root, const std::string& file, std::optional<int64_t>& length) {
  const auto found = root.find("model_max_length");
  if (length || found == root.end() || found->is_null()) return;
  if (!found->is_number() || found->get<double>() < 1)
    refuse_at(file, "model_max_length", "expected a number of tokens, given " + described(*found));
  constexpr double kVeryLarge = 1e15;  // transformers writes 1e30 for none
  if (found->get<double>() < kVeryLarge) length = found->get<int64_t>();
}

void read_additional(const Json& root, const std::string& file, SpecialTokens& special) {
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto found = root.find(key);
    if (found == root.end() || !special.additional.empty()) continue;
    // transformers 5 also has {"image_token": "<image>", ...}
    for (const auto& [name, token] : found->items())
      special.additional.push_back(token_text(token, std::string(key) + "." + name, file));
  }
}

}  // namespace

void read_config(std::string_view bytes, const std::string& file, TokenizerConfig& config) {
  const auto root = parse_file(bytes, file).root;
  for (const auto& [key, role, usual] : roles()) {
    const auto found = root.find(key);
    if (found == root.end() || found->is_null() || config.special.*role) continue;
    config.special.*role = token_text(*found, key, file);
  }
  read_additional(root, file, config.special);
  read_length(root, file, config.model_max_length);
  read_side(root, "padding_side", file, config.padding_side);
  read_side(root, "truncation_side", file, config.truncation_side);
}

void find_special_tokens(const AddedTokens& added, const TokenTable& tokens,
                         const std::string& file, SpecialTokens& special) {
  for (const auto& [key, role, usual] : roles()) {
    auto& token = special.*role;
    const auto is = [](const std::string& name) {
      return [&name](const AddedToken& one) { return one.content == name; };
    };
    const auto& all = added.all();
    for (const char* name : usual) {
      if (token) break;
      const auto found = std::find_if(all.begin(), all.end(), is(name));
      if (found != all.end() && found->special) token = name;
    }
    if (!token || tokens.find(*token) >= 0) continue;
    if (std::none_of(all.begin(), all.end(), is(*token)))
      throw ModelError(file + ": the " + key + " '" + *token +
                       "' of the files beside it is no token of this one");
  }
}

}  // namespace heed::data::json_tokenizer
