#include "bench_goals.h"

#include "bench_attention.h"
#include "bench_cases.h"
#include "heed/core/threads.h"

namespace heed::cli {
namespace {

/// What a value is made of: our time and that beside it.
using Value = double (*)(double ours, double theirs);
double share(double ours, double theirs) { return ours / theirs; }
double times(double ours, double theirs) { return theirs / ours; }

struct GoalCase {
  GoalRow row;  ///< without what is measured
  std::function<Comparison()> make;
  Value value;
};

const char* direction(bool train) { return train ? ", train" : ", forward"; }

void add_masks(std::vector<GoalCase>& all) {
  const auto add = [&](const std::string& how, int64_t L, int64_t heads, double floor, double goal,
                       double limit) {
    for (const bool train : {false, true}) {
      GoalRow row{how + " against no mask" + direction(train) + ", L = " + std::to_string(L),
                  "part of its time",
                  0,
                  0,
                  false,
                  floor,
                  goal,
                  limit};
      all.push_back({row,
                     [=] {
                       return beside(how, "scaled_dot", {1, heads, L, L, 64}, train);
                     },
                     share});
    }
  };
  add("causal", 2048, 4, 0.56, 0.53, 0.5);
  add("causal", 4096, 2, 0.56, 0.53, 0.5);
  add("window(256, 0)", 16384, 1, 0.04, 0.03, 257.0 / 16384);
  add("random_blocks(64, 13)", 16384, 1, 0.08, 0.06, 13.0 / 256);
}

void add_mechanisms(std::vector<GoalCase>& all) {
  const Shape middle{1, 8, 1024, 1024, 64};
  const auto add = [&](const std::string& how, const std::string& base, bool bias, double floor,
                       double goal) {
    GoalRow row{(bias ? "dense bias with gradient" : how) + " against " + base + ", train",
                "part of its time",
                0,
                0,
                false,
                floor,
                goal,
                1.0};
    all.push_back({row, [=] { return beside(how, base, middle, true, bias); }, share});
  };
  add("entmax15", "softmax", false, 2.5, 1.75);
  add("dropout=0.1", "scaled_dot", false, 1.25, 1.15);
  add("scaled_dot", "scaled_dot", true, 1.4, 1.25);
}

void add_additive(std::vector<GoalCase>& all) {
  const std::string name = "additive(hidden=128), L = 512";
  for (const bool train : {false, true}) {
    GoalRow row{name + direction(train) + ", against the broadcast formula",
                "times its speed",
                0,
                0,
                true,
                train ? 10.0 : 15.0,
                train ? 30.0 : 60.0,
                std::nullopt};
    all.push_back({row, [=] { return additive(train); }, times});
  }
  GoalRow row{name + ", forward, against a tanh a pair and channel",
              "times the speed of those",
              0,
              0,
              true,
              0.7,
              10.0,
              std::nullopt};
  all.push_back({row, additive_limit, times});
}

std::vector<GoalCase> goals_of(int threads) {
  std::vector<GoalCase> all;
  add_masks(all);
  add_mechanisms(all);
  add_additive(all);
  for (const int64_t batch : {1, 32}) {
    GoalRow row{"one query, 4096 keys, B = " + std::to_string(batch) + ", H = 8",
                "part of the memory's rate",
                0,
                0,
                true,
                0.8,
                0.9,
                1.0};
    all.push_back({row, [=] { return decoding(batch); }, times});
  }
  if (threads > 1) {
    GoalRow row{"one sequence, one head, train, L = 4096",
                "times its speed with one thread",
                0,
                0,
                true,
                0.9 * threads,
                0.97 * threads,
                static_cast<double>(threads)};
    all.push_back({row, [=] { return one_thread(threads); }, times});
  }
  return all;
}

/// SGEMM's rows, by the bench of attention.
void measure_products(const GoalBench& bench, int threads,
                      const std::function<void(const GoalRow&)>& done) {
  AttentionBench products;
  products.lengths = {1024, 2048, 4096, 8192}, products.threads = {threads};
  products.seconds = bench.seconds, products.causal_too = false;
  bench_attention(products, [&](const AttentionRow& of) {
    const bool train = of.direction == "train";
    done({"scaled_dot" + std::string(direction(train)) + ", L = " + std::to_string(of.length),
          "part of SGEMM's rate", threads, of.of_limit, true, train ? 0.75 : 0.88,
          train ? 0.82 : 0.92, 1.0, of.ms, of.ms * of.of_limit});
  });
}

GoalRow measure_memory(int threads, bool train) {
  const auto of = additive(train);
  const double ours = peak_of(of.ours), theirs = peak_of(of.theirs);
  return {"additive(hidden=128), L = 512" + std::string(direction(train)) + ", memory",
          "part of the broadcast formula's",
          threads,
          ours / theirs,
          false,
          0.01,
          0.005,
          0.0};
}

}  // namespace

void bench_goals(const GoalBench& bench, const std::function<void(const GoalRow&)>& done) {
  const auto asked = [&](const std::string& what) {
    return what.find(bench.only) != std::string::npos;
  };
  for (const int threads : bench.threads) {
    set_num_threads(threads);
    if (asked("scaled_dot")) measure_products(bench, threads, done);
    for (auto& goal : goals_of(threads)) {
      if (!asked(goal.row.what)) continue;
      set_num_threads(threads);
      const auto comparison = goal.make();
      const auto timings = take_turns({comparison.ours, comparison.theirs}, bench.seconds);
      auto& row = goal.row;
      row.threads = threads;
      row.ms = 1e3 * timings[0].seconds;
      row.beside_ms = 1e3 * timings[1].seconds * comparison.scale;
      row.value = goal.value(row.ms, row.beside_ms);
      done(row);
    }
    if (!asked("additive")) continue;
    for (const bool train : {false, true}) done(measure_memory(threads, train));
  }
}

}  // namespace heed::cli
