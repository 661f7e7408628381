// The rows of cells that a pass from row to row has begun and not finished.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/blocks.h"
#include "kernels/weights.h"

namespace heed::kernels {

class CellBand {
 public:
  /// Of a part of rows x columns weights, from row `begin` of it on, where a cell begins. least: what
  /// no weight is below, from where the greatest starts.
  CellBand(const Cells& cells, int64_t rows, int64_t columns, int64_t begin, double least)
      : cells_(cells),
        rows_(rows),
        columns_(columns),
        count_(divide_up(columns, cells.columns)),
        start_(cells.pooling == Pooling::max ? least : 0),
        first_(begin / cells.rows) {}

  /// Makes room for rows up to `end`.
  void open(int64_t end) {
    const int64_t rows = divide_up(end, cells_.rows) - first_;
    band_.resize(static_cast<size_t>(rows * count_), start_);
  }

  /// The cells of a row that is open.
  double* of_row(int64_t row) { return band_.data() + (row / cells_.rows - first_) * count_; }

  /// Takes a number, the greatest or the sum of weights of the cell, in.
  void add(double& cell, double number) const {
    if (cells_.pooling == Pooling::mean) {
      cell += number;
    } else if (number > cell || std::isnan(number)) {
      cell = number;
    }
  }

  /// Nothing will be added to rows before `end`: hands over the rows of cells that are done.
  void close(int64_t end) {
    const int64_t done = end == rows_ ? divide_up(end, cells_.rows) : end / cells_.rows;
    for (int64_t row = first_; row < done; ++row) {
      double* cells = band_.data() + (row - first_) * count_;
      if (cells_.pooling == Pooling::mean) divide(cells, row);
      cells_.take(row, cells, count_);
    }
    band_.erase(band_.begin(), band_.begin() + (done - first_) * count_);
    first_ = done;
  }

 private:
  void divide(double* cells, int64_t row) const {
    const int64_t rows = std::min(cells_.rows, rows_ - row * cells_.rows);
    for (int64_t c = 0; c < count_; ++c) {
      const int64_t columns = std::min(cells_.columns, columns_ - c * cells_.columns);
      cells[c] /= static_cast<double>(rows * columns);
    }
  }

  const Cells& cells_;
  int64_t rows_, columns_, count_;
  double start_;
  int64_t first_;             ///< the row of cells that band_ begins with
  std::vector<double> band_;  ///< (rows of cells under way, count_)
};

}  // namespace heed::kernels
