// Attention beside what it is compared with: what the benches of mechanisms and of goals measure.
#pragma once

#include <string>

#include "measure.h"

namespace heed::cli {

struct Shape {
  int64_t batch, heads, queries, keys, width;
};

struct Comparison {
  std::string work;
  Shape shape;
  bool train;
  std::string beside;
  Work ours, theirs;
  double scale = 1;  ///< how much of our work theirs is
};

/// `how` beside `base`, on the same shape; with a bias (H, Lq, Lk) that has a gradient.
Comparison beside(const std::string& how, const std::string& base, const Shape& shape, bool train,
                  bool bias = false);
/// Additive scores beside the tensor of all tanh(q + k).
Comparison additive(bool train);
/// The time of as many vector tanh as there are pairs and channels, from the first-level cache.
Comparison additive_limit();
/// One query against a cache of 4096 keys: they and their values are read once.
Comparison decoding(int64_t batch);
/// Training of one sequence and head beside the same with one thread.
Comparison one_thread(int threads);

}  // namespace heed::cli
