// Against tokenizers 0.23.3: tokenizer files of whole models where they are there, and small ones for every component, whose
// ids, tokens, offsets and texts bench/peers/tokenizer_cases.py has written into json_tokenizer_cases.jsonl.
#include "heed/data/json_tokenizer.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "data/record_samples.h"
#include "data/samples.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

using nlohmann::json;

json offsets_of(const Encoding& encoding) {
  json offsets = json::array();
  for (const auto& [begin, end] : encoding.offsets) offsets.push_back({begin, end});
  return offsets;
}

// ---- tokenizers of whole models ----

class GoldenTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTokenizer, EqualsTheLibrary) {
  const std::string folder = std::string("golden/") + GetParam();
  HEED_NEEDS_SHARED(folder + "/tokenizer_cases.json");
  const auto tokenizer = JsonTokenizer::open(test::shared_data() / folder);
  const auto expected =
      json::parse(read_text(test::shared_data() / folder / "tokenizer_cases.json"));
  for (const auto& one : expected["cases"]) {
    const auto text = one["text"].get<std::string>();
    SCOPED_TRACE(text);
    const auto encoding = tokenizer->encode(text);
    EXPECT_EQ(json(encoding.ids), one["ids"]);
    EXPECT_EQ(json(encoding.tokens), one["tokens"]);
    EXPECT_EQ(json(encoding.type_ids), one["type_ids"]);
    EXPECT_EQ(offsets_of(encoding), one["offsets"]);
    EXPECT_EQ(tokenizer->decode(encoding.ids), one["decoded"].get<std::string>());
  }
  const auto& pair = expected["pair"];
  const auto encoding =
      tokenizer->encode_pair(pair["text"].get<std::string>(), pair["pair"].get<std::string>());
  EXPECT_EQ(json(encoding.ids), pair["ids"]);
  EXPECT_EQ(json(encoding.tokens), pair["tokens"]);
  EXPECT_EQ(json(encoding.type_ids), pair["type_ids"]);
}

INSTANTIATE_TEST_SUITE_P(Json, GoldenTokenizer,
                         ::testing::Values("bert", "gemma2", "gemma3", "gpt2", "llama",
                                           "modernbert", "qwen3", "roberta", "t5", "t5_gated"));

// ---- every component ----

/// A file with only these parts; what is shown of a text is what normalizers and pre-tokenizers make of it.
std::string file_of(const json& parts) {
  const json vocab = json::array({json::array({"<unk>", 0.0})});
  json file = {{"version", "1.0"},
               {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}}};
  file.update(parts);
  return file.dump();
}

std::vector<json> small_cases() {
  std::ifstream lines(HEED_SOURCE_DIR "/tests/data/json_tokenizer_cases.jsonl");
  std::vector<json> cases;
  for (std::string line; std::getline(lines, line);) cases.push_back(json::parse(line));
  return cases;
}

Encoding encode_case(const JsonTokenizer& tokenizer, const json& text) {
  if (text.is_string()) return tokenizer.encode(text.get<std::string>());
  return tokenizer.encode_pair(text[0].get<std::string>(), text[1].get<std::string>());
}

TEST(JsonTokenizer, EveryComponentEqualsTheLibrary) {
  int seen = 0;
  for (const auto& one : small_cases()) {
    if (!one.contains("parts")) continue;
    SCOPED_TRACE(one["parts"].dump() + " " + one["text"].dump());
    const auto tokenizer = JsonTokenizer::parse(file_of(one["parts"]), "x");
    const auto encoding = encode_case(*tokenizer, one["text"]);
    json tokens = json::array();
    for (size_t i = 0; i < encoding.ids.size(); ++i)
      tokens.push_back({encoding.ids[i], encoding.tokens[i], encoding.offsets[i].begin,
                        encoding.offsets[i].end});
    EXPECT_EQ(tokens, one["tokens"]);
    if (one.contains("types")) {
      EXPECT_EQ(json(encoding.type_ids), one["types"]);
    }
    auto known = encoding.ids;  // a post-processor may put in what is no token
    std::erase_if(known, [&](int64_t id) { return id >= tokenizer->size(); });
    EXPECT_EQ(tokenizer->decode(known, false), one["decoded"].get<std::string>());
    ++seen;
  }
  EXPECT_GE(seen, 110);
}

TEST(JsonTokenizer, EveryDecoderEqualsTheLibrary) {
  int seen = 0;
  for (const auto& one : small_cases()) {
    if (!one.contains("decoder")) continue;
    SCOPED_TRACE(one.dump());
    json vocab = {{"?", 1000}};
    std::vector<int64_t> ids;
    for (const auto& token : one["tokens"]) {
      const auto& id = vocab.emplace(token.get<std::string>(), vocab.size()).first;
      ids.push_back(id->get<int64_t>());
    }
    const auto tokenizer = JsonTokenizer::parse(
        file_of({{"decoder", one["decoder"]},
                 {"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "?"}}}}),
        "x");
    EXPECT_EQ(tokenizer->decode(ids), one["text"].get<std::string>());
    ++seen;
  }
  EXPECT_EQ(seen, 12);
}

// ---- what else can be asked ----

std::shared_ptr<const JsonTokenizer> words(json more = json::object()) {
  json parts = {
      {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
      {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}}},
      {"added_tokens",
       {{{"id", 0},
         {"content", "<pad>"},
         {"special", true},
         {"single_word", false},
         {"lstrip", false},
         {"rstrip", false},
         {"normalized", false}},
        {{"id", 7},
         {"content", "</s>"},
         {"special", true},
         {"single_word", false},
         {"lstrip", false},
         {"rstrip", false},
         {"normalized", false}}}},
      {"post_processor", {{"type", "BertProcessing"}, {"sep", {"</s>", 7}}, {"cls", {"<s>", 6}}}},
      {"model",
       {{"type", "WordLevel"},
        {"unk_token", "?"},
        {"vocab", {{"<pad>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"?", 4}, {"d", 5}, {"<s>", 6}}}}}};
  parts.update(more);
  return JsonTokenizer::parse(file_of(parts), "words.json");
}

TEST(JsonTokenizer, TellsItsTokens) {
  const auto t = words();
  EXPECT_EQ(t->size(), 8);
  EXPECT_EQ(t->count(), 8);
  EXPECT_EQ(t->id("c"), 3);
  EXPECT_EQ(t->id("</s>"), 7);
  EXPECT_EQ(t->id("nothing"), std::nullopt);
  EXPECT_EQ(t->token(7), "</s>");
  EXPECT_EQ(t->unknown(), 4);
  EXPECT_EQ(t->special_tokens().padding, "<pad>");
  EXPECT_EQ(t->special_tokens().end, "</s>");
  EXPECT_EQ(t->special_tokens().begin, std::nullopt) << "<s> is not special here";
  EXPECT_EQ(t->decode({6, 1, 7, 2, 0}), "<s> a b");
  EXPECT_EQ(t->decode({6, 1, 7, 2, 0}, false), "<s> a </s> b <pad>");
  EXPECT_THROW(t->decode({8}), UsageError);
  EXPECT_THROW(t->decode({-1}), UsageError);
}

TEST(JsonTokenizer, SpecialTokensInTextsMayBeOrdinaryText) {
  const auto t = words();
  EXPECT_EQ(t->ids("a </s>", {.add_special_tokens = false}), (std::vector<int64_t>{1, 7}));
  EXPECT_EQ(t->ids("a </s>", {.add_special_tokens = false, .split_special_tokens = true}),
            (std::vector<int64_t>{1, 4}));
}

/// Ids, and behind them what overflows: "1 2; 3 4".
std::string all_ids(const Encoding& encoding) {
  std::string text;
  for (const int64_t id : encoding.ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  for (const auto& part : encoding.overflowing) text += "; " + all_ids(part);
  return text;
}

/// Expectations by tokenizers 0.23.3 (enable_truncation).
TEST(JsonTokenizer, TruncatesAsTheLibrary) {
  const auto t = words();
  const auto cut = [&](Truncation how) {
    return all_ids(t->encode("a b c d a", {.truncation = how}));
  };
  EXPECT_EQ(cut({.max_length = 4}), "6 1 2 7; 6 3 5 7; 6 1 7");
  EXPECT_EQ(cut({.max_length = 5, .stride = 1}), "6 1 2 3 7; 6 3 5 1 7");
  EXPECT_EQ(cut({.max_length = 4, .direction = Side::left}), "6 5 1 7; 6 2 3 7; 6 1 7");
  EXPECT_EQ(cut({.max_length = 9}), "6 1 2 3 5 1 7");
  using Strategy = Truncation::Strategy;
  const auto pair = [&](Truncation how) {
    return all_ids(t->encode_pair("a b c d", "a b", {.truncation = how}));
  };
  EXPECT_EQ(pair({.max_length = 7}), "6 1 2 7 1 2 7; 6 3 5 7 1 2 7");
  EXPECT_EQ(pair({.max_length = 6}), "6 1 2 7 1 7; 6 3 5 7 1 7; 6 3 5 7 2 7; 6 1 2 7 2 7");
  EXPECT_EQ(pair({.max_length = 7, .strategy = Strategy::only_first}),
            "6 1 2 7 1 2 7; 6 3 5 7 1 2 7");
  EXPECT_EQ(pair({.max_length = 8, .strategy = Strategy::only_second}),
            "6 1 2 3 5 7 1 7; 6 1 2 3 5 7 2 7");
  EXPECT_THROW(pair({.max_length = 7, .strategy = Strategy::only_second}), UsageError);
  EXPECT_THROW(cut({.max_length = 3, .strategy = Strategy::only_second}), UsageError);
  EXPECT_THROW(cut({.max_length = 4, .stride = 2}), UsageError);
  EXPECT_THROW(cut({.max_length = 1}), UsageError);
}

TEST(JsonTokenizer, IsAKindOfTokenizerOfRecipes) {
  const auto t = words();
  TokenizerOptions options;
  options.kind = TokenizerKind::json;
  const auto loaded = load_tokenizer(options, t->file(), "text.tokenizer");
  EXPECT_EQ(loaded->encode("a b c"), t->ids("a b c", {.add_special_tokens = false}));
  EXPECT_EQ(loaded->file(), t->file());
  EXPECT_THROW(load_tokenizer(options, "{", "text.tokenizer"), ModelError);
  EXPECT_THROW(train_tokenizer(options, [](std::string&) { return false; }), ModelError);
}

TEST(JsonTokenizer, PadsABatch) {
  const auto t = words();
  std::vector<Encoding> batch{t->encode("a"), t->encode("a b c")};
  pad(batch, {.id = 0, .token = "<pad>"});
  EXPECT_EQ(all_ids(batch[0]), "6 1 7 0 0");
  EXPECT_EQ(batch[0].attention_mask, (std::vector<int64_t>{1, 1, 1, 0, 0}));
  EXPECT_EQ(batch[0].special_tokens_mask, (std::vector<int64_t>{1, 0, 1, 1, 1}));
  pad(batch, {.multiple_of = 4, .direction = Side::left, .id = 9});
  EXPECT_EQ(all_ids(batch[1]), "9 9 9 6 1 2 3 7");
  const Padding fixed{.length = 4};
  EXPECT_EQ(all_ids(t->encode("a", {.padding = fixed})), "6 1 7 0");
}

TEST(JsonTokenizer, OffsetsInBytesAreThoseOfTheTextAsItWasGiven) {
  const auto t = words({{"normalizer", {{"type", "NFD"}}}});
  const auto encoding = t->encode("é \u3000中 a");
  EXPECT_EQ(encoding.offsets[1], (CharacterRange{0, 1}));
  EXPECT_EQ(encoding.byte_offsets[1], (ByteRange{0, 2}));
  EXPECT_EQ(encoding.byte_offsets[2], (ByteRange{6, 9}));
  EXPECT_EQ(encoding.byte_offsets[3], (ByteRange{10, 11}));
}

TEST(JsonTokenizer, IsATokenizerOfRecipes) {
  const json bytes = {
      {"pre_tokenizer",
       {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}}},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "?"},
        {"vocab", {{"a", 0}, {"Ã", 1}, {"©", 2}, {"ĠÃ", 3}, {"Ġ", 4}, {"?", 5}}},
        {"merges", {"Ġ Ã"}}}}};
  const auto t = as_tokenizer(JsonTokenizer::parse(file_of(bytes), "x"));
  const auto encoded = t->encode_with_offsets("aé é");
  EXPECT_EQ(encoded.ids, (std::vector<int64_t>{0, 1, 2, 3, 2}));
  EXPECT_EQ(encoded.offsets, (std::vector<ByteRange>{{0, 1}, {1, 1}, {1, 3}, {3, 4}, {4, 6}}));
  EXPECT_EQ(t->encode("aé é"), encoded.ids);
  EXPECT_EQ(t->decode(encoded.ids), "aé é");
  EXPECT_EQ(t->unknown(), 5);
  EXPECT_EQ(t->id("none"), 5);
  EXPECT_EQ(t->padding(), -1);
  EXPECT_EQ(t->piece(3), "ĠÃ");
  EXPECT_THROW(t->encode("\xFF"), DataError);
}

TEST(JsonTokenizer, ThreadsShareIt) {
  const auto t = words();
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> got(4);
  for (auto& ids : got)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) ids = t->ids("a b \u4e2d\u00e9" + std::to_string(i));
    });
  for (auto& thread : threads) thread.join();
  for (const auto& ids : got) EXPECT_EQ(ids, (std::vector<int64_t>{6, 1, 2, 4, 7}));
}

}  // namespace
}  // namespace heed::data
