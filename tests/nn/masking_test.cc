#include "heed/nn/masking.h"

#include <gtest/gtest.h>

#include <set>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

const MaskingVocabulary kVocabulary{.size = 50, .mask = 3, .special = {0, 1, 2}};

at::Tensor record_numbers(int64_t count) { return torch::arange(count, at::kLong); }

/// Rows of [CLS] tokens [SEP] and padding.
at::Tensor rows_of_tokens(int64_t B, int64_t L, const at::Tensor& lengths) {
  auto tokens = torch::randint(4, 50, {B, L}, at::kLong);
  tokens.select(1, 0).fill_(1);
  for (int64_t b = 0; b < B; ++b) {
    const auto n = lengths[b].item<int64_t>();
    if (n > 0) tokens[b][n - 1] = 2;
    tokens[b].slice(0, n).fill_(0);
  }
  return tokens;
}

TEST(Masking, ChoosesTheShareAndShowsItAsTheSharesSay) {
  torch::manual_seed(1);
  const int64_t B = 400, L = 102;
  const auto lengths = torch::full({B}, L, at::kLong);
  const auto tokens = rows_of_tokens(B, L, lengths);
  const auto masked = mask_tokens(tokens, lengths, kVocabulary, {1, 2, record_numbers(B)});
  const auto asked = masked.labels != -100;
  EXPECT_TRUE((asked.sum(1) == 15).all().item<bool>());  // of 100 ordinary tokens
  EXPECT_FALSE(at::logical_and(asked, tokens < 4).any().item<bool>());
  EXPECT_TRUE(masked.labels.masked_select(asked).equal(tokens.masked_select(asked)));
  const auto others = asked.logical_not();
  EXPECT_TRUE(masked.tokens.masked_select(others).equal(tokens.masked_select(others)));
  const auto shown = masked.tokens.masked_select(asked), was = tokens.masked_select(asked);
  const auto share = [&](const at::Tensor& which) {
    return which.to(at::kDouble).mean().item<double>();
  };
  // 6000 draws: within five standard deviations. One of 46 random tokens is the old one.
  EXPECT_NEAR(share(shown == 3), 0.8, 5 * std::sqrt(0.8 * 0.2 / 6000));
  EXPECT_NEAR(share(shown == was), 0.1 + 0.1 / 46, 5 * std::sqrt(0.1 * 0.9 / 6000));
  EXPECT_FALSE((shown < 3).any().item<bool>());
  std::set<int64_t> put_in;
  const auto random = shown.masked_select(at::logical_and(shown != 3, shown != was));
  for (int64_t i = 0; i < random.size(0); ++i) put_in.insert(random[i].item<int64_t>());
  EXPECT_EQ(*put_in.begin(), 4);
  EXPECT_EQ(*put_in.rbegin(), 49);
  // Every place is as likely.
  const auto by_place = asked.sum(0).to(at::kDouble).narrow(0, 1, 100) / double(B);
  EXPECT_LT((by_place - 0.15).abs().max().item<double>(), 5 * std::sqrt(0.15 * 0.85 / B));
}

TEST(Masking, DrawsForARecordWhateverItsBatch) {
  torch::manual_seed(1);
  const auto lengths = torch::tensor({20, 7, 3, 0}, at::kLong);
  const auto tokens = rows_of_tokens(4, 20, lengths);
  const auto records = torch::tensor({5, 900, 12, 7}, at::kLong);
  const auto all = mask_tokens(tokens, lengths, kVocabulary, {1, 2, records});
  for (int64_t b = 0; b < 4; ++b) {
    const auto n = lengths[b].item<int64_t>();
    const auto own = mask_tokens(tokens[b].narrow(0, 0, n).unsqueeze(0), {}, kVocabulary,
                                 {1, 2, records.narrow(0, b, 1)});
    EXPECT_TRUE(own.tokens[0].equal(all.tokens[b].narrow(0, 0, n)));
    EXPECT_TRUE(own.labels[0].equal(all.labels[b].narrow(0, 0, n)));
    EXPECT_TRUE((all.labels[b].slice(0, n) == -100).all().item<bool>());
    EXPECT_EQ((all.labels[b] != -100).any().item<bool>(), n > 2);  // at least one
  }
  const auto labels = [&](uint64_t seed, uint32_t epoch) {
    return mask_tokens(tokens, lengths, kVocabulary, {seed, epoch, records}).labels;
  };
  EXPECT_FALSE(labels(1, 3).equal(all.labels));
  EXPECT_FALSE(labels(2, 2).equal(all.labels));
}

TEST(Masking, TakesWholeWords) {
  torch::manual_seed(1);
  const int64_t B = 100, L = 42;
  const auto lengths = torch::full({B}, L, at::kLong);
  const auto tokens = rows_of_tokens(B, L, lengths);
  const auto word = (record_numbers(L) + 1).div(2, "floor");  // words of two tokens: 0 1 1 2 2 ..
  const auto words = word.unsqueeze(0).expand({B, L});
  const auto options = MaskingOptions().whole_words(true);
  const auto masked =
      mask_tokens(tokens, lengths, kVocabulary, {1, 2, record_numbers(B)}, options, words);
  const auto asked = (masked.labels != -100).narrow(1, 1, 40).view({B, 20, 2});
  EXPECT_TRUE(asked.select(2, 0).equal(asked.select(2, 1)));
  EXPECT_TRUE((asked.sum(at::IntArrayRef{1, 2}) == 6).all().item<bool>());  // 15 % of 40
  // One word longer than the share: chosen all the same.
  const auto one = mask_tokens(tokens, lengths, kVocabulary, {1, 2, record_numbers(B)}, options,
                               torch::zeros({B, L}, at::kLong));
  EXPECT_TRUE(((one.labels != -100).sum(1) == 40).all().item<bool>());
}

TEST(Masking, BothEndsOfTheShares) {
  torch::manual_seed(1);
  const auto lengths = torch::full({8}, 12, at::kLong);
  const auto tokens = rows_of_tokens(8, 12, lengths);
  const auto run = [&](const MaskingOptions& options) {
    return mask_tokens(tokens, lengths, kVocabulary, {1, 2, record_numbers(8)}, options);
  };
  EXPECT_TRUE(run(MaskingOptions().probability(0)).tokens.equal(tokens));
  const auto all = run(MaskingOptions().probability(1).mask_share(1).random_share(0));
  EXPECT_TRUE((all.tokens.narrow(1, 1, 10) == 3).all().item<bool>());
  const auto none = run(MaskingOptions().probability(1).mask_share(0).random_share(0));
  EXPECT_TRUE(none.tokens.equal(tokens));
  EXPECT_TRUE(none.labels.narrow(1, 1, 10).equal(tokens.narrow(1, 1, 10)));
}

TEST(Masking, RefusesWhatDoesNotFit) {
  const auto tokens = torch::full({2, 5}, 9, at::kLong);
  const MaskingDraw draw{1, 2, record_numbers(2)};
  const auto run = [&](const at::Tensor& given, const MaskingOptions& options = {}) {
    return mask_tokens(given, {}, kVocabulary, draw, options);
  };
  EXPECT_NO_THROW(run(tokens));
  EXPECT_THROW(run(tokens[0]), UsageError);
  EXPECT_THROW(run(tokens.to(at::kInt)), UsageError);
  EXPECT_THROW(run(tokens + 50), UsageError);
  EXPECT_THROW(run(tokens, MaskingOptions().probability(1.1)), ModelError);
  EXPECT_THROW(run(tokens, MaskingOptions().mask_share(0.8).random_share(0.3)), ModelError);
  EXPECT_THROW(run(tokens, MaskingOptions().whole_words(true)), UsageError);  // which words?
  EXPECT_THROW(mask_tokens(tokens, {}, kVocabulary, {1, 2, record_numbers(3)}), UsageError);
  EXPECT_THROW(mask_tokens(tokens, {}, kVocabulary, {1, 2, record_numbers(2) - 1}), UsageError);
  EXPECT_THROW(mask_tokens(tokens, {}, {.size = 3, .mask = 3, .special = {}}, draw), UsageError);
  EXPECT_THROW(mask_tokens(tokens, {}, {.size = 2, .mask = 0, .special = {1}}, draw), UsageError);
}

}  // namespace
}  // namespace heed::nn
