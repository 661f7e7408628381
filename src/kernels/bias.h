// Prior knowledge: a number added to a score, with gradient.
#pragma once

#include "kernels/attend.h"
#include "kernels/collected.h"

namespace heed::kernels {

/// bias (B, H, Lq, Lk) is added to the scores; a broadcast dimension has stride 0. Its gradient is
/// added into `gradient` (same shape and broadcast, zero at first; null data: not wanted) by
/// end_backward, in an order that depends on the sizes alone. A number that queries or keys share
/// is summed in double, one that many batches and heads share in pieces of 32, each with memory of
/// its own.
template <class T>
class Bias final : public Modifier<T> {
 public:
  Bias(View<const T> bias, View<T> gradient, const Sizes& sizes) noexcept
      : bias_(bias), gradient_(gradient), sizes_(sizes) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;
  bool looks_back() const noexcept override { return false; }
  bool shares_batch() const noexcept override { return gradient_.data && gradient_.batch == 0; }
  bool shares_head() const noexcept override { return gradient_.data && gradient_.head == 0; }
  bool shares_key() const noexcept override { return gradient_.data && gradient_.column == 0; }
  void begin_backward(int64_t chunks) override;
  void end_backward() override;

 private:
  /// Which of those that share a number of the bias a batch and head is.
  int64_t sharer(int64_t batch, int64_t head) const noexcept {
    const int64_t heads = gradient_.head == 0 ? sizes_.H : 1;
    return (gradient_.batch == 0 ? batch * heads : 0) + (gradient_.head == 0 ? head : 0);
  }

  View<const T> bias_;
  View<T> gradient_;
  Sizes sizes_;
  Collected<T, double> sums_;  ///< where queries or keys share
  Collected<T, T> pieces_;     ///< where only batches and heads do, and many
};

}  // namespace heed::kernels
