// Noise by which the largest score is a draw from the softmax of the scores (Gumbel 1954).
#pragma once

#include "kernels/attend.h"

namespace heed::kernels {

/// noise[j] = -log(-log u), u in (0, 1) by the seed and (b, h, i, first + j) alone, for count keys.
void gumbel_noise(uint64_t seed, int64_t batch, int64_t head, int64_t row, int64_t first,
                  int64_t count, double* noise) noexcept;

/// s -> s + noise; passes the gradient as it is.
template <class T>
class Gumbel final : public Modifier<T> {
 public:
  explicit Gumbel(uint64_t seed) noexcept : seed_(seed) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>&, const Tile<T>&) const noexcept override {}
  bool looks_back() const noexcept override { return false; }

 private:
  uint64_t seed_;
};

}  // namespace heed::kernels
