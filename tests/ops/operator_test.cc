// The operator as LibTorch's dispatcher knows it.
#include <gtest/gtest.h>
#include <torch/library.h>

#include "ops/cases.h"

namespace heed::test {
namespace {

TEST(Operator, IsRegisteredWithItsSchema) {
  heed::attend(torch::zeros({1, 1, 1, 1}), torch::zeros({1, 1, 1, 1}), torch::zeros({1, 1, 1, 1}),
               "dot");
  const auto op = c10::Dispatcher::singleton().findSchema({"heed::attend", ""});
  ASSERT_TRUE(op.has_value());
  std::ostringstream schema;
  schema << op->schema();
  EXPECT_EQ(
      schema.str(),
      "heed::attend(Tensor q, Tensor k, Tensor v, str how=\"scaled_dot\", *, Tensor? "
      "key_lengths=None, "
      "Tensor? attn_mask=None, Tensor? bias=None, Tensor? segment_ids=None, Tensor? "
      "block_mask=None, "
      "Tensor[]? parameters=None, bool training=False, int? seed=None, int? query_offset=None) -> "
      "Tensor");
}

TEST(Operator, ComputesAndDifferentiates) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("heed::attend", "");
  const auto t = make({.how = "causal", .bias = {5, 7}});
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : t.leaves()) leaves.push_back(leaf.detach().requires_grad_());
  torch::jit::Stack stack = {leaves[0],    leaves[1],    leaves[2],    "causal",     at::IValue(),
                             at::IValue(), leaves[3],    at::IValue(), at::IValue(), at::IValue(),
                             false,        at::IValue(), at::IValue()};
  op.callBoxed(&stack);
  const auto out = stack[0].toTensor();
  EXPECT_TRUE(torch::equal(out, attend(t)));
  const auto weight = torch::randn_like(out);
  const auto grads = torch::autograd::grad({out}, leaves, {weight});
  const auto expected = gradients(attend, t, weight);
  for (size_t i = 0; i < grads.size(); ++i) EXPECT_TRUE(torch::equal(grads[i], expected[i])) << i;
}

}  // namespace
}  // namespace heed::test
