// Geometric attention: each key takes its share of what the nearer ones left.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "heed/ops/attend.h"

namespace heed {
namespace {

/// The weights of one row, told as the rule is: keys by distance, the right one of two first.
std::vector<double> row_by_rule(const std::vector<double>& scores, const std::vector<bool>& hidden,
                                int64_t p) {
  std::vector<int64_t> order(scores.size());
  for (size_t j = 0; j < order.size(); ++j) order[j] = static_cast<int64_t>(j);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const auto distance = [&](int64_t j) { return std::abs(j - p); };
    return distance(a) != distance(b) ? distance(a) < distance(b) : a > b;
  });
  std::vector<double> weights(scores.size(), 0.0);
  double left = 1;
  for (const int64_t j : order) {
    if (hidden[j]) continue;
    const double share = 1 / (1 + std::exp(-scores[j]));
    weights[j] = left * share;
    left *= 1 - share;
  }
  return weights;
}

TEST(Geometric, NearKeysTakeTheirShareFirst) {
  torch::manual_seed(1);
  for (const int64_t offset : {-3, 0, 4, 20}) {
    const int64_t rows = 7, columns = 11;
    const auto bias = torch::randn({rows, columns}, at::kDouble) * 3;
    const auto seen = torch::rand({rows, columns}) > 0.3;
    AttendInputs inputs;
    inputs.bias = bias, inputs.attn_mask = seen, inputs.query_offset = offset;
    at::Tensor weights;
    const auto none = torch::zeros({1, 1, rows, 2}, at::kDouble);
    const auto keys = torch::zeros({1, 1, columns, 2}, at::kDouble);
    attend_reference(none, keys, keys, Attention::parse("uniform; bias; attn_mask; geometric"),
                     inputs, &weights);
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<double> scores;
      std::vector<bool> hidden;
      for (int64_t j = 0; j < columns; ++j) {
        scores.push_back(bias[i][j].item<double>());
        hidden.push_back(!seen[i][j].item<bool>());
      }
      const auto expected = row_by_rule(scores, hidden, i + offset);
      for (int64_t j = 0; j < columns; ++j) {
        EXPECT_NEAR(weights[0][0][i][j].item<double>(), expected[j], 1e-12)
            << offset << " " << i << " " << j;
      }
    }
  }
}

TEST(Geometric, IsTheGatedRecurrenceWhenCausal) {
  torch::manual_seed(2);
  const int64_t length = 300;
  const auto q = torch::randn({1, 1, 1, 4}, at::kDouble).expand({1, 1, length, 4});
  const auto k = torch::randn({1, 1, length, 4}, at::kDouble) * 2;
  const auto v = torch::randn({1, 1, length, 3}, at::kDouble);
  const auto out = attend(q, k, v, "dot; geometric; causal");
  const auto gates = torch::sigmoid(torch::matmul(k, q[0][0][0]));  // (1, 1, L)
  auto state = torch::zeros({3}, at::kDouble);
  for (int64_t t = 0; t < length; ++t) {
    const auto z = gates[0][0][t];
    state = z * v[0][0][t] + (1 - z) * state;
    EXPECT_TRUE(torch::allclose(out[0][0][t], state, 1e-10, 1e-12)) << t;
  }
}

TEST(Geometric, KeepsItsDigitsInFloat32) {
  torch::manual_seed(3);
  const auto q = torch::full({1, 1, 400, 1}, 1.0), k = torch::full({1, 1, 400, 1}, -8.0);
  const auto v = torch::randn({1, 1, 400, 2});
  const auto exact =
      attend(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), "dot; geometric; causal");
  EXPECT_TRUE(torch::allclose(attend(q, k, v, "dot; geometric; causal").to(at::kDouble), exact,
                              1e-5, 1e-7));
}

TEST(Geometric, WeightsSumToOneBesideAVeryLargeScore) {
  for (const auto type : {at::kFloat, at::kDouble})
    for (const double large : {1e3, 1e10, 1e12, 1e15, 1e16, 1e18, 1e30})
      for (const int64_t place : {0, 2, 5}) {
        auto scores = torch::zeros({1, 1, 6, 1}, type);
        scores[0][0][place] = large;
        scores.requires_grad_();
        const auto one = torch::ones({1, 1, 1, 1}, type);
        const auto values = torch::arange(6, scores.options().requires_grad(false));
        AttendInputs inputs;
        inputs.query_offset = 5;
        const auto sum =
            attend(one, scores, torch::ones({1, 1, 6, 1}, type), "dot; geometric", inputs);
        // The large one takes all that the nearer ones, of which each takes half, leave.
        const double left = std::exp2(static_cast<double>(place) - 5);
        double expected = left * static_cast<double>(place);
        for (int64_t j = place + 1; j < 6; ++j) expected += std::exp2(double(j) - 6) * double(j);
        const auto out = attend(one, scores, values.view({1, 1, 6, 1}), "dot; geometric", inputs);
        EXPECT_NEAR(sum.item<double>(), 1, 1e-6) << large << " " << place;
        EXPECT_NEAR(out.item<double>(), expected, 4e-6) << large << " " << place;
        out.backward();
        // What stands behind it weighs nothing, and neither does itself for its own score.
        const auto grad = scores.grad().flatten();
        for (int64_t j = 0; j <= place; ++j) EXPECT_NEAR(grad[j].item<double>(), 0, 1e-12) << large;
        double rest = left * static_cast<double>(place);  // the mean of those farther than j
        for (int64_t j = place + 1; j < 6; ++j) {
          const double found = std::exp2(double(j) - 6);  // its weight, and what it leaves
          EXPECT_NEAR(grad[j].item<double>(), (found * double(j) - rest) / 2, 4e-6) << large;
          rest += found * static_cast<double>(j);
        }
      }
}

}  // namespace
}  // namespace heed
