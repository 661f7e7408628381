#include "heed/nn/pooling.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "words.h"

namespace heed::nn {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const std::vector<std::string> kKinds = {"mean",      "max",       "first",        "last",
                                         "attention", "mean_sqrt", "weighted_mean"};

Pooling make_pool(const std::string& kind, int64_t width = 4) {
  torch::manual_seed(3);
  Pooling pool(
      width,
      PoolingOptions().kind(heed::test::Word{kind}).attention(Attention::parse("num_heads=2")));
  pool->to(at::kDouble);
  for (auto& p : pool->parameters()) p.data().normal_();
  return pool;
}

/// One record without padding, by loops.
std::vector<double> pooled_by_loops(const std::string& kind, const at::Tensor& x, int64_t n) {
  std::vector<double> y;
  for (int64_t m = 0; m < x.size(1); ++m) {
    double sum = 0, weighted = 0, most = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < n; ++i) {
      const double value = x[i][m].item<double>();
      sum += value, weighted += double(i + 1) * value, most = std::max(most, value);
    }
    y.push_back(n == 0                    ? 0
                : kind == "mean"          ? sum / double(n)
                : kind == "mean_sqrt"     ? sum / std::sqrt(double(n))
                : kind == "weighted_mean" ? weighted / (double(n) * double(n + 1) / 2)
                : kind == "max"           ? most
                : kind == "first"         ? x[0][m].item<double>()
                                          : x[n - 1][m].item<double>());
  }
  return y;
}

TEST(Pooling, FollowsTheFormulaWhateverStandsBehindALength) {
  for (const auto& kind : kKinds) {
    auto pool = make_pool(kind);
    const auto lengths = torch::tensor({3, 5, 1, 0}, at::kLong);
    auto x = torch::randn({4, 5, 4}, at::kDouble);
    for (int64_t b = 0; b < 4; ++b) x[b].slice(0, lengths[b].item<int64_t>()).fill_(kNaN);
    x.requires_grad_();
    const auto y = pool->forward(x, lengths);
    ASSERT_EQ(y.sizes(), (std::vector<int64_t>{4, 4})) << kind;
    (y * torch::randn({4, 4}, at::kDouble)).sum().backward();
    for (int64_t b = 0; b < 4; ++b) {
      const int64_t n = lengths[b].item<int64_t>();
      const auto expected =
          kind == "attention" && n > 0
              ? pool->attention->forward(x[b].slice(0, 0, n).unsqueeze(0)).flatten()
          : kind == "attention" ? torch::zeros({4}, at::kDouble)
                                : torch::tensor(pooled_by_loops(kind, x[b], n), at::kDouble);
      EXPECT_TRUE(y[b].allclose(expected, 1e-12, 1e-12)) << kind << " " << b << "\n" << y[b];
      EXPECT_TRUE(x.grad()[b].isfinite().all().item<bool>()) << kind;
      EXPECT_EQ(x.grad()[b].slice(0, n).abs().sum().item<double>(), 0) << kind << " " << b;
      EXPECT_EQ(n > 0, x.grad()[b].abs().sum().item<double>() > 0) << kind << " " << b;
    }
  }
}

TEST(Pooling, TakesAllTokensWithoutLengths) {
  for (const auto& kind : kKinds) {
    auto pool = make_pool(kind);
    const auto x = torch::randn({2, 5, 4}, at::kDouble);
    const auto all = torch::full({2}, 5, at::kLong);
    EXPECT_TRUE(pool->forward(x).allclose(pool->forward(x, all), 1e-14, 1e-14)) << kind;
    const auto empty = pool->forward(torch::empty({2, 0, 4}, at::kDouble));
    EXPECT_TRUE(empty.equal(torch::zeros({2, 4}, at::kDouble))) << kind;
  }
}

TEST(Pooling, StartsAsAttentionPoolingDoes) {
  const auto how = Attention::parse("num_heads=2");
  torch::manual_seed(5);
  Pooling pool(8, PoolingOptions().kind(PoolingKind::attention).attention(how));
  torch::manual_seed(5);
  AttentionPooling own(AttentionPoolingOptions(8).attention(how));
  EXPECT_TRUE(pool->attention->query.equal(own->query));
  const auto copy = std::dynamic_pointer_cast<PoolingImpl>(pool->clone());
  EXPECT_TRUE(copy->attention->query.equal(own->query));
}

TEST(Pooling, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make_pool("attention", 3), ModelError);
  auto pool = make_pool("mean");
  const auto x = torch::randn({2, 5, 4}, at::kDouble);
  EXPECT_THROW(pool->forward(x.narrow(2, 0, 3)), UsageError);
  EXPECT_THROW(pool->forward(x, torch::tensor({1, 6}, at::kLong)), UsageError);
  EXPECT_THROW(pool->forward(x, torch::tensor({-1, 5}, at::kLong)), UsageError);
  EXPECT_THROW(pool->forward(x, torch::tensor({1, 2, 3}, at::kLong)), UsageError);
  EXPECT_THROW(pool->forward(x, torch::tensor({1, 2}, at::kInt)), UsageError);
}

}  // namespace
}  // namespace heed::nn
