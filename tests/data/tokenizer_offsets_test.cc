// Where pieces stand in the text as it was given.
#include <gmock/gmock.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <array>

#include "core/lower_case.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/data/tokenizer.h"
#include "shared_data.h"

namespace heed::data {
namespace {

using Ranges = std::vector<ByteRange>;

std::string nfkc(const std::string& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* form = icu::Normalizer2::getNFKCInstance(status);
  std::string out;
  form->normalize(icu::UnicodeString::fromUTF8(text), status).toUTF8String(out);
  return out;
}

/// NFKC with one blank for several and none at the end; U+2581 is a blank.
std::string without_blank_runs(std::string text) {
  for (size_t at = text.find("\u2581"); at != std::string::npos; at = text.find("\u2581"))
    text.replace(at, 3, " ");
  std::string out;
  for (const char c : nfkc(text))
    if (c != ' ' || !out.ends_with(' ')) out += c;
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

/// Whether a piece may begin or end in the middle of what a character became.
bool has_characters_that_become_several(const std::string& text) {
  for (std::string_view rest = text; !rest.empty();) {
    std::string character;
    append_utf8(character, take_character(rest));
    const std::string normal = nfkc(lower_case(character));
    std::string_view behind = normal;
    take_character(behind);
    if (!behind.empty()) return true;
  }
  return false;
}

/// Letters of several scripts, combining marks, characters that lower case or NFKC lengthen or
/// shorten, runs of blanks.
std::string difficult_text(Random& random) {
  constexpr char32_t kCharacters[] =
      U"aZeE \u0301\u0327\t \n\u00a0\u3000\u0130\u1e9e\ufb01\u00bd"
      U"\u6c49\u5b57\u212b\u2126\uff21\u03a9\U0001f600\u0e33\u200b,.";
  std::string text;
  for (uint32_t left = random.below(40); left > 0; --left) {
    uint32_t code = random.below(8) == 0 ? 0x20 + random.below(0x10FFDF)
                                         : kCharacters[random.below(std::size(kCharacters) - 1)];
    if (code >= 0xD800 && code < 0xE000) code = 0x4E2D;
    append_utf8(text, code);
  }
  return text;
}

/// Lines of real text in English, German and Chinese, where they are there.
std::vector<std::string> real_texts() {
  std::vector<std::string> texts;
  for (const char* file : {"xquad/xquad.en.json", "xquad/xquad.de.json", "xquad/xquad.zh.json"}) {
    if (!std::filesystem::exists(test::shared_data() / file)) return {};
    const auto lines = lines_of({test::shared_data() / file});
    std::string line;
    for (int i = 0; lines(line); ++i)
      if (i % 40 == 3 || line.size() > 2000) texts.push_back(line);
  }
  const auto characters = lines_of({test::shared_data() / "weibo_ner/dev.conll.gz"});
  std::string line, text;
  while (characters(line)) {
    text += line.empty() ? "\n" : line.substr(0, line.find('\t'));
    if (text.size() > 500) texts.push_back(std::move(text)), text.clear();
  }
  return texts;
}

/// Sentences of made words in Latin and Greek letters, some of them frequent: as many as a tokenizer of thousands of pieces is
/// learned from.
std::vector<std::string> made_texts(Random& random) {
  constexpr std::array kOnsets = {"b", "d",  "F", "gr", "k", "l", "M",
                                  "n", "pr", "r", "st", "λ", "σ"};
  constexpr std::array kNuclei = {"a", "e", "i",  "o",  "u",  "ö", "é",
                                  "α", "ω", "ie", "ou", "an", "er"};
  std::vector<std::string> words(12000);
  for (auto& word : words)
    for (uint32_t left = 2 + random.below(4); left > 0; --left)
      word.append(kOnsets[random.below(kOnsets.size())])
          .append(kNuclei[random.below(kNuclei.size())]);
  std::vector<std::string> texts(4000);
  for (auto& text : texts)
    for (int i = 0; i < 12; ++i)
      text.append(i ? " " : "").append(words[random.below(1 + random.below(12000))]);
  return texts;
}

std::vector<std::string> all_texts() {
  Random random(5);
  auto texts = real_texts();
  if (texts.empty()) texts = made_texts(random);
  for (int i = 0; i < 500; ++i) texts.push_back(difficult_text(random));
  return texts;
}

std::string part(const std::string& text, const ByteRange& range) {
  return text.substr(static_cast<size_t>(range.begin),
                     static_cast<size_t>(range.end - range.begin));
}

TokenizerPtr trained(const TokenizerOptions& options, const std::vector<std::string>& texts) {
  return train_tokenizer(options, [&, at = size_t{0}](std::string& line) mutable {
    if (at == texts.size()) return false;
    line = texts[at++];
    return true;
  });
}

/// What the contract promises of every kind. Spaces are what Unicode says; what else lies outside
/// of all ranges must be nothing to the tokenizer.
void expect_ranges(const Tokenizer& tokenizer, const std::string& text, const EncodedText& found) {
  ASSERT_EQ(found.ids, tokenizer.encode(text));
  ASSERT_EQ(found.offsets.size(), found.ids.size());
  int64_t last = 0;
  std::string outside;
  for (const auto& range : found.offsets) {
    ASSERT_LE(last, range.begin);
    ASSERT_LE(range.begin, range.end);
    ASSERT_LE(range.end, std::ssize(text));
    ASSERT_EQ(invalid_utf8(part(text, range)), std::string::npos) << text;
    outside += part(text, {last, range.begin});
    last = range.end;
  }
  outside += part(text, {last, std::ssize(text)});
  ASSERT_EQ(invalid_utf8(outside), std::string::npos) << text;
  for (std::string_view rest = outside; !rest.empty();) {
    std::string character;
    append_utf8(character, take_character(rest));
    std::string_view alone = character;
    if (u_isUWhiteSpace(static_cast<UChar32>(take_character(alone)))) continue;
    EXPECT_TRUE(tokenizer.encode(character).empty()) << "'" << character << "' of " << text;
  }
}

TEST(Offsets, LieWhereTheWordIs) {
  const auto t =
      trained({.kind = TokenizerKind::words, .lowercase = true}, {"the i̇stanbul straße"});
  const std::string text = " The\t\u0130stanbul  STRA\u1e9eE x";  // of 2 bytes becomes 3, of 3 2
  const auto found = t->encode_with_offsets(text);
  EXPECT_EQ(found.offsets, (Ranges{{1, 4}, {5, 14}, {16, 24}, {25, 26}}));
  EXPECT_EQ(part(text, found.offsets[1]), "\u0130stanbul");
  EXPECT_EQ(found.ids, t->encode(text));
}

TEST(Offsets, OfOneCharacterGoToTheLastPiece) {
  const auto bytes = trained({.kind = TokenizerKind::bytes}, {});
  EXPECT_EQ(bytes->encode_with_offsets("aé汉").offsets,
            (Ranges{{0, 1}, {1, 1}, {1, 3}, {3, 3}, {3, 3}, {3, 6}}));
  const auto lower_bytes = trained({.kind = TokenizerKind::bytes, .lowercase = true}, {});
  EXPECT_EQ(lower_bytes->encode_with_offsets("\u0130").offsets, (Ranges{{0, 0}, {0, 0}, {0, 2}}));
  const auto characters = trained({.kind = TokenizerKind::characters, .lowercase = true}, {"i̇"});
  EXPECT_EQ(characters->encode_with_offsets("\u0130 i").offsets,
            (Ranges{{0, 0}, {0, 2}, {2, 3}, {3, 4}}));
}

TEST(Offsets, OfWordsAndCharactersAreTheirText) {
  for (const bool lowercase : {false, true}) {
    for (const auto kind :
         {TokenizerKind::words, TokenizerKind::characters, TokenizerKind::bytes}) {
      const auto texts = all_texts();
      const auto t = trained({.kind = kind, .size = 1000000, .lowercase = lowercase}, texts);
      for (const auto& text : texts) {
        const auto found = t->encode_with_offsets(text);
        expect_ranges(*t, text, found);
        if (kind == TokenizerKind::bytes) continue;
        for (size_t i = 0; i < found.ids.size(); ++i) {
          if (found.offsets[i].begin == found.offsets[i].end) continue;
          const bool several = i > 0 && found.offsets[i - 1].begin == found.offsets[i - 1].end;
          const auto own = part(text, found.offsets[i]);
          if (several) continue;
          EXPECT_EQ(lowercase ? lower_case(own) : own, t->piece(found.ids[i]));
        }
      }
    }
  }
}

TEST(Offsets, OfAnImportedVocabulary) {
  const auto t = vocabulary_tokenizer("<unk>\na\nb\n", "words.txt");
  EXPECT_EQ(t->encode_with_offsets(" b\u3000 汉a a ").offsets, (Ranges{{1, 2}, {6, 10}, {11, 12}}));
}

class PieceOffsets : public testing::TestWithParam<TokenizerKind> {
 protected:
  void SetUp() override {
    try {
      trained({.kind = GetParam(), .size = 20}, {"a few words of a text, to learn from"});
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
  }
};

TEST_P(PieceOffsets, AreTheirTextUpToTheNormalisation) {
  const auto texts = all_texts();
  for (const auto normalization :
       {TextNormalization::identity, TextNormalization::nfkc, TextNormalization::nmt_nfkc}) {
    for (const bool lowercase : {false, true}) {
      for (const bool byte_pieces : {false, true}) {
        const auto t = trained({.kind = GetParam(),
                                .size = 3400,
                                .lowercase = lowercase,
                                .normalization = normalization,
                                .coverage = 0.99,
                                .byte_pieces = byte_pieces},
                               texts);
        int64_t compared = 0;
        for (const auto& text : texts) {
          const auto found = t->encode_with_offsets(text);
          expect_ranges(*t, text, found);
          // ICU does not have the form nmt_nfkc.
          if (normalization == TextNormalization::nmt_nfkc ||
              has_characters_that_become_several(text))
            continue;
          for (size_t i = 1; i < found.ids.size(); ++i) {
            const auto& range = found.offsets[i];
            const auto& before = found.offsets[i - 1];
            const auto piece = t->piece(found.ids[i]);
            const bool is_part = range.begin == range.end || before.begin == before.end;
            if (is_part || found.ids[i] == t->unknown() || piece.starts_with("<0x")) continue;
            auto own = part(text, range);
            if (lowercase) own = lower_case(own);
            EXPECT_EQ(without_blank_runs(piece), without_blank_runs(own)) << text;
            ++compared;
          }
        }
        EXPECT_TRUE(compared > 1000 || normalization == TextNormalization::nmt_nfkc) << compared;
      }
    }
  }
}

TEST_P(PieceOffsets, HaveTheBlankBeforeThem) {
  const auto t = trained({.kind = GetParam(), .size = 20}, {"to learn from a few words of a text"});
  const std::string text = "a  to\u200b few";
  const auto found = t->encode_with_offsets(text);
  std::string all;
  for (const auto& range : found.offsets) all += part(text, range);
  EXPECT_EQ(all, text);
  expect_ranges(*t, text, found);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PieceOffsets,
                         testing::Values(TokenizerKind::unigram, TokenizerKind::bpe));

}  // namespace
}  // namespace heed::data
