// Positions of a grid, against loops over rows, columns and channels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/positions.h"

namespace heed::nn {
namespace {

using testing::HasSubstr;

OpSpec part_of(const std::string& text) { return Attention::parse(text).position; }

AdditivePosition additive(const std::string& text, int64_t width, int64_t length = 0) {
  AdditivePosition layer(AdditivePositionOptions(width).position(part_of(text)).length(length));
  return layer;
}

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const ModelError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(GridPositions, SinusoidalOfRowAndColumn) {
  for (const int64_t lead : {0, 2}) {
    const int64_t rows = 3, columns = 4, M = 6, L = lead + rows * columns;
    auto layer = additive("sinusoidal_2d(4, " + std::to_string(lead) + ", 50)", M);
    const auto p = layer->forward(torch::zeros({1, L, M}, at::kDouble))[0];
    for (int64_t i = 0; i < L; ++i)
      for (int64_t c = 0; c < M; ++c) {
        const int64_t n = i - lead, half = M / 2, in_half = c % half;
        const double place = double(c < half ? n / columns : n % columns);
        const double a = place / std::pow(50.0, double(in_half / 2 * 2) / double(half));
        const double expected = i < lead ? 0 : in_half % 2 ? std::cos(a) : std::sin(a);
        EXPECT_NEAR(p[i][c].item<double>(), expected, 1e-12) << i << " " << c;
      }
  }
}

TEST(GridPositions, RopeTurnsByRowAndByColumn) {
  for (const bool interleaved : {false, true}) {
    const int64_t lead = 1, columns = 3, D = 8, L = 7;
    const auto part = part_of(interleaved ? "rope_2d(3, 1, 50, 1)" : "rope_2d(3, 1, 50)");
    const auto x = torch::randn({1, 1, L, D}, at::kDouble);
    const auto y = rotate(x, 0, part);
    EXPECT_TRUE(y.select(2, 0).equal(x.select(2, 0)));
    for (int64_t i = lead; i < L; ++i)
      for (int64_t c = 0; c < D / 2; ++c) {
        const int64_t n = i - lead, of_half = c % (D / 4);
        const double place = double(c < D / 4 ? n / columns : n % columns);
        const double a = place * std::pow(50.0, -2.0 * double(of_half) / (double(D) / 2));
        const int64_t left = interleaved ? 2 * c : c, right = interleaved ? 2 * c + 1 : c + D / 2;
        const double x0 = x[0][0][i][left].item<double>(), x1 = x[0][0][i][right].item<double>();
        EXPECT_NEAR(y[0][0][i][left].item<double>(), x0 * std::cos(a) - x1 * std::sin(a), 1e-12);
        EXPECT_NEAR(y[0][0][i][right].item<double>(), x1 * std::cos(a) + x0 * std::sin(a), 1e-12);
      }
  }
}

TEST(GridPositions, RopeDependsOnTheDistanceInBothDirectionsAlone) {
  const auto part = part_of("rope_2d(10)");
  const auto q = torch::randn({1, 1, 1, 8}, at::kDouble), k = torch::randn_like(q);
  const auto product = [&](int64_t row, int64_t column, int64_t row2, int64_t column2) {
    return (rotate(q, 10 * row + column, part) * rotate(k, 10 * row2 + column2, part))
        .sum()
        .item<double>();
  };
  EXPECT_NEAR(product(0, 9, 2, 3), product(5, 8, 7, 2), 1e-10);
  EXPECT_GT(std::abs(product(0, 9, 2, 3) - product(0, 9, 2, 4)), 1e-3);
  EXPECT_GT(std::abs(product(0, 9, 2, 3) - product(0, 9, 3, 3)), 1e-3);
}

TEST(GridPositions, LearnedAddsAVectorARowAndAColumn) {
  for (const int64_t lead : {0, 1}) {
    auto layer = additive("learned_2d(3, " + std::to_string(lead) + ")", 4, lead + 6);
    ASSERT_EQ(layer->row_table.sizes(), (std::vector<int64_t>{2, 2}));
    ASSERT_EQ(layer->column_table.sizes(), (std::vector<int64_t>{3, 2}));
    EXPECT_GT(layer->row_table.abs().max().item<double>(), 0);
    const auto x = torch::randn({2, lead + 6, 4});
    const auto y = layer->forward(x);
    for (int64_t i = 0; i < lead + 6; ++i) {
      const int64_t n = i - lead;
      const auto p = i < lead ? torch::zeros({4})
                              : torch::cat({layer->row_table[n / 3], layer->column_table[n % 3]});
      EXPECT_TRUE(y.select(1, i).equal(x.select(1, i) + p));
    }
    EXPECT_TRUE(layer->forward(x.narrow(1, 2, 3), 2).equal(y.narrow(1, 2, 3)));
    y.sum().backward();
    EXPECT_TRUE(layer->row_table.grad().equal(torch::full({2, 2}, 2.0 * 3)));
    EXPECT_TRUE(layer->column_table.grad().equal(torch::full({3, 2}, 2.0 * 2)));
    EXPECT_THROW(layer->forward(x, 1), ModelError);
  }
}

TEST(GridPositions, LearnedTablesTakeTheirSizesFromWhatIsKnown) {
  const auto sizes = [](const std::string& text, int64_t length) {
    const auto layer = additive(text, 4, length);
    return std::pair{layer->row_table.size(0), layer->column_table.size(0)};
  };
  EXPECT_EQ(sizes("learned_2d", 9), (std::pair<int64_t, int64_t>{3, 3}));
  EXPECT_EQ(sizes("learned_2d(first=1)", 17), (std::pair<int64_t, int64_t>{4, 4}));
  EXPECT_EQ(sizes("learned_2d(columns=4)", 9), (std::pair<int64_t, int64_t>{3, 4}));
  EXPECT_EQ(sizes("learned_2d(columns=4, rows=5)", 0), (std::pair<int64_t, int64_t>{5, 4}));
  EXPECT_EQ(sizes("learned_2d(rows=5)", 0), (std::pair<int64_t, int64_t>{5, 5}));
  EXPECT_EQ(sizes("learned_2d(rows=5)", 9), (std::pair<int64_t, int64_t>{5, 3}));
  EXPECT_EQ(sizes("learned_2d(columns=2, first=3)", 3), (std::pair<int64_t, int64_t>{1, 2}));
  EXPECT_THROW(sizes("learned_2d(columns=2, rows=2)", 5), ModelError);
  EXPECT_THAT(refusal_of([&] { sizes("learned_2d(columns=4)", 0); }),
              HasSubstr("say learned_2d(columns=..., rows=...)"));
}

TEST(GridPositions, WithoutColumnsTheGridIsASquare) {
  const auto x = torch::randn({1, 2, 10, 8}, at::kDouble);
  EXPECT_TRUE(
      rotate(x, 0, part_of("rope_2d(first=1)")).equal(rotate(x, 0, part_of("rope_2d(3, 1)"))));
  EXPECT_THAT(refusal_of([&] { rotate(x, 0, part_of("rope_2d")); }),
              HasSubstr("rope_2d: expected a square number of tokens after the first 0, given 10; "
                        "say rope_2d(columns=...)"));
  const auto tokens = torch::zeros({1, 4, 4}, at::kDouble);
  EXPECT_TRUE(additive("sinusoidal_2d", 4)
                  ->forward(tokens)
                  .equal(additive("sinusoidal_2d(2)", 4)->forward(tokens)));
  EXPECT_EQ(additive("sinusoidal_2d", 4)->forward(tokens.narrow(1, 0, 0)).size(1), 0);
}

TEST(GridPositions, APartOfTheQueriesStandsWhereItStood) {
  for (const char* how :
       {"rope_2d(3); num_heads=2", "sinusoidal_2d(3); num_heads=2", "rope_2d; num_heads=2",
        "sinusoidal_2d; num_heads=2", "learned_2d(3, 0, 3); num_heads=2"}) {
    MultiHeadAttention layer(MultiHeadAttentionOptions(8).attention(Attention::parse(how)));
    layer->to(at::kDouble);
    for (auto& p : layer->parameters()) p.data().normal_(0, 0.5);
    const auto x = torch::randn({2, 9, 8}, at::kDouble);
    EXPECT_TRUE(layer->forward(x.narrow(1, 5, 4), x).allclose(layer->forward(x).narrow(1, 5, 4)))
        << how;
  }
}

TEST(GridPositions, OnGridFillsInAndRefusesWhatContradicts) {
  const auto known = on_grid(part_of("rope_2d(interleaved=1)"), 7, 1);
  EXPECT_EQ(known.at("columns"), 7);
  EXPECT_EQ(known.at("first"), 1);
  EXPECT_EQ(known.at("interleaved"), 1);
  EXPECT_EQ(on_grid(part_of("sinusoidal_2d(7)"), 7, 0).at("columns"), 7);
  EXPECT_EQ(on_grid(part_of("rope"), 7, 1), part_of("rope"));
  EXPECT_THAT(refusal_of([] { on_grid(part_of("learned_2d(5)"), 7, 0); }),
              HasSubstr("learned_2d(columns): this model has 7, given 5"));
  EXPECT_THROW(on_grid(part_of("rope_2d(first=1)"), 7, 0), ModelError);
  EXPECT_THROW(additive("sinusoidal_2d(2)", 5), ModelError);
}

}  // namespace
}  // namespace heed::nn
