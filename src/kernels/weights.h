// The weights of a call again, from the two numbers per row that forward left, tile by tile: pooled
// into the cells of a picture, added up, multiplied with something. Nothing is Lq x Lk but a picture
// of single weights.
#pragma once

#include <functional>

#include "kernels/attend.h"

namespace heed::kernels {

/// The rows and columns of one head's weights that are looked at.
struct Part {
  int64_t batch = 0, head = 0;
  Span rows{0, 0}, columns{0, 0};
};

/// How the weights of a cell become one number.
enum class Pooling { max, mean };

/// Cells of rows x columns weights. The first begins where the part does; those at its far edges
/// pool what there is.
struct Cells {
  int64_t rows = 1, columns = 1;
  Pooling pooling = Pooling::max;
  /// Gets each row of cells once, when it is done, from any thread; empty: no cells are made.
  std::function<void(int64_t row, const double* cells, int64_t count)> take;
};

/// What is made of a part's weights. Null: not wanted.
template <class T>
struct Looks {
  Cells cells;
  double* column_sums = nullptr;  ///< (columns), written: the sum over the rows
  T* entropy = nullptr;           ///< (rows), written, nats: -sum over the columns of w log w
};

/// One pass over the part. Returns the greatest weight, passing over NaN; 0 where there is none. Throws std::bad_alloc and what take() throws, nothing else.
template <class T>
double look_at_weights(const Problem<T>& problem, const RowStats<const T>& row_stats,
                       const Part& part, const Looks<T>& looks);

/// out (B, H, Lk, width) = the transpose of the weights times x (B, H, Lq, width). Throws
/// std::bad_alloc and nothing else.
template <class T>
void transposed_times(const Problem<T>& problem, const RowStats<const T>& row_stats,
                      View<const T> x, int64_t width, View<T> out);

}  // namespace heed::kernels
