// A tensor added to the scores, with gradient: prior knowledge, or a table that is learned.
#include "kernels/bias.h"
#include "ops/view.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor add(const Part&, const Scene& scene, const at::Tensor& scores) {
  return scores + scene.bias;
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_bias(const Part&, const Scene& scene) {
  return std::make_unique<kernels::Bias<T>>(view_of<const T>(scene.bias),
                                            view_of<T>(scene.grad_bias));
}

}  // namespace

Definition word_bias() {
  return {.word = {Word::Kind::modifier, "bias", {}, "a tensor added to the scores, with gradient"},
          .change = add,
          .modifier = {make_bias<float>, make_bias<double>}};
}

}  // namespace heed::ops
