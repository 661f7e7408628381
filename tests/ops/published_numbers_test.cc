// Formulas that kernels and the readable reference share, against numbers of others: computed once
// by transformers 4.36.2 on PyTorch 1.13, or from the papers.
#include <gtest/gtest.h>

#include "heed/ops/attend.h"

namespace heed {
namespace {

/// What positions make of a score of 0, where the key stands at j - p = `distance`: the logarithm
/// of the sum over the one key is its score. (H)
std::vector<double> score_at(const char* how, int64_t heads, int64_t width, int64_t distance,
                             const std::map<std::string, at::Tensor>& learned = {}) {
  const auto zeros = torch::zeros({1, heads, 1, width}, at::kDouble);
  AttendInputs inputs;
  inputs.query_offset = -distance;
  inputs.parameters = learned;
  const auto [out, sums] =
      attend_with_logsumexp(zeros, zeros, zeros, Attention::parse(how), inputs);
  const auto values = sums.flatten().contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + heads};
}

// T5Attention._relative_position_bucket(j - p, bidirectional, num_buckets, max_distance).
TEST(PublishedNumbers, BucketsOfT5) {
  const std::vector<int64_t> distances = {
      -1000, -129, -128, -127, -100, -64, -40, -20, -16, -15, -12, -9,  -8,  -7,  -3,  -1,  0,
      1,     2,    7,    8,    9,    12,  15,  16,  20,  40,  64,  100, 127, 128, 129, 1000};
  struct Published {
    const char* how;
    std::vector<int64_t> buckets;
  };
  const std::vector<Published> all = {
      {"dot; relative(32, 128, 1)",
       {15, 15, 15, 15, 15, 14, 12, 10, 10, 9,  9,  8,  8,  7,  3,  1, 0,
        17, 18, 23, 24, 24, 25, 25, 26, 26, 28, 30, 31, 31, 31, 31, 31}},
      {"dot; relative(32, 128, 0)", {31, 31, 31, 31, 30, 26, 23, 17, 16, 15, 12, 9, 8, 7, 3, 1, 0,
                                     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0, 0, 0, 0}},
      {"dot; relative(16, 40, 1)", {7, 7,  7,  7,  7,  7,  7,  6,  6,  6,  5,  5,  5,  4,  3,  1, 0,
                                    9, 10, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15}},
      {"dot; relative(16, 40, 0)", {15, 15, 15, 15, 15, 15, 15, 12, 11, 11, 10, 8, 8, 7, 3, 1, 0,
                                    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0, 0, 0, 0}}};
  for (const auto& published : all) {
    const auto how = Attention::parse(published.how);
    const auto count = static_cast<int64_t>(how.position.at("buckets"));
    const auto table = torch::arange(count, at::kDouble).unsqueeze(0);
    ASSERT_EQ(published.buckets.size(), distances.size());
    for (size_t i = 0; i < distances.size(); ++i)
      EXPECT_EQ(score_at(published.how, 1, 4, distances[i], {{"relative.table", table}})[0],
                static_cast<double>(published.buckets[i]))
          << published.how << " at " << distances[i];
  }
}

// build_alibi_tensor of BLOOM; for 8 heads 1/2 to 1/256 as Press et al. 2022 write.
TEST(PublishedNumbers, SlopesOfAlibi) {
  const std::vector<std::vector<double>> all = {
      {0.00390625},
      {0.0625, 0.00390625},
      {0.0625, 0.00390625, 0.25},
      {0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125},
      {0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625},
      {0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625, 0.707106769, 0.353553385,
       0.176776677, 0.0883883387}};
  for (const auto& slopes : all) {
    const auto heads = static_cast<int64_t>(slopes.size());
    for (const int64_t distance : {-1, -7, 3}) {
      const auto scores = score_at("dot; alibi", heads, 4, distance);
      for (size_t h = 0; h < slopes.size(); ++h)
        EXPECT_NEAR(scores[h], -slopes[h] * static_cast<double>(std::abs(distance)), 1e-6)
            << heads << " heads, head " << h;
    }
  }
}

// PositionalEmbedding(8) of Transformer-XL at p - j.
TEST(PublishedNumbers, WavesOfTransformerXl) {
  const std::map<int64_t, std::vector<double>> published = {
      {37,
       {-0.643538117, -0.529836178, 0.361615449, 0.036991559, 0.765414059, -0.848100007, 0.93232733,
        0.99931556}},
      {3,
       {0.141120002, 0.295520216, 0.0299954992, 0.0029999956, -0.989992499, 0.955336511,
        0.999550045, 0.99999553}},
      {-5,
       {0.958924294, -0.47942555, -0.0499791652, -0.0049999794, 0.2836622, 0.87758255, 0.998750269,
        0.999987543}}};
  for (const auto& [place, waves] : published) {
    for (int64_t channel = 0; channel < 8; ++channel) {
      // The position's bias asks for one channel of the wave, which the projection leaves as it is.
      const auto asked = torch::zeros({1, 8}, at::kDouble);
      asked[0][channel] = 1;
      const auto score =
          score_at("dot; transformer_xl", 1, 8, -place,
                   {{"transformer_xl.content_bias", torch::zeros({1, 8}, at::kDouble)},
                    {"transformer_xl.position_bias", asked},
                    {"transformer_xl.projection", torch::eye(8, at::kDouble).unsqueeze(0)}});
      EXPECT_NEAR(score[0], waves[static_cast<size_t>(channel)], 1e-6)
          << "at " << place << ", channel " << channel;
    }
  }
}

}  // namespace
}  // namespace heed
