// Measures small steps by several numbers of threads while other programs want the processors.
#include "bench_load.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "measure.h"
#include "nn/linear.h"
#include "nn/small_products.h"

namespace heed::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongestTurn = 0.2;  // seconds: many of the scheduler's slices
constexpr size_t kFewestRounds = 9;

/// Processes that do nothing, all the time.
class Load {
 public:
  explicit Load(int processes) {
    for (int i = 0; i < processes; ++i) {
      const pid_t child = fork();
      if (child < 0) throw Error(Failure::memory, "bench load: cannot start another process");
      if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (volatile unsigned long turns = 0;;) turns = turns + 1;
      }
      children_.push_back(child);
    }
  }
  ~Load() {
    for (const pid_t child : children_) kill(child, SIGKILL), waitpid(child, nullptr, 0);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::vector<pid_t> children_;
};

/// A translator so small that its operators take from 5 to 200 us: B = 16, L = 16, M = 64.
class SmallModel {
 public:
  SmallModel() {
    torch::manual_seed(1);
    auto options = TransformerOptions().encoder_layers(1).decoder_layers(1).width(64).hidden(128);
    model_ = Transformer(options, kVocabulary, kVocabulary);
    optimizer_ = std::make_unique<torch::optim::Adam>(model_->parameters(), 1e-3);
    source_ = torch::randint(4, kVocabulary, {kPairs, kLength}, at::kLong);
    for (int64_t i = 0; i < kLines; ++i) {
      const auto* first = source_.data_ptr<int64_t>() + i * kLength;
      lines_.emplace_back(first, first + kLength);
    }
  }

  void train() {
    model_->train();
    const auto lengths = torch::full({kPairs}, kLength, at::kLong);
    nn::SmallProducts small;
    const auto hidden = model_->hidden({source_, lengths}, source_);  // (B, L, M)
    const auto logits = nn::affine(hidden, model_->output_weight(), {});
    optimizer_->zero_grad();
    small.mix();
    torch::nn::functional::cross_entropy(logits.flatten(0, 1), source_.flatten()).backward();
    optimizer_->step();
  }

  void write() {
    model_->eval();
    generate({model_.ptr()}, lines_,
             GenerateOptions().beam_size(1).end(-1).max_length(kLength).min_length(kLength));
  }

 private:
  static constexpr int64_t kVocabulary = 500, kPairs = 16, kLength = 16, kLines = 4;
  Transformer model_{nullptr};
  std::unique_ptr<torch::optim::Adam> optimizer_;
  at::Tensor source_;
  std::vector<std::vector<int64_t>> lines_;
};

/// Milliseconds a step, over that many seconds of steps.
double turn(const Work& step, int threads, double longest) {
  set_num_threads(threads);
  step();
  const auto start = Clock::now();
  double seconds = 0;
  int64_t steps = 0;
  do {
    step(), ++steps;
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  } while (seconds < longest);
  return 1e3 * seconds / static_cast<double>(steps);
}

void measure(const LoadBench& bench, const std::string& work, const Work& step, int load,
             const std::function<void(const LoadRow&)>& done) {
  std::vector<std::vector<double>> turns(bench.threads.size());
  const double longest = std::min(kLongestTurn, bench.seconds / 20);
  const Load busy(load);
  const auto start = Clock::now();
  while (turns[0].size() < kFewestRounds ||
         std::chrono::duration<double>(Clock::now() - start).count() < bench.seconds) {
    for (size_t i = 0; i < turns.size(); ++i)
      turns[i].push_back(turn(step, bench.threads[i], longest));
  }
  for (size_t i = 0; i < turns.size(); ++i) {
    std::vector<double> parts;  // of turns side by side, whatever the load of others was then
    for (size_t round = 0; round < turns[i].size(); ++round)
      parts.push_back(turns[i][round] / turns[0][round]);
    const double median = quantile(turns[i], 0.5);
    const double spread = (quantile(turns[i], 0.75) - quantile(turns[i], 0.25)) / (2 * median);
    done({work, load, bench.threads[i], median, spread, quantile(parts, 0.5)});
  }
}

}  // namespace

void bench_load(const LoadBench& bench, const std::function<void(const LoadRow&)>& done) {
  SmallModel model;
  for (const int load : bench.loads) {
    measure(
        bench, "train", [&] { model.train(); }, load, done);
    measure(
        bench, "write", [&] { model.write(); }, load, done);
  }
}

}  // namespace heed::cli
