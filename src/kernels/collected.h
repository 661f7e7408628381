// Sums of many terms: memory of their own, in which every addition is rounded as little as it needs
// to be.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/attend.h"

namespace heed::kernels {

/// Takes the place of an operand's gradient while backward runs: `copies` arrays of S, zero at
/// first, of the gradient's shape and broadcast. S = double: any number of terms. S = T: a limited
/// number each, and as many copies as that takes.
template <class T, class S>
class Collected {
 public:
  /// `to` is (B, H, rows, columns), with stride 0 where it is broadcast. May throw std::bad_alloc.
  void begin(const View<T>& to, int64_t B, int64_t H, int64_t rows, int64_t columns,
             int64_t copies = 1) {
    const auto extent = [](int64_t stride, int64_t count) { return stride == 0 ? 1 : count; };
    to_ = to, B_ = extent(to.batch, B), H_ = extent(to.head, H);
    rows_ = extent(to.row, rows), columns_ = extent(to.column, columns);
    memory_.assign(static_cast<size_t>(copies * size()), S{0});
    const auto stride = [](int64_t of_to, int64_t here) { return of_to == 0 ? 0 : here; };
    first_ = {memory_.data(), stride(to.batch, H_ * rows_ * columns_),
              stride(to.head, rows_ * columns_), stride(to.row, columns_), stride(to.column, 1)};
  }
  bool begun() const noexcept { return !memory_.empty(); }

  View<S> view(int64_t copy = 0) const noexcept {
    View<S> view = first_;
    view.data += copy * size();
    return view;
  }

  /// Adds the copies to the gradient, in their order, and gives the memory back.
  void end() {
    const auto count = static_cast<int64_t>(memory_.size());
    for (int64_t x = 0; x < std::min(size(), count); ++x) {
      double sum = 0;
      for (int64_t at = x; at < count; at += size()) sum += static_cast<double>(first_.data[at]);
      T& to = place(x);
      to = static_cast<T>(static_cast<double>(to) + sum);
    }
    memory_ = {};
  }

 private:
  int64_t size() const noexcept { return B_ * H_ * rows_ * columns_; }
  T& place(int64_t x) const noexcept {
    const int64_t column = x % columns_, row = x / columns_ % rows_, head = x / columns_ / rows_;
    return to_.at(head / H_, head % H_)[row * to_.row + column * to_.column];
  }

  View<T> to_;
  View<S> first_;
  int64_t B_ = 0, H_ = 0, rows_ = 0, columns_ = 0;
  std::vector<S> memory_;
};

}  // namespace heed::kernels
