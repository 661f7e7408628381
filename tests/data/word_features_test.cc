#include "heed/data/word_features.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::data {
namespace {

using Rows = std::vector<int64_t>;

/// Only the word and its n-grams, as fastText has them.
WordFeatureOptions ngrams_only(int64_t from, int64_t to) {
  return WordFeatureOptions()
      .lower(false)
      .prefix(0)
      .suffix(0)
      .shape(false)
      .min_ngram(from)
      .max_ngram(to)
      .buckets(1000);
}

WordFeatureOptions no_ngrams() { return WordFeatureOptions().max_ngram(0).buckets(1 << 30); }

TEST(WordFeatures, HasTheRowsOfFastText) {
  // fasttext 0.9.2 (fasttext-wheel), train_unsupervised(minn=2, maxn=4, bucket=1000) of a text with
  // these words, then get_subwords(word).
  const std::vector<std::string> words = {"</s>",   "the", "cat",   "sat",   "über",
                                          "straße", "x",   "naïve", "日本語"};
  const WordFeatures features(ngrams_only(2, 4), words);
  EXPECT_EQ(features.rows(), 1009);
  EXPECT_EQ(features.rows_of("cat"), (Rows{2, 521, 756, 982, 954, 40, 1004, 145, 115, 624}));
  EXPECT_EQ(features.rows_of("über"),
            (Rows{4, 397, 91, 278, 937, 536, 536, 241, 375, 65, 455, 849, 362}));
  EXPECT_EQ(features.rows_of("x"), (Rows{6, 522, 926, 100}));
  EXPECT_EQ(features.rows_of("日本語"), (Rows{8, 696, 596, 590, 418, 568, 932, 584, 364, 264}));
  EXPECT_EQ(features.rows_of("zebra"),
            (Rows{284, 923, 361, 97, 815, 525, 551, 901, 904, 478, 301, 335, 549, 119, 815}));
  const WordFeatures single(ngrams_only(1, 2), words);
  EXPECT_EQ(single.rows_of("cat"), (Rows{2, 521, 467, 954, 229, 145, 276, 624}));
  EXPECT_EQ(single.rows_of("x"), (Rows{6, 522, 704, 100}));
}

TEST(WordFeatures, KeepsTheFirstNgramsOfALongWord) {
  auto options = ngrams_only(2, 4);
  const WordFeatures all(options), few(options.ngrams(5));
  const auto rows = all.rows_of("zebra");
  EXPECT_EQ(few.rows_of("zebra"), Rows(rows.begin(), rows.begin() + 5));
  EXPECT_EQ(few.rows_of(std::string(100000, 'a')).size(), 5u);
}

TEST(WordFeatures, AffixesAndShapesAreToldApartAndTakenByCharacter) {
  const WordFeatures features(no_ngrams());
  EXPECT_EQ(features.rows_of("Straße").size(), 3u + 4u + 1u);
  EXPECT_EQ(features.rows_of("é").size(), 1u + 1u + 1u);
  // a prefix and a suffix of the same text, in another row each
  const auto one = features.rows_of("x");
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(one[1], one[2]);
  const auto a = features.rows_of("Über"), b = features.rows_of("über");
  EXPECT_EQ(Rows(a.begin(), a.end() - 1), Rows(b.begin(), b.end() - 1));  // in lower case
  EXPECT_NE(a.back(), b.back());                                          // but for the shape
  const auto c = features.rows_of("überall");
  EXPECT_EQ(Rows(b.begin(), b.begin() + 3), Rows(c.begin(), c.begin() + 3));
  EXPECT_NE(b[3], c[3]);
  const WordFeatures cased(no_ngrams().lower(false));
  EXPECT_NE(cased.rows_of("Über")[0], cased.rows_of("über")[0]);
}

TEST(WordFeatures, KnowsWordsByTheirForm) {
  const WordFeatures features(no_ngrams(), {"cat", "straße"});
  EXPECT_EQ(features.rows_of("CAT")[0], 0);
  EXPECT_EQ(features.rows_of("Straße")[0], 1);
  EXPECT_GE(features.rows_of("dog")[0], 2);
  EXPECT_EQ(features.form("ÜBER"), "über");
}

TEST(WordFeatures, ShapesOfWords) {
  EXPECT_EQ(word_shape("Apple"), "Xxxxx");
  EXPECT_EQ(word_shape("Internationally"), "Xxxxx");
  EXPECT_EQ(word_shape("iPhone12"), "xXxxxxdd");
  EXPECT_EQ(word_shape("12.05.1999"), "dd.dd.dddd");
  EXPECT_EQ(word_shape("123456"), "dddd");
  EXPECT_EQ(word_shape("!!!!!!"), "!!!!");
  EXPECT_EQ(word_shape("Élan-日本"), "Xxxx-xx");
  EXPECT_EQ(word_shape(""), "");
}

TEST(WordFeatures, PadsSentences) {
  const WordFeatures features(ngrams_only(2, 4), {"cat"});
  const auto ids = features.padded({{"cat", "x"}, {}, {"zebra", "", "cat"}});
  ASSERT_EQ(ids.sizes(), (std::vector<int64_t>{3, 3, 15}));
  for (const auto& [b, l, word] : std::vector<std::tuple<int64_t, int64_t, std::string>>{
           {0, 0, "cat"}, {0, 1, "x"}, {0, 2, ""}, {1, 0, ""}, {2, 0, "zebra"}, {2, 2, "cat"}}) {
    auto rows = features.rows_of(word);
    rows.resize(15, -1);
    EXPECT_TRUE(ids[b][l].equal(torch::tensor(rows, at::kLong))) << word;
  }
  EXPECT_EQ(features.padded({}).numel(), 0);
}

TEST(WordFeatures, RefusesWhatDoesNotFit) {
  EXPECT_THROW(WordFeatures(WordFeatureOptions().buckets(0)), ModelError);
  EXPECT_THROW(WordFeatures(WordFeatureOptions().prefix(-1)), ModelError);
  EXPECT_THROW(WordFeatures(ngrams_only(4, 3)), ModelError);
  EXPECT_THROW(WordFeatures(no_ngrams(), {"cat", "cat"}), DataError);
  EXPECT_THROW(WordFeatures(no_ngrams()).rows_of("a\xff"), DataError);
}

}  // namespace
}  // namespace heed::data
