#include "kernels/bias.h"

namespace heed::kernels {

template <class T>
void Bias<T>::forward(const Tile<T>& scores) const noexcept {
  const T* bias =
      bias_.at(scores.batch, scores.head) + scores.row * bias_.row + scores.column * bias_.column;
  for (int64_t i = 0; i < scores.rows; ++i) {
    for (int64_t j = 0; j < scores.columns; ++j) {
      scores(i, j) += bias[i * bias_.row + j * bias_.column];
    }
  }
}

template <class T>
void Bias<T>::backward(const Tile<T>&, const Tile<T>& gradient) const noexcept {
  if (!gradient_.data) return;
  T* sum = gradient_.at(gradient.batch, gradient.head) + gradient.row * gradient_.row +
           gradient.column * gradient_.column;
  for (int64_t i = 0; i < gradient.rows; ++i) {
    for (int64_t j = 0; j < gradient.columns; ++j) {
      sum[i * gradient_.row + j * gradient_.column] += gradient(i, j);
    }
  }
}

template class Bias<float>;
template class Bias<double>;

}  // namespace heed::kernels
