// Prior knowledge: a number added to a score, with gradient.
#pragma once

#include "kernels/attend.h"

namespace heed::kernels {

/// bias (B, H, Lq, Lk) is added to the scores; a broadcast dimension has stride 0. Its gradient is
/// added into `gradient` (same shape and broadcast, zero at first; null data: not wanted), in an
/// order that depends on the sizes alone.
template <class T>
class Bias final : public Modifier<T> {
 public:
  explicit Bias(View<const T> bias, View<T> gradient = {}) noexcept
      : bias_(bias), gradient_(gradient) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;
  bool looks_back() const noexcept override { return false; }
  bool shares_batch() const noexcept override { return gradient_.data && gradient_.batch == 0; }
  bool shares_head() const noexcept override { return gradient_.data && gradient_.head == 0; }
  bool shares_key() const noexcept override { return gradient_.data && gradient_.column == 0; }

 private:
  View<const T> bias_;
  View<T> gradient_;
};

}  // namespace heed::kernels
