// The vocabulary of a GGUF file as tokenizer.json.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "pretrained/gguf_metadata.h"

namespace heed::pretrained {
namespace {

using Json = nlohmann::json;

/// What kind of piece each is (llama.cpp, llama_token_type).
enum PieceType : int64_t { normal = 1, unknown, control, user_defined, unused, byte };

const Json kByteLevel = {{"type", "ByteLevel"},
                         {"add_prefix_space", false},
                         {"trim_offsets", false},
                         {"use_regex", false}};

Json split_by(const std::string& pattern) {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"},
             {"pattern", {{"Regex", pattern}}},
             {"behavior", "Isolated"},
             {"invert", false}},
            kByteLevel}}};
}

Json with_digits_apart() {
  Json bytes = kByteLevel;
  bytes["use_regex"] = true;
  return {{"type", "Sequence"},
          {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, bytes}}};
}

/// How texts are cut before pairs are merged, by the names that llama.cpp gives (llama-vocab.cpp).
Json pre_tokenizer(GgufMetadata& metadata) {
  const std::string key = "tokenizer.ggml.pre", pre = metadata.text(key);
  const auto words = [](const char* digits) {
    return std::string(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)") + digits +
           R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  };
  if (pre == "llama-bpe") return split_by(words(R"(\p{N}{1,3})"));
  if (pre == "qwen2") return split_by(words(R"(\p{N})"));
  if (pre == "smollm") return with_digits_apart();
  if (pre == "gpt-2") {
    Json bytes = kByteLevel;
    bytes["use_regex"] = true;
    return bytes;
  }
  metadata.refuse(key,
                  "\"" + pre + "\" is not known; known are gpt-2, llama-bpe, qwen2 and smollm");
}

/// Pairs of pieces in the order in which SentencePiece merges them: the piece that they become has
/// the higher score first; equal ones by the numbers of both.
Json merges_of_scores(const std::vector<std::string>& pieces, const std::vector<double>& scores) {
  std::unordered_map<std::string_view, size_t> number;
  for (size_t i = 0; i < pieces.size(); ++i) number.emplace(pieces[i], i);
  std::vector<std::tuple<double, size_t, size_t>> merges;  // less the score, left, right
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      if ((static_cast<unsigned char>(piece[cut]) & 0xC0) == 0x80) continue;  // inside a character
      const auto left = number.find(piece.substr(0, cut)), right = number.find(piece.substr(cut));
      if (left != number.end() && right != number.end())
        merges.emplace_back(-scores[i], left->second, right->second);
    }
  }
  std::stable_sort(merges.begin(), merges.end());
  Json list = Json::array();
  for (const auto& [score, left, right] : merges) list.push_back({pieces[left], pieces[right]});
  return list;
}

/// What of the file says the pieces.
struct Pieces {
  const std::vector<std::string>& texts;
  std::vector<int64_t> types;
};

Pieces read_pieces(GgufMetadata& metadata) {
  Pieces pieces{metadata.texts("tokenizer.ggml.tokens"), {}};
  if (metadata.has("tokenizer.ggml.token_type"))
    pieces.types = metadata.integers("tokenizer.ggml.token_type");
  else
    pieces.types.assign(pieces.texts.size(), normal);
  if (pieces.types.size() != pieces.texts.size())
    metadata.refuse("tokenizer.ggml.token_type",
                    "expected as many as there are tokens, " + std::to_string(pieces.texts.size()) +
                        ", found " + std::to_string(pieces.types.size()));
  for (size_t i = 0; i < pieces.texts.size(); ++i)
    if (invalid_utf8(pieces.texts[i]) != std::string::npos)
      metadata.refuse("tokenizer.ggml.tokens", "token " + std::to_string(i) + " is no UTF-8");
  return pieces;
}

Json byte_level_model(GgufMetadata& metadata, Json& file) {
  Json merges = Json::array();
  for (const auto& merge : metadata.texts("tokenizer.ggml.merges")) merges.push_back(merge);
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = pre_tokenizer(metadata);
  file["decoder"] = kByteLevel;
  return {{"type", "BPE"}, {"merges", merges}};
}

Json sentencepiece_model(GgufMetadata& metadata, const Pieces& pieces, Json& file) {
  const auto& scores = metadata.numbers("tokenizer.ggml.scores");
  if (scores.size() != pieces.texts.size())
    metadata.refuse("tokenizer.ggml.scores", "expected as many as there are tokens");
  const bool prefix = metadata.flag("tokenizer.ggml.add_space_prefix", true);
  const Json space = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  Json normalizers = Json::array(), decoders = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  normalizers.push_back(space);
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  const auto unknown_piece = metadata.integer("tokenizer.ggml.unknown_token_id", 0);
  return {{"type", "BPE"},
          {"unk_token", pieces.texts.at(static_cast<size_t>(unknown_piece))},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"merges", merges_of_scores(pieces.texts, scores)}};
}

/// A special token by its key; null where the file names none.
Json special(GgufMetadata& metadata, const Pieces& pieces, const std::string& name) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  if (!metadata.has(key)) return nullptr;
  const auto number = metadata.integer(key);
  if (number < 0 || number >= static_cast<int64_t>(pieces.texts.size()))
    metadata.refuse(key, "expected one of " + std::to_string(pieces.texts.size()) +
                             " tokens, given " + std::to_string(number));
  return pieces.texts[static_cast<size_t>(number)];
}

/// What is put before and behind every text.
Json post_processor(GgufMetadata& metadata, const Pieces& pieces, bool begins_by_default) {
  const auto bos = special(metadata, pieces, "bos"), eos = special(metadata, pieces, "eos");
  const bool begin =
      metadata.flag("tokenizer.ggml.add_bos_token", begins_by_default) && !bos.is_null();
  const bool end = metadata.flag("tokenizer.ggml.add_eos_token", false) && !eos.is_null();
  if (!begin && !end) return nullptr;
  Json single = Json::array(), tokens = Json::object();
  const auto add = [&](const Json& token, const char* key) {
    const auto number = metadata.integer(std::string("tokenizer.ggml.") + key + "_token_id");
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    tokens[token.get<std::string>()] = {{"id", token}, {"ids", {number}}, {"tokens", {token}}};
  };
  if (begin) add(bos, "bos");
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (end) add(eos, "eos");
  Json pair = single;
  for (Json part : single) {
    part.begin().value()["type_id"] = 1;
    if (part.contains("Sequence")) part["Sequence"]["id"] = "B";
    pair.push_back(part);
  }
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

Json added_tokens(const Pieces& pieces) {
  Json added = Json::array();
  for (size_t i = 0; i < pieces.texts.size(); ++i) {
    const auto type = pieces.types[i];
    if (type != control && type != user_defined && type != unknown) continue;
    added.push_back({{"id", i},
                     {"content", pieces.texts[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", type != user_defined}});
  }
  return added;
}

}  // namespace

GgufTokenizer gguf_tokenizer(GgufMetadata& metadata) {
  const auto kind = metadata.text("tokenizer.ggml.model");
  const auto pieces = read_pieces(metadata);
  Json file = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  file["added_tokens"] = added_tokens(pieces);
  Json model;
  if (kind == "gpt2")
    model = byte_level_model(metadata, file);
  else if (kind == "llama")
    model = sentencepiece_model(metadata, pieces, file);
  else
    metadata.refuse(
        "tokenizer.ggml.model",
        "\"" + kind + "\" is not known; known are gpt2 (BPE of bytes) and llama (SentencePiece)");
  Json vocabulary = Json::object();
  for (size_t i = 0; i < pieces.texts.size(); ++i)
    if (const auto [before, is_new] = vocabulary.emplace(pieces.texts[i], i); !is_new)
      metadata.refuse("tokenizer.ggml.tokens",
                      "tokens " + before->dump() + " and " + std::to_string(i) + " are the same");
  model["vocab"] = std::move(vocabulary);
  file["model"] = std::move(model);
  file["post_processor"] = post_processor(metadata, pieces, kind == "llama");

  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  for (const auto& [ours, theirs] : {std::pair{"bos_token", "bos"},
                                     {"eos_token", "eos"},
                                     {"unk_token", "unknown"},
                                     {"pad_token", "padding"}})
    if (const auto token = special(metadata, pieces, theirs); !token.is_null())
      config[ours] = token;
  if (metadata.has("tokenizer.chat_template"))
    config["chat_template"] = metadata.text("tokenizer.chat_template");
  return {file.dump(), config.dump()};
}

}  // namespace heed::pretrained
