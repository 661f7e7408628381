// Dropout: which weights are dropped, that kernels and formula agree, and where the seed comes
// from.
#include <gtest/gtest.h>

#include "ops/cases.h"

namespace heed::test {
namespace {

Tensors with_dropout(double p, std::optional<int64_t> seed, int64_t length = 60) {
  auto t = make({.H = 4, .G = 2, .Lq = length, .Lk = length + 3, .D = 8, .E = 5});
  t.how.dropout = p;
  t.inputs.training = true;
  t.inputs.seed = seed;
  return t;
}

TEST(AttendDropout, KernelsAndFormulaDropTheSame) {
  const auto t = with_dropout(0.3, 42);
  const auto weight = torch::randn({2, 4, 60, 5}, at::kDouble);
  EXPECT_TRUE(close(attend(t), reference(t), 1e-12, 1e-11));
  const auto a = gradients(attend, t, weight), b = gradients(reference, t, weight);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(close(a[i], b[i], 1e-11, 1e-10)) << i;
}

TEST(AttendDropout, KeepsTheMeanAndDropsTheShare) {
  auto t = with_dropout(0.25, 7, 200);
  t.k.zero_();  // equal weights
  t.v = torch::ones_like(t.v);
  const auto kept = attend(t).select(3, 0) * 0.75;  // the share of a row's weights that is kept
  EXPECT_NEAR(kept.mean().item<double>(), 0.75, 0.005);
  EXPECT_GT(kept.std().item<double>(), 0.01);
}

TEST(AttendDropout, ActsInTrainingOnly) {
  auto t = with_dropout(0.9, 1);
  t.inputs.training = false;
  auto plain = t;
  plain.how.dropout = 0;
  EXPECT_TRUE(torch::equal(attend(t), attend(plain)));
}

TEST(AttendDropout, SeedDecides) {
  const auto a = attend(with_dropout(0.3, 1));
  EXPECT_TRUE(torch::equal(a, attend(with_dropout(0.3, 1))));
  EXPECT_FALSE(torch::equal(a, attend(with_dropout(0.3, 2))));
}

TEST(AttendDropout, WithoutASeedLibTorchsGeneratorDecides) {
  const auto t = with_dropout(0.3, std::nullopt);
  torch::manual_seed(3);
  const auto first = attend(t), second = attend(t);
  EXPECT_FALSE(torch::equal(first, second));
  torch::manual_seed(3);
  EXPECT_TRUE(torch::equal(first, attend(t)));
  auto generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(generator.get_state());  // a checkpoint of its state resumes the stream
  EXPECT_TRUE(torch::equal(second, attend(t)));
}

TEST(AttendDropout, NothingIsDrawnWhenNothingIsDropped) {
  auto t = with_dropout(0.3, std::nullopt);
  t.inputs.training = false;
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto before = generator.get_state();
  attend(t);
  EXPECT_TRUE(torch::equal(before, generator.get_state()));
}

}  // namespace
}  // namespace heed::test
