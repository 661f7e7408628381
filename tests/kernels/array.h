// A (B, H, L, D) array with its own memory and any order of strides.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/attend.h"

namespace heed::kernels::test {

enum class Order { contiguous, batch_length_head, columns_first, rows_backwards, one_row };

template <class T>
class Array {
 public:
  Array() = default;
  Array(int64_t B, int64_t H, int64_t L, int64_t D, Order order = Order::contiguous)
      : B_(B), H_(H), L_(L), D_(D), memory_(static_cast<size_t>(B * H * L * D)) {
    view_ = {memory_.data(), H * L * D, L * D, D, 1};
    if (order == Order::batch_length_head) view_.head = D, view_.row = H * D;
    if (order == Order::columns_first) view_.row = 1, view_.column = L;
    if (order == Order::rows_backwards) view_.row = -D, view_.data += (L - 1) * D;
    if (order == Order::one_row) view_.row = 0;
  }
  Array(const Array&) = delete;
  Array(Array&&) noexcept = default;
  Array& operator=(Array&&) noexcept = default;

  T& operator()(int64_t b, int64_t h, int64_t i, int64_t e) {
    return view_.at(b, h)[i * view_.row + e * view_.column];
  }
  const T& operator()(int64_t b, int64_t h, int64_t i, int64_t e) const {
    return view_.at(b, h)[i * view_.row + e * view_.column];
  }
  View<T> view() { return view_; }
  View<const T> view() const {
    return {view_.data, view_.batch, view_.head, view_.row, view_.column};
  }
  int64_t batches() const { return B_; }
  int64_t heads() const { return H_; }
  int64_t length() const { return L_; }
  int64_t width() const { return D_; }
  std::vector<T>& memory() { return memory_; }
  const std::vector<T>& memory() const { return memory_; }

  Array& randomize(std::mt19937& random, double size = 1) {
    std::normal_distribution<double> normal(0, size);
    for (T& x : memory_) x = static_cast<T>(normal(random));
    return *this;
  }

 private:
  int64_t B_ = 0, H_ = 0, L_ = 0, D_ = 0;
  std::vector<T> memory_;
  View<T> view_;
};

}  // namespace heed::kernels::test
