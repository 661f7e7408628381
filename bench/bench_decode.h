// What `heed_bench decode` measures.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace heed::cli {

struct DecodeBench {
  std::string model;  ///< folder of a translator; empty: a new one of the preset small, V = 8000
  std::string input;  ///< file of lines to read, the first of each batch; empty: random tokens
  std::vector<int64_t> batches{1, 32}, beam_sizes{1, 5};
  std::vector<int> threads{1, 2};
  int64_t source = 16, target = 16;  ///< tokens of a random line, tokens to write
  double seconds = 1.0;
};

struct DecodeRow {
  int64_t batch = 0, beam_size = 0;
  int threads = 0;
  double ms = 0;      ///< of all lines, the encoder's work with it
  double spread = 0;  ///< half the distance between the quartiles, as a part of the median
  double tokens_per_second = 0;  ///< written tokens
  double limit = 0;  ///< of tokens_per_second: by whichever of memory and SGEMM takes longer
  std::string limited_by;
  double of_limit = 0;
};

/// Writes batches of lines to their full length. The limit counts a step's weights, read once over
/// the bandwidth of reading memory, and its multiplications over the speed of SGEMM, both measured
/// in turns with ours. Weights that stay in a cache may beat the first.
void bench_decode(const DecodeBench& bench, const std::function<void(const DecodeRow&)>& done);

}  // namespace heed::cli
