// Scores that cannot grow beyond a cap.
#pragma once

#include "kernels/attend.h"

namespace heed::kernels {

/// s -> cap tanh(s / cap), cap > 0 (Gemma 2).
template <class T>
class Softcap final : public Modifier<T> {
 public:
  explicit Softcap(T cap) noexcept : cap_(cap) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;

 private:
  T cap_;
};

}  // namespace heed::kernels
