// Rows of logits to losses and, in place, to the logits' gradient, on raw memory. No LibTorch here.
#pragma once

#include <cstdint>

namespace heed::kernels {

template <class T>
struct LossRows {
  int64_t rows = 0, V = 0;          ///< V at least 1
  T* logits = nullptr;              ///< (rows, V) contiguous
  const int64_t* labels = nullptr;  ///< (rows), each in [0, V)
  double smoothing = 0;
  double* loss = nullptr;    ///< (rows): smoothed
  double* nll = nullptr;     ///< (rows)
  uint8_t* right = nullptr;  ///< (rows): whether the label is the first of the largest logits
};

/// Fills loss, nll and right; the logits stay or, with `gradient`, become d loss / d logits = p -
/// smoothing / V - (1 - smoothing) [j = label]. Sums are made in one order for any number of
/// threads.
template <class T>
void cross_entropy_rows(const LossRows<T>& rows, bool gradient);

/// sums (V) += the sum of the rows of x (rows, V) contiguous: eight at a time by halves, then from
/// the first eight to the last.
template <class T>
void add_rows(int64_t rows, int64_t V, const T* x, double* sums);

}  // namespace heed::kernels
