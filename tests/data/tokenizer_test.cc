#include "heed/data/tokenizer.h"

#include <gmock/gmock.h>

#include "core/utf8.h"
#include "data/samples.h"
#include "heed/core/random.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::HasSubstr;
using Ids = std::vector<int64_t>;

Lines lines_from(std::vector<std::string> given) {
  return [given = std::move(given), at = size_t{0}](std::string& line) mutable {
    if (at == given.size()) return false;
    line = given[at++];
    return true;
  };
}

TokenizerPtr train(const TokenizerOptions& options, std::vector<std::string> lines) {
  return train_tokenizer(options, lines_from(std::move(lines)));
}

/// Characters of one to four bytes, spaces of several kinds, line ends.
std::string random_text(Random& random) {
  std::string text;
  for (uint32_t left = random.below(40); left > 0; --left) {
    uint32_t code = random.below(5) == 0   ? random.below(0x110000)
                    : random.below(4) == 0 ? U" \n\t\u00a0\u3000\u2028"[random.below(6)]
                                           : 'a' + random.below(40);
    if (code >= 0xD800 && code < 0xE000) code = 0x1F600;
    append_utf8(text, code);
  }
  return text;
}

TEST(Words, TheMostFrequentFirstAndTiesByTheirBytes) {
  const auto t =
      train({.kind = TokenizerKind::words, .size = 8}, {"b a  b", "c\u00a0a\u3000b\td", "d"});
  ASSERT_EQ(t->size(), 8);
  EXPECT_EQ(t->piece(4), "b");
  EXPECT_EQ(t->piece(5), "a");
  EXPECT_EQ(t->piece(6), "d");
  EXPECT_EQ(t->piece(7), "c");
  EXPECT_EQ(t->encode(" a\nx b\r"), (Ids{5, 1, 4}));
  EXPECT_EQ(t->decode({2, 5, 1, 4, 3, 0}), "a \u2047 b");
  EXPECT_EQ(t->encode(""), Ids{});
  EXPECT_EQ(t->decode({}), "");
  EXPECT_EQ(t->id("d"), 6);
  EXPECT_EQ(t->id("</s>"), 3);
  EXPECT_EQ(t->id("x"), t->unknown());
}

TEST(Words, SizeAndCountCut) {
  const std::vector<std::string> text{"a a a b b c"};
  EXPECT_EQ(train({.kind = TokenizerKind::words, .size = 6}, text)->size(), 6);
  EXPECT_EQ(train({.kind = TokenizerKind::words, .size = 100}, text)->size(), 7);
  EXPECT_EQ(train({.kind = TokenizerKind::words, .size = 100, .min_count = 2}, text)->size(), 6);
  EXPECT_EQ(train({.kind = TokenizerKind::words, .size = 100, .min_count = 4}, text)->size(), 4);
}

TEST(Words, WhatLooksSpecialIsText) {
  const auto t = train({.kind = TokenizerKind::words}, {"a <s> </s> <pad> <unk>"});
  EXPECT_EQ(t->size(), 5);
  EXPECT_EQ(t->encode("<s> a </s> <pad>"), (Ids{1, 4, 1, 1}));
}

TEST(Words, LowerCaseIsUnicodes) {
  const auto t = train({.kind = TokenizerKind::words, .lowercase = true}, {"ÄPFEL Straße ΟΔΟΣ"});
  EXPECT_NE(t->id("äpfel"), 1);
  EXPECT_EQ(t->encode("Äpfel"), t->encode("äPFEL"));
  EXPECT_NE(t->id("οδος"), 1);
}

TEST(Characters, AreCodePointsAndReturn) {
  const auto t = train({.kind = TokenizerKind::characters}, {"aé日😀a", "én\\"});
  EXPECT_EQ(t->size(), 4 + 1 + 6);
  EXPECT_EQ(t->piece(4), "\n");
  EXPECT_EQ(t->piece(5), "a");
  EXPECT_EQ(t->encode("😀é").size(), 2u);
  for (const std::string text : {"", "a", "\n\n", "日é😀\\n\na"})
    EXPECT_EQ(t->decode(t->encode(text)), text);
  EXPECT_EQ(t->decode(t->encode("axa")), "a\u2047a");
}

TEST(Bytes, ReturnForEveryText) {
  const auto t = train_tokenizer({.kind = TokenizerKind::bytes}, lines_from({}));
  EXPECT_EQ(t->size(), 260);
  EXPECT_EQ(t->encode("\n"), Ids{14});
  EXPECT_EQ(t->piece(14), "<0x0A>");
  EXPECT_EQ(t->id("<0x0A>"), 14);
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const auto text = random_text(random);
    EXPECT_EQ(t->decode(t->encode(text)), text);
  }
  EXPECT_EQ(t->decode({4 + 0xC3}), "\uFFFD");  // half a character
}

TEST(Tokenizers, SaveAndLoad) {
  for (const auto kind : {TokenizerKind::words, TokenizerKind::characters, TokenizerKind::bytes}) {
    const TokenizerOptions options{.kind = kind};
    const auto t = train(options, {"back\\slash new\\n", "a\u2028b \r c"});
    const auto again = load_tokenizer(options, t->file(), "x.txt");
    EXPECT_EQ(again->file(), t->file());
    ASSERT_EQ(again->size(), t->size());
    for (int64_t i = 0; i < t->size(); ++i) {
      EXPECT_EQ(again->piece(i), t->piece(i));
      EXPECT_EQ(again->id(t->piece(i)), i);
    }
  }
}

TEST(Tokenizers, RefuseWhatIsNone) {
  const TokenizerOptions words{.kind = TokenizerKind::words};
  const std::string head = "heed-vocabulary 1 words\n", four = head + "<pad>\n<unk>\n<s>\n</s>\n";
  const std::pair<std::string, const char*> bad[] = {
      {"", "x:1: expected 'heed-vocabulary 1 words'"},
      {"heed-vocabulary 1 characters\n", "another kind"},
      {head, "given 0 pieces"},
      {head + "<pad>\n<unk>\n<s>\n", "given 3 pieces"},
      {head + "<unk>\n", "x:2: expected <pad>, given '<unk>'"},
      {four + "a\nb\na\n", "x:8: the piece 'a' stands in line 6 already"},
      {four + "a\n\nb\n", "x:7: expected a piece, given an empty line"},
      {four + "a\\t\n", "x:6: expected \\n or \\\\"},
      {four + "\xC3\n", "none at byte 45"},
  };
  for (const auto& [bytes, expected] : bad) {
    EXPECT_THAT(message_of<DataError>([&] { load_tokenizer(words, bytes, "x"); }),
                HasSubstr(expected));
  }
  EXPECT_THAT(message_of<DataError>([&] {
                load_tokenizer({.kind = TokenizerKind::bytes},
                               "heed-vocabulary 1 bytes\n" + four.substr(24) + "a\n", "x");
              }),
              HasSubstr("given 5"));
}

TEST(Tokenizers, RefuseOptionsByName) {
  const auto refused = [](const TokenizerOptions& options) {
    return message_of<ModelError>([&] { train(options, {"a"}); });
  };
  EXPECT_THAT(refused({.kind = TokenizerKind::words, .size = 4}),
              HasSubstr("tokenizer.size: expected from 5 to"));
  EXPECT_THAT(refused({.kind = TokenizerKind::words, .min_count = 0}),
              HasSubstr("tokenizer.min_count"));
  EXPECT_THAT(refused({.kind = TokenizerKind::words, .lines = -1}), HasSubstr("tokenizer.lines"));
  EXPECT_THAT(refused({.kind = TokenizerKind::bpe, .coverage = 0.5}),
              HasSubstr("tokenizer.coverage"));
}

TEST(Tokenizers, WordsAreThoseOfTheirValues) {
  const auto check = [](auto value, const char* word) { EXPECT_STREQ(word_of(value), word); };
#define HEED_WORD(type, value) check(type::value, #value)
  HEED_WORD(TokenizerKind, unigram), HEED_WORD(TokenizerKind, bpe);
  HEED_WORD(TokenizerKind, words), HEED_WORD(TokenizerKind, characters);
  HEED_WORD(TokenizerKind, bytes), HEED_WORD(TokenizerKind, vocabulary);
  HEED_WORD(TextNormalization, nmt_nfkc), HEED_WORD(TextNormalization, nfkc);
  HEED_WORD(TextNormalization, identity);
#undef HEED_WORD
}

TEST(Tokenizers, RefuseBadTextAndNumbers) {
  for (const auto kind : {TokenizerKind::words, TokenizerKind::characters, TokenizerKind::bytes}) {
    const auto t = train({.kind = kind}, {"a"});
    EXPECT_THAT(message_of<DataError>([&] { t->encode("ab\xFF"); }), HasSubstr("byte 2 of 3"));
    for (const int64_t id : {int64_t{-1}, t->size()}) {
      EXPECT_THROW(t->decode({id}), UsageError);
      EXPECT_THROW(t->piece(id), UsageError);
    }
  }
  EXPECT_THAT(message_of<DataError>([] {
                train({.kind = TokenizerKind::words}, {" ", ""});
              }),
              HasSubstr("holds none"));
  EXPECT_THROW(train({.kind = TokenizerKind::words}, {"\x80"}), DataError);
}

TEST(Tokenizers, DrawLinesToLearnFrom) {
  std::vector<std::string> lines;
  const auto numbered = [](int i) { return std::string("w").append(std::to_string(i)); };
  for (int i = 0; i < 1000; ++i) lines.push_back(numbered(i));
  const TokenizerOptions options{.kind = TokenizerKind::words, .lines = 100};
  const auto a = train_tokenizer(options, lines_from(lines), 1);
  const auto b = train_tokenizer(options, lines_from(lines), 1);
  const auto c = train_tokenizer(options, lines_from(lines), 2);
  EXPECT_EQ(a->size(), 104);
  EXPECT_EQ(a->file(), b->file());
  EXPECT_NE(a->file(), c->file());
  int late = 0;  // from the second half: about half of them
  for (int i = 500; i < 1000; ++i) late += a->id(numbered(i)) != 1;
  EXPECT_NEAR(late, 50, 25);
  EXPECT_EQ(train({.kind = TokenizerKind::words, .lines = 5000}, lines)->size(), 1004);
}

TEST(ImportedVocabulary, FindsItsSpecialPieces) {
  const auto t = vocabulary_tokenizer("<blank>\r\n<s>\r\n</s>\r\na\r\nb\r\n", "vocabulary.txt");
  EXPECT_EQ(t->size(), 5);
  EXPECT_EQ(t->padding(), 0);
  EXPECT_EQ(t->unknown(), -1);
  EXPECT_EQ(t->begin(), 1);
  EXPECT_EQ(t->end(), 2);
  EXPECT_EQ(t->encode("b  a"), (Ids{4, 3}));
  EXPECT_EQ(t->decode({1, 4, 3, 2, 0}), "b a");
  EXPECT_THAT(message_of<DataError>([&] { t->encode("a z"); }),
              HasSubstr("'z' is not in vocabulary.txt, which has no <unk>"));
  const auto u = vocabulary_tokenizer("a\n<unk>", "v");
  EXPECT_EQ(u->encode("a z <unk>"), (Ids{0, 1, 1}));
  EXPECT_EQ(u->padding(), -1);
}

TEST(ImportedVocabulary, RefusesWhatIsNone) {
  const auto refused = [](const std::string& bytes) {
    return message_of<DataError>([&] { vocabulary_tokenizer(bytes, "v"); });
  };
  EXPECT_THAT(refused(""), HasSubstr("the vocabulary is empty"));
  EXPECT_THAT(refused("a\n\nb"), HasSubstr("v:2: expected a piece"));
  EXPECT_THAT(refused("a\nb\na"), HasSubstr("v:3: the piece 'a' stands in line 1 already"));
  EXPECT_THAT(refused("\xFF"), HasSubstr("UTF-8"));
}

}  // namespace
}  // namespace heed::data
