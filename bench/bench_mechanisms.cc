// Measures mechanisms against plain attention, against the formulas that LibTorch's operators give,
// and against what the machine can do at most.
#include "bench_mechanisms.h"

#include "bench_cases.h"
#include "heed/core/threads.h"

namespace heed::cli {
namespace {

std::vector<std::function<Comparison()>> comparisons(int threads) {
  const Shape middle{1, 8, 1024, 1024, 64}, large{1, 2, 4096, 4096, 64};
  const Shape longest{1, 1, 16384, 16384, 64};
  std::vector<std::function<Comparison()>> all;
  const auto add = [&](const std::string& how, const std::string& base, const Shape& shape,
                       bool bias = false, bool forward_too = true) {
    if (forward_too) all.push_back([=] { return beside(how, base, shape, false, bias); });
    all.push_back([=] { return beside(how, base, shape, true, bias); });
  };
  add("causal", "scaled_dot", {1, 4, 2048, 2048, 64});
  add("causal", "scaled_dot", large);
  add("window(256, 0)", "scaled_dot", longest);
  add("random_blocks(64, 13)", "scaled_dot", longest);
  for (const auto* how : {"sparsemax", "entmax15", "entmax(1.5)", "sigmoid"})
    add(how, "softmax", middle);
  add("dropout=0.1", "scaled_dot", middle, false, false);
  add("scaled_dot", "scaled_dot", middle, true, false);
  for (const auto* how : {"softcap(30)", "alibi", "relative", "shaw", "transformer_xl", "sinks"})
    add(how, "scaled_dot", middle);
  for (const bool train : {false, true}) all.push_back([=] { return additive(train); });
  all.push_back(additive_limit);
  for (const int64_t batch : {1, 32}) all.push_back([=] { return decoding(batch); });
  if (threads > 1) all.push_back([=] { return one_thread(threads); });
  return all;
}

}  // namespace

void bench_mechanisms(const MechanismBench& bench,
                      const std::function<void(const MechanismRow&)>& done) {
  for (const int threads : bench.threads) {
    for (const auto& make : comparisons(threads)) {
      set_num_threads(threads);
      const Comparison comparison = make();
      const auto timings = take_turns({comparison.ours, comparison.theirs}, bench.seconds);
      MechanismRow row;
      row.work = comparison.work, row.direction = comparison.train ? "train" : "forward";
      const auto& s = comparison.shape;
      row.queries = s.queries, row.keys = s.keys, row.width = s.width;
      row.batch = s.batch, row.heads = s.heads, row.threads = threads;
      row.ms = 1e3 * timings[0].seconds, row.spread = timings[0].spread;
      row.beside = comparison.beside;
      row.beside_ms = 1e3 * timings[1].seconds * comparison.scale;
      row.of_beside = row.ms / row.beside_ms;
      done(row);
    }
  }
}

}  // namespace heed::cli
