// Error rates of jiwer 4.0.0 (RapidFuzz 3.14) on sentences written here and on drawn ones.
#include "heed/metrics/wer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "metrics/draw.h"

namespace heed {
namespace {

using testing::HasSubstr;

TEST(Wer, AgreesWithJiwer) {
  struct Fact {
    const char *reference, *hypothesis;
    EditCounts words, characters;
  };
  const Fact facts[] = {{"the cat sat on the mat", "the cat sat mat", {4, 0, 2, 0}, {15, 0, 7, 0}},
                        {"  two   spaces  ", "two spaces", {2, 0, 0, 0}, {10, 0, 2, 0}},
                        {"tab\there", "tab here", {0, 1, 0, 1}, {7, 1, 0, 0}},
                        {"tab \there again", "tab here again", {3, 0, 0, 0}, {14, 0, 1, 0}},
                        {"Groß und klein", "gross und Klein", {1, 2, 0, 0}, {11, 3, 0, 1}},
                        {"naïve café", "naive cafe", {0, 2, 0, 0}, {8, 2, 0, 0}},
                        {"a b c d", "b c d e", {3, 0, 1, 1}, {3, 4, 0, 0}},
                        {"one two three", "", {0, 0, 3, 0}, {0, 0, 13, 0}}};
  std::vector<std::string> references, hypotheses;
  for (const auto& fact : facts) {
    EXPECT_EQ(word_edits(fact.hypothesis, fact.reference), fact.words) << fact.reference;
    EXPECT_EQ(character_edits(fact.hypothesis, fact.reference), fact.characters) << fact.reference;
    references.emplace_back(fact.reference), hypotheses.emplace_back(fact.hypothesis);
  }
  EXPECT_DOUBLE_EQ(corpus_word_edits(hypotheses, references).rate(), 0.5416666666666666);
  EXPECT_DOUBLE_EQ(corpus_character_edits(hypotheses, references).rate(), 0.33663366336633666);
  EXPECT_EQ(word_edits("a b", "").insertions, 2);
}

/// Of 2,000 drawn pairs: which of equally short ways is taken decides what is substituted.
TEST(Wer, AgreesWithJiwerOnDrawnTexts) {
  test::Draw draw(7);
  const auto text = [&] {
    std::string words;
    for (int64_t left = draw.below(9); left > 0; --left)
      words.append(words.empty() ? "" : " ").append(1, "abcde"[draw.below(5)]);
    return words;
  };
  EditCounts words, characters;
  int64_t word_sum = 0, character_sum = 0;
  const auto weighed = [](const EditCounts& counts) {
    return counts.hits + 3 * counts.substitutions + 7 * counts.deletions + 11 * counts.insertions;
  };
  for (int64_t k = 1; k <= 2000; ++k) {
    const auto hypothesis = text();
    auto reference = text();
    if (reference.empty()) reference = "a";
    const auto own = word_edits(hypothesis, reference);
    const auto letters = character_edits(hypothesis, reference);
    words += own, characters += letters;
    word_sum += k * weighed(own), character_sum += k * weighed(letters);
  }
  EXPECT_EQ(words, (EditCounts{2536, 2412, 3196, 2975}));
  EXPECT_EQ(characters, (EditCounts{5659, 3016, 5613, 5414}));
  EXPECT_EQ(word_sum, 65123092);
  EXPECT_EQ(character_sum, 113649244);
}

TEST(Wer, WhatHasNoRateIsRefused) {
  const auto message = [](const std::vector<std::string>& hypotheses,
                          const std::vector<std::string>& references) -> std::string {
    try {
      corpus_word_edits(hypotheses, references).rate();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message({"a"}, {" "}), HasSubstr("given none"));
  EXPECT_THAT(message({}, {}), HasSubstr("given none"));
  EXPECT_THAT(message({"a", "b"}, {"a"}), HasSubstr("given 1"));
}

}  // namespace
}  // namespace heed
