// What `heed_bench attention` measures.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace heed::cli {

struct AttentionBench {
  std::vector<int64_t> lengths{16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
  std::vector<int> threads{1, 2};
  int64_t width = 64;    ///< D = E of a head
  double seconds = 1.0;  ///< to spend on a case, at least; five rounds in any case
  bool causal_too = true;
  std::string device = "cpu";  ///< where the tensors are: cpu, cuda
};

struct AttentionRow {
  std::string work;       ///< the attention in words: "scaled_dot; causal"
  std::string direction;  ///< "forward", or "train": forward and backward
  int64_t length = 0, width = 0, batch = 0, heads = 0;
  int threads = 0;
  int64_t rounds = 0;
  double ms = 0;      ///< median of the rounds
  double spread = 0;  ///< half the distance between the quartiles, as a part of the median
  double gflops = 0;  ///< 4 B H L L D operations forward, 14 in training; half of them when causal
  double limit = 0;   ///< gflops of OpenBLAS SGEMM
  double of_limit = 0;         ///< gflops / limit
  double unfused_ms = 0;       ///< softmax(q k^T) v by LibTorch's operators
  double against_unfused = 0;  ///< unfused_ms / ms: above 1 ours is faster
};

/// Measures every case in one process. A round runs ours, SGEMM and the unfused formulation one
/// after another, so that what disturbs the machine disturbs all three. `done` is called after each
/// case.
void bench_attention(const AttentionBench& bench,
                     const std::function<void(const AttentionRow&)>& done);

}  // namespace heed::cli
