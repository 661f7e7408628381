// What the distance between a query and a key adds to their score. Distances are numbered so that
// they grow along a tile's memory: query i and key j have the number i - j + Lk - 1, from 0 to
// Lq + Lk - 2.
#pragma once

#include <algorithm>

#include "kernels/attend.h"
#include "kernels/collected.h"

namespace heed::kernels {

/// score += bias[distance]: ALiBi's slopes, T5's buckets. bias (B, H, Lq + Lk - 1) with columns of
/// stride 1 and no rows; gradients are added into `gradient`, of the same shape and its own memory
/// for each batch and head (null data: not wanted), by end_backward. A distance has as many pairs
/// as there are queries, so its sum is kept in double.
template <class T>
class DistanceBias final : public Modifier<T> {
 public:
  DistanceBias(View<const T> bias, View<T> gradient, const Sizes& sizes) noexcept
      : bias_(bias), gradient_(gradient), sizes_(sizes) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;
  bool looks_back() const noexcept override { return false; }
  bool shares_key() const noexcept override { return gradient_.data; }
  void begin_backward(int64_t) override {
    if (gradient_.data)
      sums_.begin(gradient_, sizes_.B, sizes_.H, 1,
                  std::max<int64_t>(sizes_.Lq + sizes_.Lk - 1, 0));
  }
  void end_backward() override { sums_.end(); }

 private:
  View<const T> bias_;
  View<T> gradient_;
  Sizes sizes_;
  Collected<T, double> sums_;
};

/// score += query . key[distance] (Shaw et al. 2018; Dai et al. 2019), with queries of its own.
/// Cost: a product of (rows + columns) x rows x width per tile, some 2.3 times that of the scores.
template <class T>
struct DistanceKeys {
  View<const T> queries;            ///< (B, H, Lq, W): W a multiple of kAlign, columns of stride 1
  View<const T> keys;               ///< (B, H, Lq + Lk - 1, W), columns of stride 1
  View<const T> transposed;         ///< (B, H, W, Lq + Lk - 1 and kAlign more), columns of stride 1
  View<T> grad_queries, grad_keys;  ///< added into; null data: not wanted
  int64_t width, length;            ///< W, Lk
};

template <class T>
class DistanceDot final : public Modifier<T> {
 public:
  explicit DistanceDot(const DistanceKeys<T>& of) noexcept : of_(of) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;
  bool looks_back() const noexcept override { return false; }
  bool shares_key() const noexcept override { return true; }

 private:
  DistanceKeys<T> of_;
};

}  // namespace heed::kernels
