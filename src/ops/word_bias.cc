// A tensor added to the scores, with gradient: prior knowledge, or a table that is learned.
#include "kernels/bias.h"
#include "ops/view.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor add(const Part&, const Scene& scene, const at::Tensor& scores) {
  return scores + scene.bias;
}

void lower_bias(const Part&, Terms& terms) { terms.add("bias", terms.scene.bias); }

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_bias(const Part&, const Terms& terms) {
  const auto& s = terms.scene.sizes;
  const auto& bias = *terms.find("bias");
  const auto full = [&](const at::Tensor& t) {
    return t.defined() ? t.detach().expand({s.B, s.H, s.Lq, s.Lk}) : t;
  };
  return std::make_unique<kernels::Bias<T>>(view_of<const T>(full(bias.value)),
                                            view_of<T>(full(bias.grad)), s);
}

}  // namespace

Definition word_bias() {
  return {.word = {Word::Kind::modifier, "bias", {}, "a tensor added to the scores, with gradient"},
          .change = add,
          .lower = lower_bias,
          .modifier = {make_bias<float>, make_bias<double>},
          .adds = true};
}

}  // namespace heed::ops
