// The cosine is that of directions, whatever the lengths of the vectors.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "ops/cases.h"

namespace heed::test {
namespace {

using By = std::function<at::Tensor(const Tensors&)>;

constexpr double kLargest = 1e30;

std::vector<double> lengths_of(at::ScalarType type) {
  if (type == at::kDouble) return {1e-300, 1e-30, 1e-7, 1, 1e13, 1e30, 1e300};
  return {1e-30, 1e-12, 1e-7, 1e-5, 1, 1e13, 2e19, kLargest};
}

Tensors with_lengths(const Tensors& t, double of_q, double of_k) {
  Tensors other = t;
  other.q = t.q * of_q, other.k = t.k * of_k;
  return other;
}

Tensors some_vectors() { return make({.Lq = 9, .Lk = 11, .D = 6, .how = "cosine(3)", .seed = 4}); }

TEST(Cosine, IsTheSameForVectorsOfEveryLength) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const auto t = some_vectors().to(type);
    const auto expected = attend(t.to(at::kDouble));
    const double off = type == at::kDouble ? 1e-14 : type == at::kFloat ? 2e-6 : 2e-2;
    for (const double q : lengths_of(type))
      for (const double k : lengths_of(type)) {
        const auto other = with_lengths(t, q, k);
        EXPECT_TRUE(close(attend(other), expected, off, 0)) << type << " " << q << " " << k;
        EXPECT_TRUE(close(reference(other), expected, off, 0)) << type << " " << q << " " << k;
      }
  }
}

TEST(Cosine, TwoUnitVectorsGiveTheKnownWeights) {
  const auto k = torch::eye(2).view({1, 1, 2, 2}), q = k.narrow(2, 0, 1);
  AttendInputs inputs;
  inputs.parameters["cosine.log_scale"] = torch::tensor({std::log(10.f)});
  for (const double s : lengths_of(at::kFloat)) {
    const auto w = attend(q * s, k * s, k, "cosine", inputs).flatten();
    EXPECT_NEAR(w[0].item<double>(), 0.99995460, 1e-7) << s;
    EXPECT_NEAR(w[1].item<double>(), 4.5398e-05, 1e-9) << s;
  }
}

// The gradient of a direction falls with the length.
TEST(Cosine, GradientsAreRightForShortAndLongVectors) {
  torch::manual_seed(3);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto t = some_vectors().to(type);
    const auto weight = torch::randn({2, 2, 9, 4}, at::kDouble);
    const auto expected = gradients(reference, t.to(at::kDouble), weight);
    const double off = type == at::kDouble ? 1e-13 : 4e-6;
    for (const double length : {1e-25, 1e-5, 1e13, 1e25}) {
      const auto other = with_lengths(t, length, 1 / length);
      for (const auto& f : {By(attend), By(reference)}) {
        const auto found = gradients(f, other, weight);
        for (size_t i = 0; i < found.size(); ++i) {
          const double scale = i == 0 ? length : i == 1 ? 1 / length : 1;
          EXPECT_TRUE(close(found[i].to(at::kDouble) * scale, expected[i],
                            off * expected[i].abs().max().item<double>(), 0))
              << type << " " << length << " leaf " << i;
        }
      }
    }
  }
}

TEST(Cosine, WithAVectorOfZerosIsZeroAndDifferentiable) {
  auto t = some_vectors().to(at::kFloat);
  t.q[0][0][3].zero_(), t.k[1][1][5].zero_();
  const auto weight = torch::randn({2, 2, 9, 4}, at::kDouble);
  EXPECT_TRUE(close(attend(t)[0][0][3], t.v[0][0].mean(0), 1e-6, 0));
  const auto of_kernels = gradients(attend, t, weight);
  const auto of_formula = gradients(reference, t.to(at::kDouble), weight);
  for (size_t i = 0; i < of_kernels.size(); ++i)
    EXPECT_TRUE(close(of_kernels[i], of_formula[i], 1e-5, 1e-4)) << i;
  EXPECT_GT(of_kernels[0][0][0][3].abs().max().item<double>(), 0);
}

TEST(Cosine, ANaNKeepsToItsOwnKey) {
  auto clean = make({.Lq = 12, .Lk = 12, .D = 6, .how = "cosine; causal"}).to(at::kFloat);
  auto spoiled = clean;
  spoiled.k = clean.k.clone();
  spoiled.k[0][1][7][2] = NAN, spoiled.k[1][0][7][2] = INFINITY;
  const auto a = attend(clean), b = attend(spoiled);
  EXPECT_TRUE(torch::equal(a.narrow(2, 0, 7), b.narrow(2, 0, 7)));
  EXPECT_TRUE(torch::isnan(b[0][1].narrow(0, 7, 5)).all().item<bool>());
  EXPECT_TRUE(torch::isnan(b[1][0].narrow(0, 7, 5)).all().item<bool>());
  EXPECT_TRUE(torch::equal(a[0][0], b[0][0]));
}

}  // namespace
}  // namespace heed::test
