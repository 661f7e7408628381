#include "kernels/distance.h"

#include <algorithm>

#include "kernels/blocks.h"
#include "kernels/product.h"

namespace heed::kernels {
namespace {

/// Distances of a tile: `first` and how many.
template <class T>
struct Distances {
  int64_t first, count;

  Distances(const Tile<T>& tile, int64_t keys)
      : first(tile.row - (tile.column + tile.columns - 1) + keys - 1),
        count(tile.rows + tile.columns - 1) {}
  /// Of query i and key j of the tile, from `first` on.
  static int64_t of(const Tile<T>& tile, int64_t i, int64_t j) { return i + tile.columns - 1 - j; }
};

/// A row of distances for each query of a tile.
constexpr int64_t kDistances = (kQueries + kKeys + kAlign - 1) / kAlign * kAlign + kAlign;

}  // namespace

template <class T>
void DistanceBias<T>::forward(const Tile<T>& scores) const noexcept {
  const Distances<T> distances(scores, sizes_.Lk);
  const T* of_tile = bias_.at(scores.batch, scores.head) + distances.first;
  for (int64_t j = 0; j < scores.columns; ++j) {
    const T* bias = of_tile + Distances<T>::of(scores, 0, j);
    T* key = scores.data + j * scores.stride;
    for (int64_t i = 0; i < scores.rows; ++i) key[i] += bias[i];
  }
}

template <class T>
void DistanceBias<T>::backward(const Tile<T>&, const Tile<T>& gradient) const noexcept {
  if (!sums_.begun()) return;
  const Distances<T> distances(gradient, sizes_.Lk);
  T of_tile[kDistances] = {};
  for (int64_t j = 0; j < gradient.columns; ++j) {
    T* sum = of_tile + Distances<T>::of(gradient, 0, j);
    const T* key = gradient.data + j * gradient.stride;
    for (int64_t i = 0; i < gradient.rows; ++i) sum[i] += key[i];
  }
  double* to = sums_.view().at(gradient.batch, gradient.head) + distances.first;
  for (int64_t x = 0; x < distances.count; ++x) to[x] += static_cast<double>(of_tile[x]);
}

template <class T>
void DistanceDot<T>::forward(const Tile<T>& scores) const noexcept {
  const Distances<T> distances(scores, of_.length);
  alignas(128) T products[kQueries * kDistances];  // (rows, distances)
  std::fill_n(products, scores.rows * kDistances, T{0});
  const T* queries = of_.queries.at(scores.batch, scores.head) + scores.row * of_.queries.row;
  const T* keys = of_.transposed.at(scores.batch, scores.head) + distances.first;
  add_product(scores.rows, distances.count, of_.width, Left<T>{queries, of_.queries.row, 1},
              Right<T>{keys, of_.transposed.row}, Result<T>{products, kDistances});
  for (int64_t j = 0; j < scores.columns; ++j) {
    const T* product = products + Distances<T>::of(scores, 0, j);
    for (int64_t i = 0; i < scores.rows; ++i) scores(i, j) += product[i * (kDistances + 1)];
  }
}

template <class T>
void DistanceDot<T>::backward(const Tile<T>&, const Tile<T>& gradient) const noexcept {
  const Distances<T> distances(gradient, of_.length);
  alignas(128) T by_distance[kQueries * kDistances];  // (rows, distances), 0 where there is no key
  std::fill_n(by_distance, gradient.rows * kDistances, T{0});
  for (int64_t j = 0; j < gradient.columns; ++j) {
    T* to = by_distance + Distances<T>::of(gradient, 0, j);
    for (int64_t i = 0; i < gradient.rows; ++i) to[i * (kDistances + 1)] = gradient(i, j);
  }
  const auto of_tile = [&](auto view, int64_t row) {
    return view.at(gradient.batch, gradient.head) + row * view.row;
  };
  if (of_.grad_queries.data) {
    add_product(gradient.rows, of_.width, distances.count, Left<T>{by_distance, kDistances, 1},
                Right<T>{of_tile(of_.keys, distances.first), of_.keys.row},
                Result<T>{of_tile(of_.grad_queries, gradient.row), of_.grad_queries.row});
  }
  if (of_.grad_keys.data) {
    add_product(distances.count, of_.width, gradient.rows, Left<T>{by_distance, 1, kDistances},
                Right<T>{of_tile(of_.queries, gradient.row), of_.queries.row},
                Result<T>{of_tile(of_.grad_keys, distances.first), of_.grad_keys.row});
  }
}

template class DistanceBias<float>;
template class DistanceBias<double>;
template class DistanceDot<float>;
template class DistanceDot<double>;

}  // namespace heed::kernels
