// A dense array beside a tile of scores.
#pragma once

#include <algorithm>

#include "kernels/attend.h"

namespace heed::kernels {

/// Calls op(score, element) for every element of the tile and its own of a (B, H, Lq, Lk) array.
/// The tile goes key by key and the array row by row: eight rows at a time use each cache line of
/// both before it is gone.
template <class T, class D, class Op>
void with_dense(const Tile<T>& tile, View<D> dense, Op&& op) noexcept {
  constexpr int64_t kRows = 8;
  D* first = dense.at(tile.batch, tile.head) + tile.row * dense.row + tile.column * dense.column;
  for (int64_t i = 0; i < tile.rows; i += kRows) {
    const int64_t rows = std::min(kRows, tile.rows - i);
    for (int64_t j = 0; j < tile.columns; ++j) {
      T* scores = tile.data + j * tile.stride + i;
      D* elements = first + i * dense.row + j * dense.column;
      for (int64_t x = 0; x < rows; ++x) op(scores[x], elements[x * dense.row]);
    }
  }
}

}  // namespace heed::kernels
