// What docs/engines.md says of layers beside other engines, against loops over numbers.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "heed/nn/positions.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

TEST(Engines, RopeOfNeighboursTurnsHalfOfTheChannels) {
  // x-transformers: channels (0, 1), (2, 3), ... of the first 32 of 64 turn by base^(-2c / 32).
  torch::manual_seed(1);
  const auto x = torch::randn({1, 1, 6, 64}, at::kDouble);
  auto expected = x.clone();
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t c = 0; c < 16; ++c) {
      const double angle = static_cast<double>(i) * std::pow(10000.0, -2.0 * c / 32);
      const double a = x[0][0][i][2 * c].item<double>(), b = x[0][0][i][2 * c + 1].item<double>();
      expected[0][0][i][2 * c] = a * std::cos(angle) - b * std::sin(angle);
      expected[0][0][i][2 * c + 1] = b * std::cos(angle) + a * std::sin(angle);
    }
  const auto how = Attention::parse("rope(interleaved=1, width=32)");
  EXPECT_TRUE(torch::allclose(rotate(x, 0, how.position), expected, 1e-12, 1e-12));
}

TEST(Engines, RopesFrequenciesDoNotRoundToTheInputsDtype) {
  // At position 600 an angle of a bfloat16 frequency would be off by up to a radian.
  const auto x = torch::ones({1, 1, 1, 16}, at::kBFloat16);
  const auto rope = Attention::parse("rope").position;
  const auto y = rotate(x, 600, rope).to(at::kDouble);
  const auto exact = rotate(x.to(at::kDouble), 600, rope);
  EXPECT_TRUE(torch::allclose(y, exact, 0, 3e-2));
}

TEST(Engines, ANormOfRowsWithALargeMeanKeepsItsDigits) {
  // Others are off by 0.09 at 1e3 and by hundreds at 1e4.
  torch::manual_seed(2);
  for (const double mean : {1e3, 1e4}) {
    const auto x = torch::randn({8, 512}) + mean;
    auto norm = RowNorm(512);
    const auto trained = norm->forward(x).detach().to(at::kDouble);
    const torch::NoGradGuard no_gradient;
    const RowsAlone alone;
    const auto generated = norm->forward(x).to(at::kDouble);
    for (int64_t i = 0; i < 8; ++i) {
      const auto row = x[i].to(at::kDouble);
      const auto centred = row - row.mean();
      const auto exact = centred / (centred.square().mean() + 1e-5).sqrt();
      EXPECT_TRUE(torch::allclose(trained[i], exact, 0, 5e-7 * mean)) << mean;
      EXPECT_TRUE(torch::allclose(generated[i], exact, 0, 5e-7 * mean)) << mean;
    }
  }
}

}  // namespace
}  // namespace heed::nn
