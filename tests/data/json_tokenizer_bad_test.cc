// A tokenizer.json that is wrong, and SentencePiece's charsmap, which is a trie in a file.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data {
namespace {

using nlohmann::json;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const json kWords = {{"type", "WordLevel"}, {"unk_token", "a"}, {"vocab", {{"a", 0}, {"b", 1}}}};

json added(int64_t id, const std::string& content) {
  return {{"id", id},        {"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", true}, {"special", false}};
}

std::string message_for(const std::string& bytes) {
  return message_of<ModelError>([&] { JsonTokenizer::parse(bytes, "t.json"); });
}
std::string message_with(const json& parts) {
  json file = {{"version", "1.0"}, {"model", kWords}};
  file.update(parts);
  return message_for(file.dump());
}

TEST(JsonTokenizerBad, WhatIsNoTokenizerFile) {
  EXPECT_THAT(message_for(""), HasSubstr("t.json: expected JSON, byte 1"));
  EXPECT_THAT(message_for("{\"model\": 1"), HasSubstr("t.json: expected JSON"));
  EXPECT_THAT(message_for("{\"a\": 1e999}"), HasSubstr("too large"));
  EXPECT_THAT(message_for("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(message_for("{}"), HasSubstr("model: is missing"));
  EXPECT_THAT(message_for("{\"version\": \"1.0\", \"version\": \"1.0\"}"), HasSubstr("twice"));
  EXPECT_THAT(message_for("{\"a\":" + std::string(100000, '[')), HasSubstr("deeper than 64"));
  EXPECT_THAT(message_for("{\"a\": \"\xFF\"}"), HasSubstr("t.json: expected JSON"));
  EXPECT_THROW(JsonTokenizer::open("/no/such/folder"), FileError);
}

TEST(JsonTokenizerBad, UnknownPartsAreNamed) {
  EXPECT_THAT(message_with({{"normaliser", nullptr}}),
              AllOf(HasSubstr("unknown key 'normaliser'"), HasSubstr("normalizer")));
  EXPECT_THAT(message_with({{"version", "2.0"}}), HasSubstr("version: expected 1.0"));
  EXPECT_THAT(message_with({{"normalizer", {{"type", "NFX"}}}}),
              AllOf(HasSubstr("t.json: normalizer.type: 'NFX' is not known"), HasSubstr("NFKC")));
  const json inner = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "X"}}}}};
  EXPECT_THAT(message_with({{"normalizer", inner}}), HasSubstr("normalizer.normalizers[1].type"));
  EXPECT_THAT(message_with({{"pre_tokenizer", {{"type", "X"}}}}), HasSubstr("Metaspace"));
  EXPECT_THAT(message_with({{"post_processor", {{"type", "X"}}}}), HasSubstr("TemplateProcessing"));
  EXPECT_THAT(message_with({{"decoder", {{"type", "X"}}}}), HasSubstr("ByteFallback"));
  EXPECT_THAT(message_with({{"model", {{"type", "X"}}}}), HasSubstr("Unigram"));
  EXPECT_THAT(message_with({{"normalizer", {{"type", "NFC"}, {"extra", 1}}}}),
              HasSubstr("normalizer: unknown key 'extra'"));
  EXPECT_THAT(message_with({{"pre_tokenizer", {{"type", "Digits"}, {"individual_digits", 1}}}}),
              HasSubstr("pre_tokenizer.individual_digits: expected true or false, given 1"));
  EXPECT_THAT(message_with({{"truncation", {{"max_length", -1}}}}), HasSubstr("truncation."));
}

TEST(JsonTokenizerBad, Vocabularies) {
  const auto model = [](const json& more) {
    json parts = kWords;
    parts.update(more);
    return message_with({{"model", parts}});
  };
  EXPECT_THAT(model({{"vocab", {{"a", 0}, {"b", 0}}}}),
              HasSubstr("the id 0 is that of 'a' already"));
  EXPECT_THAT(model({{"vocab", {{"a", -1}}}}), HasSubstr("model.vocab['a']: expected an id"));
  EXPECT_THAT(model({{"vocab", {{"a", 1.5}}}}), HasSubstr("expected an id"));
  EXPECT_THAT(model({{"vocab", {{"a", 1e15}}}}), HasSubstr("expected an id"));
  EXPECT_THAT(model({{"vocab", {{"a", "b"}}}}), HasSubstr("model.vocab: expected"));
  EXPECT_THAT(model({{"vocab", 3}}), HasSubstr("model.vocab: expected"));
  EXPECT_THAT(model({{"vocab", json::array({json::array({"a", 0})})}}),
              HasSubstr("{\"token\": id"));
  EXPECT_THAT(message_for(R"({"model": {"type": "WordLevel", "unk_token": "a",
                              "vocab": {"a": 0, "a": 1}}})"),
              HasSubstr("model.vocab['a']: stands there twice"));
}

TEST(JsonTokenizerBad, Merges) {
  const auto merges = [](const json& list) {
    return message_with(
        {{"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}}}, {"merges", list}}}});
  };
  EXPECT_THAT(merges({"a c"}), HasSubstr("model.merges[0]: 'c' is not in model.vocab"));
  EXPECT_THAT(merges({"a b"}), HasSubstr("'ab' is not in model.vocab"));
  EXPECT_THAT(merges({"a b c"}), HasSubstr("expected two tokens"));
  EXPECT_THAT(merges(json::array({json::array({"a"})})), HasSubstr("model.merges: expected"));
  EXPECT_THAT(merges({{"a", 1}}), HasSubstr("model.merges: expected"));
  EXPECT_THAT(message_with({{"model", {{"type", "BPE"}, {"vocab", {{"a", 0}}}}}}),
              HasSubstr("model.merges: is missing"));
  EXPECT_THAT(message_with({{"model",
                             {{"type", "BPE"},
                              {"dropout", 0.1},
                              {"vocab", {{"a", 0}}},
                              {"merges", json::array()}}}}),
              HasSubstr("model.dropout"));
  EXPECT_THAT(message_with({{"model",
                             {{"type", "Unigram"},
                              {"unk_id", 4},
                              {"vocab", json::array({json::array({"a", 0})})}}}}),
              HasSubstr("model.unk_id"));
}

TEST(JsonTokenizerBad, AddedTokensAndTemplates) {
  EXPECT_THAT(message_with({{"added_tokens", {added(5, "x")}}}),
              HasSubstr("added_tokens[0].id: 'x' has the id 2 behind model.vocab"));
  EXPECT_THAT(message_with({{"added_tokens", {added(0, "b")}}}),
              HasSubstr("has the id 1 in model.vocab"));
  EXPECT_THAT(message_with({{"added_tokens", {added(2, "x"), added(2, "x")}}}),
              HasSubstr("added_tokens[1]"));
  EXPECT_THAT(message_with({{"normalizer", {{"type", "Lowercase"}}},
                            {"added_tokens", {added(2, "x"), added(3, "X")}}}),
              HasSubstr("once it is normalized"));
  const json item = json::array({{{"SpecialToken", {{"id", "s"}, {"type_id", 0}}}}});
  EXPECT_THAT(message_with({{"post_processor",
                             {{"type", "TemplateProcessing"},
                              {"single", item},
                              {"pair", item},
                              {"special_tokens", json::object()}}}}),
              HasSubstr("[0].SpecialToken.id: 's' is not in special_tokens"));
}

TEST(JsonTokenizerBad, RegularExpressions) {
  const auto regex = [](const std::string& text) {
    return message_with({{"pre_tokenizer",
                          {{"type", "Split"},
                           {"pattern", {{"Regex", text}}},
                           {"behavior", "Isolated"},
                           {"invert", false}}}});
  };
  for (const char* wrong :
       {"(",      ")",       "[",         "a)",         "*",       "a{3,2}", "\\1",
        "\\k<a>", "(?<=a*)", "\\p{Nope}", "\\X",        "\\K",     "(?x)a",  "(?(1)a)",
        "(a*)*",  "[z-a]",   "\\",        "[[:nope:]]", "a{9999}", "\\xFF",  "[a-"})
    EXPECT_THAT(regex(wrong), HasSubstr("pre_tokenizer.pattern.Regex: the regular expression"))
        << wrong;
  EXPECT_THAT(regex(std::string(1000, '(')), HasSubstr("deeper than 64"));
}

TEST(JsonTokenizerBad, ATextThatTakesTooLongIsAnError) {
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "(?:a+)+$x"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const json file = {{"model", kWords}, {"pre_tokenizer", split}};
  const auto t = JsonTokenizer::parse(file.dump(), "t.json");
  EXPECT_THAT(message_of<DataError>([&] { t->encode(std::string(40, 'a')); }), HasSubstr("10^7"));
}

TEST(JsonTokenizerBad, NoTokenForWhatIsNotKnown) {
  const json file = {{"model", {{"type", "WordLevel"}, {"unk_token", "?"}, {"vocab", {{"a", 0}}}}}};
  const auto t = JsonTokenizer::parse(file.dump(), "t.json");
  EXPECT_EQ(t->ids("a"), std::vector<int64_t>{0});
  EXPECT_THAT(message_of<DataError>([&] { t->ids("b"); }), HasSubstr("no token for 'b'"));
  EXPECT_THAT(message_of<DataError>([&] { t->ids("\xC3"); }), HasSubstr("UTF-8"));
}

// ---- Precompiled ----

/// Darts' double array of some texts in the plainest layout: 256 units a node. Base64 of trie and replacements.
std::string charsmap(const std::vector<std::pair<std::string, std::string>>& rules) {
  std::vector<uint32_t> units(256 * 64, 0);
  std::string texts;
  uint32_t nodes = 1;
  std::map<std::string, uint32_t> base;  // of each beginning
  const auto node = [&](const std::string& key, size_t at) {
    const auto [found, fresh] = base.emplace(key, nodes * 256);
    if (!fresh) return found->second;
    ++nodes;
    units[at] |= (found->second ^ static_cast<uint32_t>(at)) << 10 |
                 (key.empty() ? 0 : static_cast<uint8_t>(key.back()));
    return found->second;
  };
  for (const auto& [what, by] : rules) {
    size_t at = 0;
    for (size_t i = 0; i < what.size(); ++i)
      at = node(what.substr(0, i), at) ^ static_cast<uint8_t>(what[i]);
    const uint32_t leaf = node(what, at);
    units[at] |= 1u << 8;
    units[leaf] = 1u << 31 | static_cast<uint32_t>(texts.size());
    texts += by + '\0';
  }
  units.resize(nodes * 256);
  std::string bytes;
  const auto put = [&](uint32_t x) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(x >> (8 * i));
  };
  put(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) put(unit);
  bytes += texts;
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
  }
  return text;
}

/// What tokenizers 0.23.3 gives: each character with where it comes from.
TEST(JsonTokenizerPrecompiled, EqualsTheLibrary) {
  const auto map =
      charsmap({{"\u2460", "1"}, {"\ufb01", "fi"}, {"e", "E"}, {"\u200b", ""}, {"\u00e9", "e"}});
  const json vocab = json::array({json::array({"<unk>", 0.0})});
  const json file = {{"normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", map}}},
                     {"pre_tokenizer", {{"type", "FixedLength"}, {"length", 1}}},
                     {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}}};
  const auto t = JsonTokenizer::parse(file.dump(), "t.json");
  const auto shown = [&](const std::string& text) {
    const auto encoding = t->encode(text);
    std::string all;
    for (size_t i = 0; i < encoding.ids.size(); ++i)
      all += encoding.tokens[i] + std::to_string(encoding.offsets[i].begin) + "-" +
             std::to_string(encoding.offsets[i].end) + " ";
    return all;
  };
  EXPECT_EQ(shown("\u2460\ufb01x e\u0301 \u00e9\u200b\u200bz"),
            "10-1 f1-2 i1-2 x2-3  3-4 E4-5  6-7 e7-8 z10-11 ");
  EXPECT_EQ(shown("\u200ba"), "a0-1 ");
  EXPECT_EQ(shown("e\u0301\u0301\u0301 \u2460\ufe0f \r\n"),
            "E0-1 \u03011-2 \u03012-3 \u03013-4  4-5 15-6 \ufe0f6-7  7-8 \r8-9 \n9-10 ");
}

TEST(JsonTokenizerPrecompiled, DamagedMapsAreRefused) {
  for (const char* map : {"", "?", "AAAA", "AAAAAA==", "BAAAAAAAAAA", "/////wAAAAA="})
    EXPECT_THAT(
        message_with({{"normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", map}}}}),
        HasSubstr("normalizer.precompiled_charsmap"));
}

TEST(JsonTokenizerRows, AreWhatTheModelHas) {
  json file = {{"version", "1.0"}, {"model", kWords}};
  file["model"]["vocab"] = json::object();
  for (int i = 0; i < 16; ++i) file["model"]["vocab"][std::string(1, char('a' + i))] = i;
  const auto parsed = [&](int64_t rows) {
    return JsonTokenizer::parse(file.dump(), "t.json", {}, rows);
  };
  EXPECT_EQ(parsed(0)->size(), 16);
  const auto padded = parsed(18);
  EXPECT_EQ(padded->size(), 18);
  EXPECT_EQ(padded->count(), 16);
  EXPECT_EQ(padded->decode({1, 17, 2}), "b c");
  EXPECT_FALSE(padded->token(17));
  EXPECT_EQ(as_tokenizer(padded)->piece(17), "");
  EXPECT_THROW(padded->decode({18}), UsageError);
  for (const int64_t rows : {19, 15})
    EXPECT_EQ(message_of<ModelError>([&] { parsed(rows); }),
              "t.json: the tokenizer has 16 tokens, and the model's embedding " +
                  std::to_string(rows) + " rows: they are of different models; fetch both of one");
  // An added token is another matter: it may be one of a model that sees, too.
  file["added_tokens"] = {added(16, "<image>")};
  const auto less = parsed(16);
  EXPECT_EQ(less->size(), 16);
  EXPECT_EQ(less->ids("a"), std::vector<int64_t>{0});
  for (const bool plain : {true, false})
    EXPECT_EQ(message_of<DataError>([&] { less->ids("<image>a", {.add_special_tokens = !plain}); }),
              "token '<image>' has the number 16, and the model's embedding the numbers 0 to 15");
  EXPECT_EQ(as_tokenizer(less)->id("<image>"), as_tokenizer(less)->unknown());
  EXPECT_EQ(parsed(17)->ids("<image>"), std::vector<int64_t>{16});
}

}  // namespace
}  // namespace heed::data
