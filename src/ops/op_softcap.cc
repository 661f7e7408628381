// s -> cap tanh(s / cap): scores that cannot grow beyond the cap (Gemma 2, 2024).
#include "kernels/softcap.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor cap(const OpSpec& op, const CallContext&, const at::Tensor& scores) {
  const double most = op.at("cap");
  return torch::tanh(scores / most) * most;
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_softcap(const OpSpec& op, const Operands&) {
  return std::make_unique<kernels::Softcap<T>>(static_cast<T>(op.at("cap")));
}

}  // namespace

OpDefinition op_softcap() {
  return {.kind = {OpKind::Role::modifier,
                   "softcap",
                   {{"cap", std::nullopt, 1e-6, 1e9, false, "what no score goes beyond"}},
                   "cap tanh(score / cap)"},
          .change = cap,
          .modifier = {make_softcap<float>, make_softcap<double>}};
}

}  // namespace heed::ops
