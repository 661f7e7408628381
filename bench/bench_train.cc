// Measures where the time of a training step goes.
#include "bench_train.h"

#include <ATen/record_function.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "heed/core/threads.h"
#include "heed/models/transformer.h"
#include "heed/ops/cross_entropy.h"
#include "measure.h"
#include "train/gradient_buckets.h"
#include "train/optimizer.h"
#include "train/precision.h"

namespace heed::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

enum Part { kAttention, kProducts, kNorms, kLoss, kDropout, kEmbedding, kData, kOptimiser, kParts };
constexpr std::array<const char*, kParts> kNames = {
    "attention", "matrix products", "norms", "loss", "dropout", "embedding", "data", "optimiser"};

bool has_any(std::string_view text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return text.find(word) != std::string_view::npos; });
}

/// Which part an operator, a gradient or a scope of ours belongs to; kParts: none by itself.
Part part_of(std::string_view name) {
  if (has_any(name, {"heed::data"})) return kData;
  if (has_any(name, {"linear_cross_entropy", "LossFunction"})) return kLoss;
  if (has_any(name, {"attention", "cross", "Attend", "attend"})) return kAttention;
  if (has_any(name, {"layer_norm", "LayerNorm", "batch_norm", "BatchNorm"})) return kNorms;
  if (has_any(name, {"dropout", "Dropout"})) return kDropout;
  if (has_any(name, {"embedding", "Embedding"})) return kEmbedding;
  if (has_any(name, {"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::matmul",
                     "aten::linear", "heed::product", "AffineFunction", "MmBackward",
                     "AddmmBackward", "LinearBackward"})) {
    return kProducts;
  }
  return kParts;
}

double product_operations(const at::RecordFunction& function) {
  const std::string_view name = function.name();
  const bool adds = name == "aten::addmm" || name == "aten::baddbmm";
  if (!adds && name != "aten::mm" && name != "aten::bmm" && name != "heed::product") return 0;
  const auto inputs = function.inputs();
  const size_t first = adds ? 1 : 0;
  if (inputs.size() < first + 2 || !inputs[first].isTensor()) return 0;
  const auto& a = inputs[first].toTensor();
  const auto& b = inputs[first + 1].toTensor();
  return 2.0 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1));
}

/// Sums the time of the outermost operators of each part on this thread, where gradients are
/// computed too.
class Shares {
 public:
  Shares() {
    active_ = this;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(&begin, &end)
            .needsInputs(true)
            .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION,
                     at::RecordScope::USER_SCOPE}));
  }
  ~Shares() { at::removeCallback(handle_), active_ = nullptr; }
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  std::array<double, kParts> seconds{};
  double operations = 0;

 private:
  struct Mark : at::ObserverContext {
    Part part = kParts;
    Clock::time_point start;
  };

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    auto mark = std::make_unique<Mark>();
    if (!active_) return mark;
    active_->operations += product_operations(function);
    if (active_->depth_ > 0) {
      mark->part = kParts;
      return mark;
    }
    mark->part = part_of(function.name());
    if (mark->part == kParts) return mark;
    ++active_->depth_;
    mark->start = Clock::now();
    return mark;
  }

  static void end(const at::RecordFunction&, at::ObserverContext* context) {
    const auto* mark = static_cast<Mark*>(context);
    if (!active_ || mark->part == kParts) return;
    active_->seconds[mark->part] += seconds_since(mark->start);
    --active_->depth_;
  }

  static thread_local Shares* active_;
  at::CallbackHandle handle_;
  int depth_ = 0;
};

thread_local Shares* Shares::active_ = nullptr;

double sgemm_gflops() {
  constexpr int64_t kSide = 1024;
  const auto a = torch::randn({kSide, kSide}), b = torch::randn({kSide, kSide});
  auto c = torch::empty({kSide, kSide});
  const auto timing = take_turns({[&] { at::mm_out(c, a, b); }}, 0.5);
  return 2e-9 * kSide * kSide * kSide / timing[0].seconds;
}

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} >> 10;
}

/// Processor time of this thread, or of the process.
double processor_seconds(int who) {
  rusage used{};
  getrusage(who, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Random sequences for a Transformer of the preset small, as long as image captions.
class SyntheticTask : public Task {
 public:
  SyntheticTask() {
    torch::manual_seed(1);
    TransformerOptions options;
    options.preset(TransformerPreset::small);
    model_ = Transformer(options, kVocabulary, kVocabulary);
    source_ = torch::randint(4, kVocabulary, {kPairs, kLength}, at::kLong);
    target_ = torch::randint(4, kVocabulary, {kPairs, kLength}, at::kLong);
  }
  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override { return {}; }
  int64_t batches() const override { return 1; }
  data::Cursor cursor() const override { return {}; }
  void seek(const data::Cursor&) override {}
  BatchLoss next() override {
    const auto lengths = torch::full({kPairs}, kLength, at::kLong);
    const auto hidden = model_->hidden({source_, lengths}, target_);
    const auto found = linear_cross_entropy(hidden.flatten(0, 1), model_->output_weight(),
                                            model_->output_bias(), target_.flatten(), {0.1});
    return {found.loss / static_cast<double>(found.count), found.count, {}};
  }
  const char* unit() const override { return "tokens"; }
  std::string record_name(int64_t) const override { return ""; }
  SelectionMetric selection_metric() const override { return {"loss", false}; }
  std::optional<Metrics> validate() override { return std::nullopt; }
  std::optional<Metrics> test() override { return std::nullopt; }

 private:
  static constexpr int64_t kVocabulary = 8000, kPairs = 128, kLength = 16;
  Transformer model_{nullptr};
  at::Tensor source_, target_;
};

}  // namespace

std::unique_ptr<Task> synthetic_task() { return std::make_unique<SyntheticTask>(); }

/// A backward of a step, of which the gradients become means over the batch of all processes.
void backward(const BatchLoss& batch, GradientBuckets& gradients, ModelOptimizer& optimizer,
              Processes& processes) {
  gradients.arm();
  std::vector<double> count{static_cast<double>(batch.count)};
  const bool several = processes.are_several();
  if (batch.loss.defined()) (several ? batch.loss * count[0] : batch.loss).backward();
  gradients.finish();
  processes.sum(count);
  if (several) optimizer.scale_gradients(1 / count[0]);
}

TrainRow bench_train(Task& task, const TrainOptions& options, int threads, double budget,
                     Processes& processes) {
  constexpr size_t kFewestSteps = 10;
  set_num_threads(threads);
  at::set_num_threads(threads);
  ModelOptimizer optimizer(task.model(), options.optimizer, nullptr,
                           options.shard_optimizer ? &processes : nullptr);
  GradientBuckets gradients(task.model(), processes);
  task.model().train();
  const auto step = [&](Shares* shares) {
    auto batch = next_in_precision(task, options.precision);
    backward(batch, gradients, optimizer, processes);
    const auto start = Clock::now();
    optimizer.gradient_norm(options.clip_grad_norm);
    optimizer.step(1);
    if (shares) shares->seconds[kOptimiser] += seconds_since(start);
    batch.loss.reset();
    return batch;
  };
  step(nullptr), step(nullptr);  // first uses
  const double before = sgemm_gflops();
  std::vector<double> times;
  TrainRow row;
  int64_t units = 0;
  double all = 0;
  const double waited = processes.waited();
  std::vector<double> goes_on{1};
  const double own = processor_seconds(RUSAGE_THREAD), process = processor_seconds(RUSAGE_SELF);
  Shares shares;
  while (goes_on[0] != 0) {
    const auto start = Clock::now();
    auto batch = step(&shares);
    times.push_back(seconds_since(start));
    all += times.back();
    units += batch.count;
    row.batches.push_back(std::move(batch.sizes));
    goes_on[0] = times.size() < kFewestSteps || all < budget;
    processes.from_first(goes_on);
  }
  if (processes.are_several()) row.waiting = (processes.waited() - waited) / all;
  if (threads == 1) {
    const double steps = processor_seconds(RUSAGE_THREAD) - own;
    row.workers = (processor_seconds(RUSAGE_SELF) - process - steps) / steps;
  }
  row.threads = threads, row.steps = static_cast<int64_t>(times.size());
  const double median = quantile(times, 0.5);
  row.ms = 1e3 * median;
  row.spread = (quantile(times, 0.75) - quantile(times, 0.25)) / (2 * median);
  row.units_per_second = static_cast<double>(units) / all;
  double known = 0;
  for (size_t part = 0; part < kParts; ++part) {
    row.shares.emplace_back(kNames[part], shares.seconds[part] / all);
    known += shares.seconds[part] / all;
  }
  row.shares.emplace_back("other", 1 - known);
  row.gflops = 1e-9 * shares.operations / all;
  row.limit = (before + sgemm_gflops()) / 2;
  row.of_limit = row.gflops / row.limit;
  row.peak_memory_mib = peak_memory();
  return row;
}

}  // namespace heed::cli
