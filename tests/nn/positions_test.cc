#include "heed/nn/positions.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

OpSpec position(const char* text) { return Attention::parse(text).position; }

TEST(Positions, SinusoidalFollowsTheFormula) {
  for (const int64_t M : {1, 2, 7, 8}) {
    const auto p = sinusoidal_positions(3, 50, M, 10000);
    ASSERT_EQ(p.sizes(), (std::vector<int64_t>{50, M}));
    for (int64_t i = 0; i < 50; ++i)
      for (int64_t c = 0; c < M; ++c) {
        const double a = double(3 + i) / std::pow(10000.0, double(c / 2 * 2) / double(M));
        EXPECT_NEAR(p[i][c].item<double>(), c % 2 ? std::cos(a) : std::sin(a), 1e-6);
      }
  }
}

// Row 37 of MarianSinusoidalPositionalEmbedding(50, 8), transformers 4.36.2: sines, then cosines.
TEST(Positions, SinusoidalHasPublishedNumbers) {
  const std::vector<double> sines = {-0.643538117, -0.529836118, 0.361615419, 0.036991559};
  const std::vector<double> cosines = {0.765414059, -0.848100007, 0.93232733, 0.99931556};
  const auto woven = sinusoidal_positions(37, 1, 8, 10000)[0];
  const auto halves = sinusoidal_positions(37, 1, 8, position("sinusoidal(halves=1)"))[0];
  for (int64_t i = 0; i < 4; ++i) {
    const auto at = static_cast<size_t>(i);
    EXPECT_NEAR(woven[2 * i].item<double>(), sines[at], 1e-6);
    EXPECT_NEAR(woven[2 * i + 1].item<double>(), cosines[at], 1e-6);
    EXPECT_NEAR(halves[i].item<double>(), sines[at], 1e-6);
    EXPECT_NEAR(halves[4 + i].item<double>(), cosines[at], 1e-6);
  }
}

TEST(Positions, RopeTurnsPairs) {
  for (const bool interleaved : {false, true}) {
    const auto rope = position(interleaved ? "rope(100, 1)" : "rope(100)");
    const auto x = torch::randn({2, 3, 5, 6}, at::kDouble);
    const auto y = rotate(x, 4, rope);
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t c = 0; c < 3; ++c) {
        const double a = double(4 + i) / std::pow(100.0, 2.0 * double(c) / 6.0);
        const int64_t left = interleaved ? 2 * c : c, right = interleaved ? 2 * c + 1 : c + 3;
        const double x0 = x[1][2][i][left].item<double>(), x1 = x[1][2][i][right].item<double>();
        EXPECT_NEAR(y[1][2][i][left].item<double>(), x0 * std::cos(a) - x1 * std::sin(a), 1e-12);
        EXPECT_NEAR(y[1][2][i][right].item<double>(), x1 * std::cos(a) + x0 * std::sin(a), 1e-12);
      }
  }
}

TEST(Positions, RopeProductsDependOnDistanceAlone) {
  const auto rope = position("rope");
  const auto q = torch::randn({1, 1, 1, 16}, at::kDouble), k = torch::randn_like(q);
  const auto product = [&](int64_t i, int64_t j) {
    return (rotate(q, i, rope) * rotate(k, j, rope)).sum().item<double>();
  };
  EXPECT_NEAR(product(5, 2), product(1005, 1002), 1e-9);
  EXPECT_NEAR(product(-3, 0), product(0, 3), 1e-9);
  EXPECT_GT(std::abs(product(5, 2) - product(5, 3)), 1e-3);
  EXPECT_NEAR(rotate(q, 77, rope).norm().item<double>(), q.norm().item<double>(), 1e-12);
}

TEST(Positions, RopeRefusesAnOddWidth) {
  EXPECT_THROW(rotate(torch::zeros({1, 1, 2, 5}), 0, position("rope")), ModelError);
  EXPECT_THROW(rotate(torch::zeros({1, 1, 2, 4}), 0, position("rope(width=6)")), ModelError);
  EXPECT_THROW(rotate(torch::zeros({1, 1, 2, 6}), 0, position("rope_2d(2)")), ModelError);
}

TEST(Positions, TablesTurnPartOfTheWidth) {
  const auto x = torch::randn({2, 3, 5, 10}, at::kDouble);
  for (const int64_t C : {0, 1, 3, 5})
    for (const bool interleaved : {false, true}) {
      const auto a = torch::randn({2, 1, 5, C}, at::kDouble);
      const auto y = rotate_by(x, a.cos(), a.sin(), interleaved);
      auto want = x.clone();
      for (int64_t c = 0; c < C; ++c) {
        const int64_t left = interleaved ? 2 * c : c, right = interleaved ? 2 * c + 1 : c + C;
        const auto turn = torch::polar(torch::ones({2, 1, 5}, at::kDouble), a.select(3, c));
        const auto turned = torch::complex(x.select(3, left), x.select(3, right)) * turn;
        want.select(3, left).copy_(torch::real(turned));
        want.select(3, right).copy_(torch::imag(turned));
      }
      EXPECT_TRUE(torch::allclose(y, want, 1e-12, 1e-12)) << C << " " << interleaved;
    }
}

TEST(Positions, TablesThatDoNotFitAreRefused) {
  const auto x = torch::zeros({1, 1, 2, 5});
  EXPECT_THROW(rotate_by(x, torch::ones({2, 3}), torch::ones({2, 3}), false), ModelError);
  EXPECT_THROW(rotate_by(x, torch::ones({2, 2}), torch::ones({2, 1}), false), ModelError);
}

TEST(Positions, LearnedAddsATrainedTable) {
  AdditivePosition layer(AdditivePositionOptions(4).position(position("learned")).length(10));
  ASSERT_EQ(layer->table.sizes(), (std::vector<int64_t>{10, 4}));
  EXPECT_LE(layer->table.abs().max().item<double>(), 0.04 + 1e-7);
  EXPECT_GT(layer->table.abs().max().item<double>(), 0.01);
  const auto x = torch::randn({2, 3, 4});
  EXPECT_TRUE(layer->forward(x, 7).equal(x + layer->table.narrow(0, 7, 3)));
  layer->forward(x).sum().backward();
  EXPECT_EQ(layer->table.grad().sum().item<double>(), 2 * 3 * 4);
  EXPECT_THROW(layer->forward(x, 8), ModelError);
  EXPECT_THROW(layer->forward(x, -1), ModelError);
}

TEST(Positions, RefusesWhatCannotBeAdded) {
  EXPECT_THROW(AdditivePosition(AdditivePositionOptions(4).position(position("rope"))), ModelError);
  EXPECT_THROW(AdditivePosition(AdditivePositionOptions(4).position(position("learned"))),
               ModelError);
  AdditivePosition stated(AdditivePositionOptions(4).position(position("learned(9)")).length(3));
  EXPECT_EQ(stated->table.size(0), 9);
  EXPECT_THROW(
      AdditivePosition(AdditivePositionOptions(4).position(position("learned(3)")).length(9)),
      ModelError);
}

}  // namespace
}  // namespace heed::nn
