// What a text is worth to a model of language does not depend on the pieces that it is written in.
#include "tasks/heads/transcript_language.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "files.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using data::TokenizerKind;
using testing::HasSubstr;

const std::string kWordArpa =
    "\\data\\\nngram 1=6\nngram 2=4\n\\1-grams:\n-99 <s> -0.3\n-1 </s>\n-0.8 aba -0.25\n-0.9 cab "
    "-0.4\n"
    "-0.7 b\n-2 <unk>\n\\2-grams:\n-0.2 <s> aba\n-0.4 aba cab\n-0.5 cab </s>\n-0.6 cab "
    "b\n\\end\\\n";
const std::string kLetterArpa =
    "\\data\\\nngram 1=7\nngram 2=2\n\\1-grams:\n-99 <s>\n-1 </s>\n-0.8 a -0.1\n-0.9 b\n-0.7 "
    "c\n-0.5 "
    "\u2581\n-3 <unk>\n\\2-grams:\n-0.2 a b\n-0.3 b a\n\\end\\\n";

class TranscriptLanguages : public testing::Test {
 protected:
  data::TokenizerPtr tokenizer(TokenizerKind kind) const {
    const std::vector<std::string> texts = {"aba cab b", "cab cab", "b aba abc", "ca bb ab"};
    data::TokenizerOptions options;
    options.kind = kind, options.size = 12;
    return data::train_tokenizer(options, [&, next = size_t{0}](std::string& line) mutable {
      if (next == texts.size()) return false;
      line = texts[next++];
      return true;
    });
  }
  std::shared_ptr<const CtcLanguage> language(TranscriptLanguageOptions options,
                                              const std::string& arpa, TokenizerKind kind) const {
    options.file = (folder_ / "model.arpa").string();
    test::write_bytes(options.file, arpa);
    return make_transcript_language(options, tokenizer(kind), kind);
  }
  double worth(const CtcLanguage& language, TokenizerKind kind, const std::string& text) const {
    double sum = 0;
    auto state = language.begin();
    for (const int64_t token : tokenizer(kind)->encode(text)) {
      sum += language.added(state, token);
      state = language.after(state, token);
    }
    return sum + language.at_end(state);
  }

  /// Those of `all` that this build has: sanitizers do not let SentencePiece be opened.
  std::vector<TokenizerKind> kinds(std::vector<TokenizerKind> all) const {
    std::erase_if(all, [&](TokenizerKind kind) {
      try {
        return tokenizer(kind) == nullptr;
      } catch (const FileError&) {
        return true;
      }
    });
    return all;
  }

  test::TemporaryFolder folder_;
};

TEST_F(TranscriptLanguages, AWordIsWorthTheSameInAnyPieces) {
  const double ln10 = std::numbers::ln10;
  const std::pair<const char*, double> facts[] = {{"aba", -0.2 - 0.25 - 1},
                                                  {"aba cab", -0.2 - 0.4 - 0.5},
                                                  {"cab b aba", -0.3 - 0.9 - 0.6 - 0.8 - 0.25 - 1},
                                                  {"abc aba", -0.3 - 2 - 0.8 - 0.25 - 1},
                                                  {"", -0.3 - 1}};
  for (const auto kind : kinds({TokenizerKind::characters, TokenizerKind::words, TokenizerKind::bpe,
                                TokenizerKind::unigram})) {
    const auto own = language({.weight = 0.5, .bonus = 0.75}, kWordArpa, kind);
    for (const auto& [text, log10_p] : facts) {
      const std::string words = text;
      const auto count = words.empty() ? 0 : 1 + std::count(words.begin(), words.end(), ' ');
      EXPECT_NEAR(worth(*own, kind, text), 0.5 * ln10 * log10_p + 0.75 * double(count), 1e-5)
          << word_of(kind) << ": " << text;
    }
  }
}

TEST_F(TranscriptLanguages, ALexiconAllowsItsWordsAlone) {
  for (const auto kind :
       kinds({TokenizerKind::characters, TokenizerKind::words, TokenizerKind::bpe})) {
    const auto own = language({.lexicon = true}, kWordArpa, kind);
    EXPECT_TRUE(std::isfinite(worth(*own, kind, "cab aba b")));
    for (const char* other : {"cab abc", "ca", "bb", "cab ab"})
      EXPECT_EQ(worth(*own, kind, other), -std::numeric_limits<double>::infinity()) << other;
  }
  // What no word begins with is given up at its first letter.
  const auto own = language({.lexicon = true}, kWordArpa, TokenizerKind::characters);
  const auto letters = tokenizer(TokenizerKind::characters);
  auto state = own->begin();
  EXPECT_EQ(own->added(state, letters->id("c")), 0);
  state = own->after(state, letters->id("c"));
  EXPECT_EQ(own->added(state, letters->id("b")), -std::numeric_limits<double>::infinity());
}

TEST_F(TranscriptLanguages, PiecesAreWordsWhereThatIsSaid) {
  const auto kind = TokenizerKind::characters;
  const auto own = language({.unit = NgramUnit::pieces, .weight = 1}, kLetterArpa, kind);
  EXPECT_NEAR(worth(*own, kind, "ab a"), std::numbers::ln10 * (-0.8 - 0.2 - 0.5 - 0.8 - 0.1 - 1),
              1e-5);
}

TEST_F(TranscriptLanguages, WhatCannotBeListenedToIsRefused) {
  const auto complaint = [&](TranscriptLanguageOptions options, const std::string& arpa,
                             TokenizerKind kind) -> std::string {
    try {
      language(options, arpa, kind);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string upper = "\\data\\\nngram 1=3\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 ABA\n\\end\\\n";
  EXPECT_THAT(complaint({}, upper, TokenizerKind::characters), HasSubstr("same case"));
  EXPECT_THAT(complaint({.unit = NgramUnit::pieces}, kWordArpa, TokenizerKind::words), "");
  EXPECT_THAT(complaint({.unit = NgramUnit::pieces}, upper, TokenizerKind::words),
              HasSubstr("none of its words is a piece"));
  EXPECT_THAT(complaint({}, kWordArpa, TokenizerKind::bytes), HasSubstr("\"pieces\""));
  EXPECT_THAT(complaint({}, "no such thing\n", TokenizerKind::characters),
              HasSubstr("head.language.file: "));
}

}  // namespace
}  // namespace heed
