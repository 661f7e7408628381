// Measures attention against its limit (SGEMM) and against LibTorch's own operators.
#include "bench_attention.h"

#include "heed/core/threads.h"
#include "heed/ops/attend.h"
#include "measure.h"

namespace heed::cli {
namespace {

struct Case {
  bool causal, train;
  int64_t length, width;
  at::Device device;

  double operations(int64_t heads) const {
    const double forward = 4.0 * static_cast<double>(heads * length * length * width);
    return forward * (train ? 3.5 : 1.0) * (causal ? 0.5 : 1.0);
  }
};

/// Heads and batch: the more the shorter the sequence, so that every case is real work and the long
/// ones still end.
std::pair<int64_t, int64_t> batch_and_heads(const Case& one) {
  const int64_t heads = one.length >= 4096 ? 2 : one.length >= 2048 ? 4 : 8;
  const double work_of_one = 4.0 * static_cast<double>(heads * one.length * one.length * one.width);
  return {std::clamp<int64_t>(static_cast<int64_t>(5e8 / work_of_one), 1, 32), heads};
}

/// The three pieces of work that a round alternates.
struct Contest {
  Work ours, limit, unfused;
  double limit_operations;
};

/// What was begun on another device than the CPU is done.
void wait_for(const at::Tensor& result) {
  if (!result.is_cpu()) result.flatten()[0].item();
}

Contest contest_of(const Case& one, int64_t batch, int64_t heads) {
  const auto tensor = [&] { return at::randn({batch, heads, one.length, one.width}, one.device); };
  const auto q = tensor().requires_grad_(one.train), k = tensor().requires_grad_(one.train);
  const auto v = tensor().requires_grad_(one.train), grad = tensor();
  const auto how = Attention::parse(one.causal ? "scaled_dot; causal" : "scaled_dot");
  const auto future =
      at::ones({one.length, one.length}, at::TensorOptions(one.device).dtype(at::kBool)).triu(1);
  const double scale = 1 / std::sqrt(static_cast<double>(one.width));

  const auto with_gradient = [=, train = one.train](const std::function<at::Tensor()>& forward) {
    return [=] {
      const torch::AutoGradMode record(train);
      const auto out = forward();
      if (train) return wait_for(torch::autograd::grad({out}, {q, k, v}, {grad})[0]);
      wait_for(out);
    };
  };
  Contest contest;
  contest.ours = with_gradient([=] { return attend(q, k, v, how); });
  contest.unfused = with_gradient([=, causal = one.causal] {
    auto scores = at::matmul(q * scale, k.transpose(-2, -1));
    if (causal) scores.masked_fill_(future, -std::numeric_limits<float>::infinity());
    return at::matmul(at::softmax(scores, -1), v);
  });
  constexpr int64_t kSide = 1024;
  const auto a = at::randn({kSide, kSide}, one.device), b = at::randn({kSide, kSide}, one.device);
  auto c = at::empty({kSide, kSide}, one.device);
  contest.limit = [=]() mutable {
    at::mm_out(c, a, b);
    wait_for(c);
  };
  contest.limit_operations = 2.0 * kSide * kSide * kSide;
  return contest;
}

AttentionRow measure(const Case& one, int threads, double budget) {
  const auto [batch, heads] = batch_and_heads(one);
  const Contest contest = contest_of(one, batch, heads);
  const auto timings = take_turns({contest.ours, contest.limit, contest.unfused}, budget);
  const Timing &ours = timings[0], &limit = timings[1], &unfused = timings[2];
  AttentionRow row;
  row.work = one.causal ? "scaled_dot; causal" : "scaled_dot";
  row.direction = one.train ? "train" : "forward";
  row.length = one.length, row.width = one.width, row.batch = batch, row.heads = heads;
  row.threads = threads;
  row.rounds = ours.rounds, row.spread = ours.spread;
  row.ms = 1e3 * ours.seconds;
  row.gflops = 1e-9 * one.operations(batch * heads) / ours.seconds;
  row.limit = 1e-9 * contest.limit_operations / limit.seconds;
  row.of_limit = row.gflops / row.limit;
  row.unfused_ms = 1e3 * unfused.seconds;
  row.against_unfused = row.unfused_ms / row.ms;
  return row;
}

}  // namespace

void bench_attention(const AttentionBench& bench,
                     const std::function<void(const AttentionRow&)>& done) {
  for (const int threads : bench.threads) {
    set_num_threads(threads);
    at::set_num_threads(threads);
    for (const int64_t length : bench.lengths) {
      for (const bool causal : {false, true}) {
        if (causal && !bench.causal_too) continue;
        for (const bool train : {false, true}) {
          done(measure({causal, train, length, bench.width, at::Device(bench.device)}, threads,
                       bench.seconds));
        }
      }
    }
  }
}

}  // namespace heed::cli
