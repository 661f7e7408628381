// CIDEr and BLEU of pycocoevalcap 1.2 on captions written here; bench/peers/captions.py prints the numbers.
#include "heed/metrics/cider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNearCider = 1e-9;

const std::vector<std::string> kWrittenCaptions = {"a black dog runs through the water",
                                                   "two children play in the snow",
                                                   "a man",
                                                   "",
                                                   "a dog a dog a dog",
                                                   "a man rides a bike down a hill"};
const ReferencesOfLines kCaptions = {
    {"a black dog runs through the water", "the dog is running in shallow water",
     "a wet black dog"},
    {"children are playing in the snow", "two kids play in snow"},
    {"a man in a red shirt stands on a rock"},
    {"a girl on a swing", "a girl swings"},
    {"a brown dog", "a dog and a dog play in the grass", "", "two dogs"},
    {"a man rides a bike down a hill", "a man rides a bike down a hill"}};
constexpr CiderOptions kAsGiven{.tokenize = BleuTokenizer::none};

TEST(Cider, AgreesWithPycocoevalcap) {
  const auto near = [](double value) { return DoubleNear(value, kNearCider); };
  EXPECT_THAT(cider_scores(kWrittenCaptions, kCaptions, kAsGiven),
              ElementsAre(near(4.095577577144577), near(2.420938516077818),
                          near(0.5305051198868139), 0, near(0.5290245141096965), near(10)));
  EXPECT_NEAR(corpus_cider(kWrittenCaptions, kCaptions, kAsGiven), 2.929340954536484, kNearCider);
}

/// Where every n has a match, so that nothing is smoothed; pycocoevalcap adds 1e-9 to counts.
TEST(Cider, BleuOfSeveralReferencesAgreesToo) {
  BleuCounts sum;
  for (size_t i = 0; i < kCaptions.size(); ++i)
    sum += bleu_counts(kWrittenCaptions[i], kCaptions[i], {.tokenize = BleuTokenizer::none});
  EXPECT_NEAR(bleu_score(sum).score, 55.1717018871205, 1e-7);
}

TEST(Cider, WordsAreThoseOfBleu) {
  EXPECT_LT(corpus_cider({"A Dog.", "two"}, {{"a dog ."}, {"two"}}, kAsGiven), 6);
  EXPECT_NEAR(corpus_cider({"A Dog.", "a b c d"}, {{"a dog ."}, {"a b c d"}}, {.lowercase = true}),
              (7.5 + 10) / 2, kNearCider)
      << "three words have no n-gram of four";
  EXPECT_EQ(cider_signature({}, 5), "nrefs:5|case:mixed|tok:13a|n:4|sigma:6");
  EXPECT_EQ(cider_signature({.lowercase = true}, 0), "nrefs:var|case:lc|tok:13a|n:4|sigma:6");
}

TEST(Cider, WhatEveryLineHasWeighsNothing) {
  EXPECT_EQ(corpus_cider({"a dog runs"}, {{"a dog runs"}}), 0);
  EXPECT_EQ(corpus_cider({"a", "b"}, {{"a", "b"}, {"b a"}}), 0);
}

TEST(Cider, ConsensusIsWhatMostTextsShare) {
  const auto near = cider_consensus({{"a dog runs in the grass", "a dog in the grass"},
                                     {"a brown dog runs in the grass", "a zebra"},
                                     {"three boats", "boats"}},
                                    kAsGiven);
  ASSERT_EQ(near.size(), 3u);
  EXPECT_GT(near[0][0], near[0][1]);
  EXPECT_GT(near[0][0], near[1][0]);
  EXPECT_GT(near[1][0], near[1][1]);
  // "boats" is half of "three boats" in words: cosines 1 and 1 / sqrt(2), of n = 1 alone.
  EXPECT_NEAR(near[2][1], (1 + 1 / std::sqrt(2)) / 6 / 4, kNearCider);
}

TEST(Cider, RefusesWhatIsNoCorpus) {
  const auto refusal = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal([] { corpus_cider({}, {}); }), HasSubstr("at least one line"));
  EXPECT_THAT(refusal([] { corpus_cider({"a"}, {{"a"}, {"b"}}); }), HasSubstr("1 lines"));
  EXPECT_THAT(refusal([] { corpus_cider({"a", "b"}, {{"a"}, {}}); }), HasSubstr("line 2"));
  EXPECT_THAT(refusal([] { cider_consensus({}); }), HasSubstr("at least one text"));
}

}  // namespace
}  // namespace heed
