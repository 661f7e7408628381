// s -> cap tanh(s / cap): scores that cannot grow beyond the cap (Gemma 2, 2024).
#include "kernels/softcap.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor cap(const Part& part, const Scene&, const at::Tensor& scores) {
  const double most = part.at("cap");
  return torch::tanh(scores / most) * most;
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_softcap(const Part& part, const Terms&) {
  return std::make_unique<kernels::Softcap<T>>(static_cast<T>(part.at("cap")));
}

}  // namespace

Definition word_softcap() {
  return {.word = {Word::Kind::modifier,
                   "softcap",
                   {{"cap", std::nullopt, 1e-6, 1e9, false, "what no score goes beyond"}},
                   "cap tanh(score / cap)"},
          .change = cap,
          .modifier = {make_softcap<float>, make_softcap<double>}};
}

}  // namespace heed::ops
