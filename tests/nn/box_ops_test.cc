#include "nn/box_ops.h"

#include <gmock/gmock.h>

#include <torch/torch.h>

namespace heed::nn {
namespace {

using ::testing::ElementsAre;

at::Tensor boxes(const std::vector<float>& sides) { return at::tensor(sides).view({-1, 4}); }

TEST(BoxOps, GeneralizedIou) {
  const auto a = boxes({0, 0, 2, 2, 0, 0, 1, 1, 0, 0, 2, 2}),
             b = boxes({0, 0, 2, 2, 2, 0, 3, 1, 1, 1, 3, 3});
  // The same; apart by one in a hull of 3; a common 1 of 7 in a hull of 9.
  const auto expected = at::tensor({1.0, -1.0 / 3, 1.0 / 7 - 2.0 / 9}, at::kFloat);
  EXPECT_TRUE(at::allclose(generalized_iou(a, b), expected)) << generalized_iou(a, b);
  const auto pairs = pairwise_generalized_iou(a, b);
  EXPECT_TRUE(at::allclose(pairs.diagonal(), expected));
  EXPECT_TRUE(at::allclose(pairs[2][0], at::tensor(1.0f)));
  const auto none = boxes({1, 1, 1, 1});
  EXPECT_TRUE(generalized_iou(none, none).isfinite().all().item<bool>());
}

TEST(BoxOps, GeneralizedIouHasItsGradient) {
  const auto a = at::tensor({0.0, 0.0, 2.0, 3.0, 1.0, 5.0, 2.0, 6.0}, at::kDouble)
                     .view({2, 4})
                     .requires_grad_();
  const auto b = at::tensor({1.0, 1.0, 4.0, 3.5, 4.0, 7.0, 6.0, 9.0}, at::kDouble).view({2, 4});
  generalized_iou(a, b).sum().backward();
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < 8; ++i) {
    const auto move = at::zeros({8}, at::kDouble);
    move[i] = kStep;
    const auto at = [&](double sign) {
      return generalized_iou(a.detach() + sign * move.view({2, 4}), b).sum().item<double>();
    };
    EXPECT_NEAR(a.grad().view({-1})[i].item<double>(), (at(1) - at(-1)) / (2 * kStep), 1e-6) << i;
  }
}

TEST(BoxOps, SuppressKeepsTheBestOfThoseThatOverlap) {
  const auto all = boxes({0, 0, 10, 10, 1, 0, 11, 10, 100, 0, 110, 10, 0, 0, 10, 10, 4, 0, 14, 10});
  const auto scores = at::tensor({0.8f, 0.9f, 0.1f, 0.7f, 0.6f});
  const auto kinds = at::tensor({0, 0, 0, 1, 0}, at::kLong);
  EXPECT_THAT(suppress(all, scores, kinds, 0.6, 100), ElementsAre(1, 3, 4, 2));
  EXPECT_THAT(suppress(all, scores, kinds, 0.3, 100), ElementsAre(1, 3, 2)) << "0.54 is above 0.3";
  EXPECT_THAT(suppress(all, scores, kinds, 0.6, 2), ElementsAre(1, 3));
  EXPECT_THAT(suppress(all, at::full({5}, 0.5f), kinds, 0.6, 100), ElementsAre(0, 2, 3, 4))
      << "the first of equals";
}

}  // namespace
}  // namespace heed::nn
