// What depends on the processor's instruction set, and what does not: docs/architecture.md, "Processors".
#include <gtest/gtest.h>

#include "heed/ops/dropout.h"
#include "kernels/every_target.h"
#include "ops/mechanisms.h"

namespace heed::test {
namespace {

using kernels::test::on_every_target;

/// The largest difference, beside the largest number.
double difference(const at::Tensor& a, const at::Tensor& b) {
  const double most = a.numel() ? a.abs().max().item<double>() : 0;
  return most > 0 ? (a - b).abs().max().item<double>() / most : b.abs().sum().item<double>();
}

TEST(InstructionSets, DecideNotWhatDropoutDrops) {
  const auto x = torch::rand({3000}) + 1;
  at::Tensor first;
  on_every_target([&] {
    const auto y = dropout(x, 0.3, true, {}, 7);
    if (!first.defined()) first = y;
    EXPECT_TRUE(torch::equal(y, first));
  });
}

// Sums are taken in lanes, as many as a vector has: so bits differ, by no more than rounding.
TEST(InstructionSets, MoveOutputsAndGradientsByTheirRoundingAlone) {
  for (const auto& m : mechanisms()) {
    for (const auto& [dtype, most] : {std::pair{at::kFloat, 2e-4}, {at::kDouble, 1e-11}}) {
      torch::manual_seed(1);
      const auto sizes = tiled_sizes();
      const auto t = call_of(m, sizes).to(dtype);
      const auto weight = torch::randn({sizes.B, sizes.H, sizes.Lq, sizes.E}, dtype);
      at::Tensor first;
      std::vector<at::Tensor> first_gradients;
      on_every_target([&] {
        torch::manual_seed(2);  // of dropout and noise
        const auto out = attend(t);
        torch::manual_seed(2);
        const auto gradients = all_gradients(attend, t, weight);
        if (!first.defined()) first = out, first_gradients = gradients;
        EXPECT_LE(difference(first, out), most) << describe(m);
        for (size_t i = 0; i < gradients.size(); ++i)
          EXPECT_LE(difference(first_gradients[i], gradients[i]), 10 * most)
              << describe(m) << ": gradient " << i;
      });
    }
  }
}

}  // namespace
}  // namespace heed::test
