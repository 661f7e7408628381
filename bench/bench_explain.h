// Explanations of a trained model's answer, timed by whoever asks.
#pragma once

#include <string>

namespace heed::cli {

struct ExplainBench {
  std::string model, input;
  int threads = 1;
};

/// For each line of standard input, a method, its steps and its budget, explains the answer to the input once and prints the
/// seconds that it took, without loading. bench/peers/explain.py asks in turns.
void bench_explain(const ExplainBench& options);

}  // namespace heed::cli
