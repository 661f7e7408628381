// Tests that learn: seeds that can be moved, steps that grow small at the end, and metrics that
// tools/learning_tests reads over many seeds, threads and processors.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace heed::test {

/// The seed of a test that learns: its own, moved on by HEED_TEST_SEED.
inline int64_t learning_seed(int64_t own) {
  const char* moved = std::getenv("HEED_TEST_SEED");
  return own + (moved ? std::stoll(moved) : 0);
}

/// A learning rate that rises over the first tenth of the steps and falls to 0 over the rest. At a
/// constant one, a test would end wherever the last few batches have kicked the weights.
template <class Optimizer>
void set_rate(Optimizer& optimizer, double rate, int step, int steps) {
  const double warmup = steps / 10.0, rest = steps - warmup;
  const double part = std::min((step + 1) / warmup, (steps - step) / rest);
  for (auto& group : optimizer.param_groups()) group.options().set_lr(rate * part);
}

/// Expects `metric` to be at least as good as `required`, which lies between it and `perfect`.
inline void expect_learned(const std::string& what, double metric, double required,
                           double perfect = 1) {
  std::cout << "learned: " << what << ": " << metric << ", required " << required << ", perfect "
            << perfect << std::endl;
  if (perfect > required) {
    EXPECT_GE(metric, required) << what;
  } else {
    EXPECT_LE(metric, required) << what;
  }
}

}  // namespace heed::test
