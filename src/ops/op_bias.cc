// A tensor added to the scores, with gradient: prior knowledge, or a table that is learned.
#include "kernels/bias.h"
#include "ops/op_definition.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

at::Tensor add(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  return scores + context.bias;
}

void prepare_bias(const OpSpec&, Operands& operands) {
  operands.add("bias", operands.context.bias);
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_bias(const OpSpec&, const Operands& operands) {
  const auto& s = operands.sizes();
  const auto& bias = *operands.find("bias");
  const auto full = [&](const at::Tensor& t) {
    return t.defined() ? t.detach().expand({s.B, s.H, s.Lq, s.Lk}) : t;
  };
  return std::make_unique<kernels::Bias<T>>(view_of<const T>(full(bias.value)),
                                            view_of<T>(full(bias.grad)), s);
}

}  // namespace

OpDefinition op_bias() {
  return {
      .kind = {OpKind::Role::modifier, "bias", {}, "a tensor added to the scores, with gradient"},
      .change = add,
      .prepare = prepare_bias,
      .modifier = {make_bias<float>, make_bias<double>},
      .adds = true};
}

}  // namespace heed::ops
