#include "kernels/bias.h"

#include "kernels/dense.h"

namespace heed::kernels {

template <class T>
void Bias<T>::forward(const Tile<T>& scores) const noexcept {
  with_dense(scores, bias_, [](T& score, T term) { score += term; });
}

template <class T>
void Bias<T>::backward(const Tile<T>&, const Tile<T>& gradient) const noexcept {
  if (!gradient_.data) return;
  with_dense(gradient, gradient_, [](T& grad, T& sum) { sum += grad; });
}

template class Bias<float>;
template class Bias<double>;

}  // namespace heed::kernels
