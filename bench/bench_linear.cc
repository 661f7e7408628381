// Measures linear layers of evaluation: the product of packed weights beside OpenBLAS.
#include "bench_linear.h"

#include <torch/torch.h>

#include "heed/core/threads.h"
#include "heed/ops/row_linear.h"
#include "measure.h"

namespace heed::cli {
namespace {

struct Layer {
  int64_t depth, columns;
};

/// Those of MiniLM-L6 (hidden layers, queries with keys and values, output), of BERT, and what SmolLM2-135M
/// chooses its pieces by, which comes from memory.
constexpr Layer kLayers[] = {{384, 1536}, {1536, 384}, {384, 1152},
                             {384, 384},  {768, 3072}, {576, 49152}};

LinearRow measure(const Layer& layer, int64_t rows, int threads, double seconds) {
  const auto x = torch::randn({rows, layer.depth}), b = torch::randn({layer.columns});
  const auto w = torch::randn({layer.columns, layer.depth});
  const auto a = torch::randn({1024, 1024});
  auto c = torch::empty({1024, 1024});
  const PackedWeight packed(w), half(w.to(at::kBFloat16).to(at::kFloat));
  const auto found = take_turns({[&] { row_linear(x, packed, b); }, [&] { torch::linear(x, w, b); },
                                 [&] { at::mm_out(c, a, a); }, [&] { row_linear(x, half, b); }},
                                seconds);
  const double operations = 2.0 * static_cast<double>(rows * layer.depth * layer.columns);
  const double peak = 2.0 * 1024 * 1024 * 1024 / found[2].seconds;
  return {.rows = rows,
          .depth = layer.depth,
          .columns = layer.columns,
          .threads = threads,
          .us = 1e6 * found[0].seconds,
          .spread = found[0].spread,
          .gflops = 1e-9 * operations / found[0].seconds,
          .of_peak = operations / found[0].seconds / peak,
          .blas_us = 1e6 * found[1].seconds,
          .times_blas = found[1].seconds / found[0].seconds,
          .bfloat16_us = 1e6 * found[3].seconds};
}

}  // namespace

void bench_linear(const LinearBench& bench, const std::function<void(const LinearRow&)>& done) {
  const torch::NoGradGuard no_gradient;
  torch::manual_seed(1);
  for (const int threads : bench.threads) {
    set_num_threads(threads);
    for (const auto& layer : kLayers)
      for (const int64_t rows : bench.rows) done(measure(layer, rows, threads, bench.seconds));
  }
}

}  // namespace heed::cli
