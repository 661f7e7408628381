// What `heed_bench linear` measures.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace heed::cli {

struct LinearBench {
  std::vector<int> threads{1};
  std::vector<int64_t> rows{1, 4, 16, 32, 64, 200, 1000, 4000};
  double seconds = 0.5;  ///< a case
};

/// x (rows, depth) W^T + b with W (columns, depth) packed before, beside OpenBLAS by LibTorch's
/// linear.
struct LinearRow {
  int64_t rows = 0, depth = 0, columns = 0;
  int threads = 0;
  double us = 0;       ///< median of rounds in turns with blas_us and peak_us
  double spread = 0;   ///< half the distance between the quartiles, as a part of the median
  double gflops = 0;   ///< 2 rows depth columns a microsecond
  double of_peak = 0;  ///< as a part of SGEMM's rate on matrices of 1024 x 1024
  double blas_us = 0;
  double times_blas = 0;   ///< blas_us / us
  double bfloat16_us = 0;  ///< of a weight whose numbers are all bfloat16's
};

void bench_linear(const LinearBench& bench, const std::function<void(const LinearRow&)>& done);

}  // namespace heed::cli
