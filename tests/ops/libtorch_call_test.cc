// What goes to LibTorch's own fused attention on other devices, computed by it on the CPU.
#include "ops/libtorch_call.h"

#include <gtest/gtest.h>

#include "ops/cases.h"
#include "ops/torch_version.h"

namespace heed::test {
namespace {

ops::Call call_of(const Tensors& t) { return ops::checked(t.q, t.k, t.v, t.how, t.inputs); }

TEST(LibTorchCall, WhatItCanExpressFollowsTheFormula) {
  if (!HEED_TORCH_HAS_SDPA) GTEST_SKIP() << "LibTorch " << TORCH_VERSION << " has no such operator";
  int expressed = 0;
  for (const auto& c : random_cases(400)) {
    const auto t = make(c);
    if (!ops::libtorch_can(call_of(t))) continue;
    ++expressed;
    EXPECT_TRUE(close(ops::by_libtorch(call_of(t)), reference(t), 1e-12, 1e-11)) << describe(c);
    const auto weight = torch::randn({c.B, c.H, c.Lq, c.E}, at::kDouble);
    const auto grads =
        gradients([](const Tensors& x) { return ops::by_libtorch(call_of(x)); }, t, weight);
    const auto expected = gradients(reference, t, weight);
    for (size_t i = 0; i < grads.size(); ++i)
      EXPECT_TRUE(close(grads[i], expected[i], 1e-11, 1e-10)) << describe(c) << " leaf " << i;
  }
  EXPECT_GT(expressed, 40);
}

TEST(LibTorchCall, LeavesWhatItCannotExpressToTheFormula) {
  for (const char* how : {"softcap(3)", "alibi", "shaw(4)", "sparsemax", "additive", "sinks",
                          "talking", "dropout=0.5"}) {
    auto t = make({.how = how});
    t.inputs.training = true;
    EXPECT_FALSE(ops::libtorch_can(call_of(t))) << how;
  }
}

}  // namespace
}  // namespace heed::test
