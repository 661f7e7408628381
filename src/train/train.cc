#include "heed/train/train.h"

#include <signal.h>
#include <sys/resource.h>

#include <sstream>

#include <nlohmann/json.hpp>

#include "core/memory.h"
#include "core/printable.h"
#include "core/signals.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "nn/generator_state.h"
#include "nn/model_memory.h"
#include "nn/small_products.h"
#include "train/precision.h"
#include "train/same_processes.h"
#include "train/size_keys.h"
#include "train/trainer.h"

namespace heed {
namespace {

Processes& processes_of(const TrainRun& run) {
  static Processes alone;
  return run.processes ? *run.processes : alone;
}

std::optional<RunFolder> open_folder(const TrainRun& run) {
  if (!processes_of(run).is_first()) return std::nullopt;
  check_run_folder(run.folder, run.resume);
  return std::optional<RunFolder>(
      std::in_place, run.folder,
      std::max(run.options.keep_checkpoints, run.options.average_checkpoints));
}

std::optional<double> metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [known, value] : metrics) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::string metrics_text(const Metrics& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics) {
    char number[40];
    std::snprintf(number, sizeof number, "%.4f", value);
    text += "  " + name + " " + number;
  }
  return text;
}

/// Counts without a fraction, other numbers with four digits.
std::string count_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f" : "%.4g", value);
  return text;
}

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP};

/// What a step adds up over its batches and processes: of each batch the loss times its records, and their number; then
/// how many processes were asked to stop by each signal.
class StepSums {
 public:
  explicit StepSums(int64_t batches)
      : batches_(static_cast<size_t>(batches)), values_(2 * batches_ + std::size(kStopSignals)) {}

  double& loss(int64_t i) { return values_[2 * static_cast<size_t>(i)]; }
  double& count(int64_t i) { return values_[2 * static_cast<size_t>(i) + 1]; }
  void note(int signal) {
    for (size_t i = 0; i < std::size(kStopSignals); ++i)
      values_[2 * batches_ + i] = signal == kStopSignals[i] ? 1 : 0;
  }
  int noted() const {
    for (size_t i = 0; i < std::size(kStopSignals); ++i)
      if (values_[2 * batches_ + i] > 0) return kStopSignals[i];
    return 0;
  }
  std::span<double> values() { return values_; }

 private:
  size_t batches_;
  std::vector<double> values_;
};

/// "train-images record 17, 305, 9": what all names begin with stands once.
std::string join_names(const std::vector<std::string>& names) {
  size_t same = names.front().size();
  for (const auto& name : names) {
    const auto end =
        std::mismatch(names.front().begin(), names.front().begin() + same, name.begin(), name.end())
            .first;
    same = static_cast<size_t>(end - names.front().begin());
  }
  const size_t cut = same == 0 ? std::string::npos : names.front().find_last_of(" /", same - 1);
  same = cut == std::string::npos ? 0 : cut + 1;
  std::string text = names.front();
  for (size_t i = 1; i < names.size(); ++i) text += ", " + names[i].substr(same);
  return text;
}

int64_t steps_of(const TrainOptions& options, int64_t steps_per_epoch) {
  int64_t steps = 0;
  if (options.max_steps > 0) return options.max_steps;
  if (!__builtin_mul_overflow(steps_per_epoch, options.epochs, &steps)) return steps;
  throw ModelError("train.epochs: " + std::to_string(options.epochs) + " epochs of " +
                   std::to_string(steps_per_epoch) + " steps are more than can be counted");
}

int64_t steps_of_epoch(const Task& task, const TrainOptions& options) {
  return (task.batches() + options.accumulate - 1) / options.accumulate;
}

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace

Trainer::Trainer(Task& task, const TrainRun& run)
    : task_(task),
      processes_(processes_of(run)),
      options_(run.options),
      folder_(open_folder(run)),
      recipe_(task.recipe()),
      steps_per_epoch_(steps_of_epoch(task, options_)),
      steps_(steps_of(options_, steps_per_epoch_)),
      optimizer_(
          task.model(), options_.optimizer,
          [&](const std::string& name) { return task.rate_factor(name); },
          run.options.shard_optimizer ? &processes_ : nullptr),
      gradients_(task.model(), processes_),
      average_(task.model(), options_.ema),
      seed_(nn::generator_seed()),
      progress_(processes_.is_first() ? run.progress : nullptr) {
  options_.check();
  check_schedule(task, options_);
  check_training_memory(task, options_, processes_.count());
  if (processes_.count() % options_.sequence_parallel != 0)
    throw ModelError("train.sequence_parallel is " + std::to_string(options_.sequence_parallel) +
                     ": expected a multiple of it as the number of processes, given " +
                     std::to_string(processes_.count()) + "; start them by heed launch -n " +
                     std::to_string(options_.sequence_parallel) + " -- train ..., or set it to 1");
  require_same(processes_, task);
  if (processes_.are_several()) task.share_with(processes_);
  resume();
  if (!folder_) return;
  log_.emplace(folder_->log(), state_.step);
  if (!changes_.empty()) {
    nlohmann::ordered_json line{{"step", state_.step}};
    for (const auto& [path, was, is] : changes_) line["changed"][path] = {{"was", was}, {"is", is}};
    log_->write(line);
  }
  events_.emplace(folder_->path(), state_.step);
}

void Trainer::show(const std::string& line) {
  if (progress_) progress_->say(line);
}

void Trainer::check_finite(double loss, const std::vector<int64_t>& bad_records) const {
  if (std::isfinite(loss)) return;
  std::string own;
  for (const int64_t record : bad_records) own += task_.record_name(record) + '\n';
  std::vector<std::string> names;
  for (const auto& text : processes_.gather(own)) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) names.push_back(line);
  }
  throw DivergedError("the loss is " + std::to_string(loss) + " " + place() + ", in the batch of " +
                      join_names(names) +
                      "; look at these records (heed check), lower train.optimizer.lr or set"
                      " train.clip_grad_norm");
}

/// "in epoch 3, step 1201": the step at hand.
std::string Trainer::place() const {
  return "in epoch " + std::to_string(state_.epoch + 1) + ", step " +
         std::to_string(state_.step + 1);
}

/// Several processes draw by (seed, step, rank), so that a run which goes on needs the state of no generator.
void Trainer::draw_apart() const {
  if (!processes_.are_several()) return;
  Random random(seed_, static_cast<uint32_t>(state_.step),
                static_cast<uint32_t>(processes_.rank()));
  const uint64_t high = random.bits();
  nn::seed_generator(high << 32 | random.bits());
}

/// The signal by which this process, or any of several, was asked to stop; 0: none.
int Trainer::stop_signal() const {
  return processes_.are_several() ? asked_to_stop_ : StopSignals::caught();
}

/// Collects the gradient of one step, the mean over the records of all processes, and returns their number.
int64_t Trainer::accumulate() {
  const int64_t done = state_.step % steps_per_epoch_ * options_.accumulate;
  const int64_t batches = std::min(options_.accumulate, task_.batches() - done);
  const bool is_mean = batches == 1 && !processes_.are_several();
  StepSums sums(batches);
  std::vector<int64_t> bad_records;
  draw_apart();
  for (int64_t i = 0; i < batches; ++i) {
    nn::SmallProducts small;
    const BatchLoss batch = next_in_precision(task_, options_.precision);
    small.mix();
    if (i + 1 == batches) gradients_.arm();
    if (!batch.loss.defined()) continue;  // fewer records than processes
    const auto count = static_cast<double>(batch.count);
    const double loss = batch.loss.item<double>();
    if (!std::isfinite(loss) && bad_records.empty()) bad_records = batch.records;
    (is_mean ? batch.loss : batch.loss * count).backward();
    sums.loss(i) = loss * count, sums.count(i) = count;
  }
  gradients_.finish();
  sums.note(StopSignals::caught());
  processes_.sum(sums.values());
  asked_to_stop_ = sums.noted();
  int64_t records = 0;
  for (int64_t i = 0; i < batches; ++i) {
    const auto count = static_cast<int64_t>(sums.count(i));
    check_finite(sums.loss(i), bad_records);
    records += count;
    state_.epoch_loss.add_sum(sums.loss(i), count), state_.log_loss.add_sum(sums.loss(i), count);
  }
  if (!is_mean) optimizer_.scale_gradients(1.0 / static_cast<double>(records));
  return records;
}

void Trainer::step() {
  const LoopState before = state_;
  try {
    const int64_t records = accumulate();
    const double norm = optimizer_.gradient_norm(options_.clip_grad_norm);
    if (!std::isfinite(norm)) {
      throw DivergedError("the gradient is not finite " + place() +
                          "; lower train.optimizer.lr or set train.clip_grad_norm");
    }
    const double factor = state_.plateau * schedule_factor(options_.schedule, options_.optimizer.lr,
                                                           state_.step, steps_);
    optimizer_.step(factor);
    average_.update(++state_.step);
    examples_ += records;
    log_step(factor, norm);
  } catch (const DivergedError&) {
    state_ = before;
    if (unfinite_weights().empty()) save_checkpoint();
    throw;
  }
}

void Trainer::show_progress(double lr) {
  if (!progress_) return;
  progress_->update({.step = state_.step,
                     .steps = steps_,
                     .epoch = state_.epoch + 1,
                     .epochs = (steps_ + steps_per_epoch_ - 1) / steps_per_epoch_,
                     .examples = static_cast<double>(examples_),
                     .metrics = {{"loss", state_.epoch_loss.value()}, {"lr", lr}}});
}

void Trainer::log_step(double factor, double norm) {
  const double lr = options_.optimizer.lr * factor;
  show_progress(lr);
  if (state_.step % options_.log_every != 0) return;
  if (!log_) {
    state_.log_loss = {};
    return;
  }
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - logged_).count();
  const double speed = static_cast<double>(examples_ - logged_examples_) / seconds;
  nlohmann::ordered_json line = {{"step", state_.step},
                                 {"epoch", state_.epoch + 1},
                                 {"loss", state_.log_loss.value()},
                                 {"lr", lr},
                                 {"gradient_norm", norm},
                                 {task_.unit() + std::string("_per_second"), speed},
                                 {"peak_memory_mib", peak_memory() >> 20}};
  if (processes_.are_several()) line["waiting"] = (processes_.waited() - logged_waited_) / seconds;
  log_->write(line);
  events_->write(state_.step, {{"train/loss", state_.log_loss.value()},
                               {"train/lr", lr},
                               {"train/gradient_norm", norm},
                               {std::string("train/") + task_.unit() + "_per_second", speed}});
  state_.log_loss = {};
  logged_ = now, logged_examples_ = examples_, logged_waited_ = processes_.waited();
}

bool Trainer::is_better(const Metrics& valid) const {
  if (state_.best.empty()) return true;
  const SelectionMetric selection = task_.selection_metric();
  const auto now = metric(valid, selection.metric), best = metric(state_.best, selection.metric);
  if (!now || !best) {
    throw UsageError("the task's selection metric '" + selection.metric +
                     "' is none of its metrics");
  }
  if (!std::isfinite(*now) || !std::isfinite(*best)) return std::isfinite(*now);
  if (*now != *best) return selection.larger_is_better ? *now > *best : *now < *best;
  const auto loss = metric(valid, "loss"), best_loss = metric(state_.best, "loss");
  return loss && best_loss && *loss < *best_loss;
}

/// Best model, plateau and early stopping, by the validation metrics.
void Trainer::follow(const Metrics& valid) {
  const SelectionMetric selection = task_.selection_metric();
  if (const auto now = metric(valid, selection.metric); now && !std::isfinite(*now)) {
    show("validation: " + selection.metric + " is " + std::to_string(*now) + " in epoch " +
         std::to_string(state_.epoch) + ", which counts as the worst");
  }
  const bool better = is_better(valid);
  if (better) state_.best = valid;
  if (better) state_.best_epoch = state_.epoch;
  if (options_.schedule.kind == ScheduleKind::plateau &&
      state_.plateau_patience.over(better, options_.schedule.patience)) {
    state_.plateau *= options_.schedule.factor;
  }
  if (options_.early_stop > 0 && state_.stop_patience.over(better, options_.early_stop)) {
    state_.finished = true;
  }
}

/// The metrics of the validation data with the model as it is: with several processes the first one's, whose statistics of
/// batch norm are saved.
std::optional<Metrics> Trainer::validate() {
  const at::NoGradGuard no_grad;
  if (processes_.are_several())
    for (const auto& buffer : task_.model().buffers()) processes_.from_first(buffer);
  task_.model().eval();
  auto valid = task_.validate();
  task_.model().train();
  if (!valid) return valid;
  std::vector<double> values;
  for (const auto& [name, value] : *valid) values.push_back(value);
  processes_.from_first(
      values);  // those of another processor may differ in a bit, and choose another model
  for (size_t i = 0; i < values.size(); ++i) (*valid)[i].second = values[i];
  return valid;
}

void Trainer::end_epoch() {
  ++state_.epoch;
  const double loss = state_.epoch_loss.value();
  state_.epoch_loss = {};
  std::optional<Metrics> valid;
  {
    const WeightAverage::Shown shown(average_);
    valid = validate();
  }
  if (valid) follow(*valid);
  if (!valid) state_.best_epoch = state_.epoch;
  if (state_.step == steps_) state_.finished = true;
  if (log_) log_epoch(loss, valid);
  if (state_.best_epoch == state_.epoch) {
    state_.best_loss = loss;
    save_best();
  }
}

void Trainer::log_epoch(double loss, const std::optional<Metrics>& valid) {
  nlohmann::ordered_json line = {
      {"step", state_.step}, {"epoch", state_.epoch}, {"train", {{"loss", loss}}}};
  if (valid) {
    for (const auto& [name, value] : *valid) {
      line["valid"][name] = value;
      events_->write(state_.step, {{"valid/" + name, static_cast<float>(value)}});
    }
  }
  const auto samples = valid ? task_.samples() : std::vector<Sample>{};
  for (const auto& [input, expected, output] : samples) {
    line["samples"].push_back({{"input", input}, {"expected", expected}, {"output", output}});
  }
  log_->write(line);
  show("epoch " + std::to_string(state_.epoch) + metrics_text({{"loss", loss}}) +
       (valid ? "  valid" + metrics_text(*valid) : ""));
  for (const auto& [input, expected, output] : samples) {
    show("  input     " + printable(input) + "\n  expected  " + printable(expected) +
         "\n  output    " + printable(output));
  }
}

void Trainer::tell_start() {
  for (const auto& [name, value] : task_.dataset_stats()) {
    if (value != 0) show(printable(count_text(value) + " " + name));
  }
  if (saved_step_ >= 0) show("goes on after step " + std::to_string(state_.step));
  for (const auto& [path, was, is] : changes_) show("  " + path + " was " + was + " and is " + is);
  if (is_mean_kept_)
    show("best/ holds the mean of checkpoints" + metrics_text(state_.best) +
         ", and stays until an epoch is better");
  if (was_finished_)
    show("the run had ended: nothing is left to train; a higher train.epochs trains further");
}

TrainResult Trainer::run() {
  TrainResult result;
  const StopSignals signals;
  task_.model().train();
  if (!generator_.defined()) remember_start();
  if (folder_ && saved_step_ >= 0) folder_->remove_old(saved_step_);
  tell_start();
  if (options_.precision == Precision::bfloat16 && !multiplies_bfloat16())
    show(
        "train.precision: this machine has no instructions for bfloat16; float32 is far faster "
        "here");
  if (!state_.finished) show_progress(0);
  while (!state_.finished && !result.stopped_by) {
    step();
    const bool epoch_over = state_.step % steps_per_epoch_ == 0 || state_.step == steps_;
    if (epoch_over) end_epoch();
    remember_start();
    if (!state_.finished) result.stopped_by = stop_signal();
    const bool due = options_.save_every > 0 ? state_.step % options_.save_every == 0 : epoch_over;
    if (due || state_.finished || result.stopped_by) save_checkpoint();
  }
  if (progress_) progress_->finish();
  if (state_.finished) finish(result);
  result.epochs = state_.epoch, result.steps = state_.step;
  result.best_epoch = state_.best_epoch;
  if (!state_.best.empty()) result.valid = state_.best;
  result.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  result.peak_memory = peak_memory();
  if (log_) log_->sync(), events_->sync();
  return result;
}

/// The best model meets the test data; its metrics stand in metrics.json.
void Trainer::finish(TrainResult& result) {
  if (average_checkpoints()) {
    const auto valid = validate();
    const bool better = !valid || is_better(*valid);
    show("the mean of " + std::to_string(options_.average_checkpoints) + " checkpoints" +
         (valid ? metrics_text(*valid) : "") + (better ? "" : "  not better, not kept"));
    if (valid && better) state_.best = *valid;
    if (folder_ && better) folder_->save_best(model_files(best_metrics(std::nullopt)));
  }
  ModelFiles files;
  if (folder_) {
    const auto best = folder_->path() / "best";
    files = load_model(best);
    load_into(task_.model(), files.tensors, best / "model.safetensors");
  }
  take_model_of_first();
  const at::NoGradGuard no_grad;
  task_.model().eval();
  result.test = task_.test();
  if (!folder_) return;
  files.metrics = best_metrics(result.test);
  folder_->save_best(files);
}

void check_training_memory(Task& task, const TrainOptions& options, int64_t processes) {
  const int64_t weights = nn::parameter_bytes(task.model()),
                means = 2 * weights / (options.shard_optimizer ? processes : 1);
  require_memory(weights * (options.ema > 0 ? 2 : 1) + means, available_memory(),
                 "training the model", nn::memory_remedy(sizes_of(task.recipe())).c_str());
}

std::string check_schedule(const Task& task, const TrainOptions& options) {
  const int64_t per_epoch = steps_of_epoch(task, options), steps = steps_of(options, per_epoch);
  const int64_t warmup = options.schedule.warmup;
  if (warmup <= steps) return "";
  const std::string longer = "train.schedule.warmup = " + std::to_string(warmup) +
                             " is longer than the whole run of " + std::to_string(steps) + " steps";
  if (options.max_steps > 0)
    return longer + " (train.max_steps): the learning rate ends far below train.optimizer.lr";
  throw ModelError(longer + " (" + std::to_string(options.epochs) + " epochs of " +
                   std::to_string(per_epoch) +
                   "), so that the learning rate never gets to train.optimizer.lr; lower it or "
                   "raise train.epochs");
}

void Task::share_with(Processes&) {
  throw UsageError("this task knows one process; train it without a launcher of several");
}

TrainResult train(Task& task, const TrainRun& run) {
  try {
    return Trainer(task, run).run();
  } catch (const std::exception& error) {
    processes_of(run).tell_failure(error.what());
    throw;
  }
}

}  // namespace heed
