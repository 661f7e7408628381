// The loop with a task small enough to know what must come out: a line through points.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn.h>
#include <torch/optim.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "files.h"
#include "heed/core/error.h"
#include "heed/train/model_folder.h"
#include "heed/train/processes.h"
#include "heed/train/train.h"
#include "little_memory.h"
#include "train/progress.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kRecords = 10;

/// y = 3 x, one record after another; `valid` is what validation reports, epoch by epoch.
class LineTask : public Task {
 public:
  explicit LineTask(int64_t batch) : batch_(batch) {
    torch::manual_seed(1);
    model_ = torch::nn::Linear(1, 1);
    model_->to(at::kDouble);
  }
  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override {
    return {{"batch", "1", ""}, {"train.epochs", std::to_string(epochs), ""}};
  }
  int64_t batches() const override { return (kRecords + batch_ - 1) / batch_; }
  BatchLoss next() override {
    if (cursor_.position == kRecords) cursor_ = {cursor_.epoch + 1, 0};
    const int64_t first = cursor_.position, end = std::min(first + batch_, kRecords);
    const auto x = at::arange(first, end, at::kDouble).unsqueeze(1) / 10;
    auto loss = (model_->forward(x) - 3 * x).pow(2).mean();
    std::vector<int64_t> records;
    for (int64_t i = first; i < end; ++i) records.push_back(i);
    if (first <= bad_record && bad_record < end && cursor_.epoch == 1) loss = loss * NAN;
    cursor_.position = end;
    return {loss, end - first, records};
  }
  data::Cursor cursor() const override { return cursor_; }
  void seek(const data::Cursor& cursor) override { cursor_ = cursor; }
  std::string record_name(int64_t record) const override {
    return "points.csv line " + std::to_string(record + 1);
  }
  SelectionMetric selection_metric() const override { return {"error", false}; }
  std::optional<Metrics> validate() override {
    if (valid.empty()) return std::nullopt;
    seen.push_back(model_->weight.detach().clone());
    const auto of = [&](const std::vector<double>& all) {
      return all[std::min(seen.size(), all.size()) - 1];
    };
    Metrics metrics{{"error", of(valid)}};
    if (!losses.empty()) metrics.emplace_back("loss", of(losses));
    return metrics;
  }
  std::vector<Sample> samples() const override { return {{"2", "6", "5.9"}}; }
  std::optional<Metrics> test() override {
    tested = model_->weight.detach().clone();
    return Metrics{{"error", 0.5}};
  }

  std::vector<double> valid, losses;
  std::vector<at::Tensor> seen;
  at::Tensor tested;
  int64_t bad_record = -1, epochs = 3;  ///< epochs: as the recipe says, which nothing else reads

 private:
  int64_t batch_;
  torch::nn::Linear model_{nullptr};
  data::Cursor cursor_;
};

class Loop : public testing::Test {
 protected:
  TrainRun plan(int64_t epochs) const {
    TrainRun run;
    run.folder = folder_ / "run";
    run.options.epochs = epochs;
    run.options.log_every = 1;
    run.options.optimizer.lr = 0.1;
    run.options.optimizer.weight_decay = 0;
    return run;
  }
  std::vector<nlohmann::json> log(const char* key) const {
    std::vector<nlohmann::json> values;
    std::ifstream in(folder_ / "run/log.jsonl");
    for (std::string line; std::getline(in, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains(key)) values.push_back(json[key]);
    }
    return values;
  }
  test::TemporaryFolder folder_;
};

TEST_F(Loop, AccumulatedBatchesAreOneLargeBatch) {
  LineTask large(kRecords), small(3);  // 3 3 3 1: the last one is shorter
  train(large, plan(5));
  fs::remove_all(folder_ / "run");
  auto run = plan(5);
  run.options.accumulate = 4;
  const auto result = train(small, run);
  EXPECT_EQ(result.steps, 5);
  EXPECT_TRUE(at::allclose(large.tested, small.tested, 1e-9, 1e-12));
}

TEST_F(Loop, LastGroupOfAnEpochMayBeShorter) {
  LineTask task(3);
  auto run = plan(2);
  run.options.accumulate = 3;
  EXPECT_EQ(train(task, run).steps, 4);
}

TEST_F(Loop, KeepsTheBestModel) {
  LineTask task(5);
  task.valid = {0.5, 0.2, 0.4, 0.2};
  const auto result = train(task, plan(4));
  EXPECT_EQ(result.best_epoch, 2) << "the first of equals";
  EXPECT_EQ(result.valid->at(0).second, 0.2);
  EXPECT_TRUE(at::equal(task.tested, task.seen[1])) << "the test data meets the best model";
  const auto metrics = nlohmann::json::parse(std::ifstream(folder_ / "run/best/metrics.json"));
  EXPECT_EQ(metrics["epoch"], 2);
  EXPECT_EQ(metrics["valid"]["error"], 0.2);
  EXPECT_EQ(metrics["test"]["error"], 0.5);
}

TEST_F(Loop, WhatIsNotFiniteIsTheWorst) {
  LineTask task(5);
  task.valid = {NAN, 0.5, INFINITY, NAN, 0.6};
  std::ostringstream said;
  Progress progress(said, {});
  auto run = plan(5);
  run.progress = &progress;
  const auto result = train(task, run);
  EXPECT_EQ(result.best_epoch, 2);
  EXPECT_TRUE(at::equal(task.tested, task.seen[1]));
  EXPECT_THAT(said.str(),
              HasSubstr("validation: error is nan in epoch 1, which counts as the worst"));
  const auto all = log("valid");
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0]["error"], "NaN");
  EXPECT_EQ(all[2]["error"], "Infinity");
}

TEST_F(Loop, GoesOnFromAMetricThatIsNotFinite) {
  LineTask whole(5), part(5), rest(5);
  for (auto* task : {&whole, &part, &rest}) task->valid = {NAN, NAN, 0.5, NAN};
  train(whole, plan(4));
  const auto wanted = load_model(folder_ / "run/best");
  fs::remove_all(folder_ / "run");
  auto run = plan(4);
  run.options.keep_checkpoints = 9;
  train(part, run);
  for (const char* name : {"run/best", "run/last-00000006", "run/last-00000008"})
    fs::remove_all(folder_ / name);
  EXPECT_THAT(test::read_bytes(folder_ / "run/last-00000004/state.json"), HasSubstr("\"NaN\""));
  rest.seen = {part.seen[0], part.seen[1]};
  run.resume = true;
  const auto result = train(rest, run);
  EXPECT_EQ(result.best_epoch, 3);
  EXPECT_TRUE(
      at::equal(load_model(folder_ / "run/best").tensors[0].second, wanted.tensors[0].second));
}

TEST_F(Loop, MoreStepsThanCanBeCountedAreRefused) {
  LineTask task(1);
  auto run = plan(INT64_MAX);
  EXPECT_THROW(train(task, run), ModelError);
}

TEST_F(Loop, WarmupLongerThanTheRunIsRefusedOrSaid) {
  LineTask task(5);
  auto run = plan(3);
  run.options.accumulate = 2;
  run.options.schedule.warmup = 3;
  EXPECT_EQ(check_schedule(task, run.options), "");
  run.options.schedule.warmup = 4;
  try {
    train(task, run);
    FAIL() << "no error";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("train.schedule.warmup = 4 is longer than the whole run of "
                                        "3 steps (3 epochs of 1)"));
  }
  EXPECT_FALSE(fs::exists(run.folder));
  run.options.max_steps = 2;  // to try something
  EXPECT_THAT(check_schedule(task, run.options),
              HasSubstr("warmup = 4 is longer than the whole run "
                        "of 2 steps (train.max_steps)"));
  EXPECT_EQ(train(task, run).steps, 2);
}

class LargeTask : public LineTask {
 public:
  LargeTask() : LineTask(5) {}
  torch::nn::Module& model() override { return *large_; }

 private:
  torch::nn::Linear large_{torch::nn::LinearOptions(4096, 4096).bias(false)};  // 64 MiB
};

TEST_F(Loop, WhatTrainingTakesBesideTheWeightsMustBeThere) {
  LargeTask task;
  auto options = plan(1).options;
  const auto refused = [&](uint64_t more) {
    const test::LittleMemory little(more);
    try {
      check_training_memory(task, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.why(), Failure::memory);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(230), "");  // a gradient and two means
  EXPECT_THAT(refused(150),
              HasSubstr("training the model needs at least 192 MiB of memory, and 1"));
  options.ema = 0.9;
  EXPECT_THAT(refused(230), HasSubstr("at least 256 MiB"));
}

TEST_F(Loop, TheLossDecidesBetweenEquals) {
  LineTask task(5);
  task.valid = {0.5, 0.2, 0.2, 0.2, 0.3};
  task.losses = {9, 3, 1, 2, 0};
  const auto result = train(task, plan(5));
  EXPECT_EQ(result.best_epoch, 3);
  EXPECT_TRUE(at::equal(task.tested, task.seen[2]));
}

TEST_F(Loop, WithoutValidationTheLastModelIsTheBest) {
  LineTask task(5);
  EXPECT_EQ(train(task, plan(3)).best_epoch, 3);
}

TEST_F(Loop, StopsEarly) {
  LineTask task(5);
  task.valid = {0.5, 0.4, 0.4, 0.6, 0.1};
  auto run = plan(9);
  run.options.early_stop = 2;
  const auto result = train(task, run);
  EXPECT_EQ(result.epochs, 4);
  EXPECT_EQ(result.best_epoch, 2);
}

TEST_F(Loop, PlateauLowersTheLearningRate) {
  LineTask task(kRecords);
  task.valid = {0.5, 0.5, 0.5, 0.5, 0.5};
  auto run = plan(6);
  run.options.schedule = {.kind = ScheduleKind::plateau, .factor = 0.5, .patience = 2};
  train(task, run);
  EXPECT_THAT(log("lr"), testing::ElementsAre(0.1, 0.1, 0.1, 0.05, 0.05, 0.025));
}

TEST_F(Loop, AverageIsWhatIsJudgedAndSaved) {
  LineTask task(5);
  task.valid = {0.5, 0.4};
  auto run = plan(2);
  run.options.ema = 0.5;
  train(task, run);
  const auto saved = load_model(folder_ / "run/best");
  EXPECT_TRUE(at::equal(saved.tensors[0].second, task.seen[1]));
  const auto last = load_model(folder_ / "run/last-00000004", WithState::yes);
  bool found = false;
  for (const auto& [name, tensor] : last.state->tensors) {
    if (name != "weights/weight") continue;
    found = true;
    EXPECT_FALSE(at::equal(tensor, last.tensors[0].second));
  }
  EXPECT_TRUE(found);
}

TEST_F(Loop, StepsCutTheLastEpochShort) {
  LineTask task(5);
  task.valid = {0.5, 0.4, 0.3};
  auto run = plan(9);
  run.options.max_steps = 5;
  const auto result = train(task, run);
  EXPECT_EQ(result.steps, 5);
  EXPECT_EQ(result.epochs, 3);
  EXPECT_EQ(result.best_epoch, 3) << "the short epoch is validated too";
  EXPECT_EQ(task.cursor().position, 5);
}

TEST_F(Loop, MeanOfCheckpointsIsTakenWhereItIsBetter) {
  for (const double mean_error : {0.1, 0.3}) {
    fs::remove_all(folder_ / "run");
    LineTask task(5);
    task.valid = {0.5, 0.4, 0.2, mean_error};
    auto run = plan(3);
    run.options.average_checkpoints = 2;
    const auto result = train(task, run);
    ASSERT_EQ(task.seen.size(), 4);
    EXPECT_TRUE(at::allclose(task.seen[3], (task.seen[1] + task.seen[2]) / 2, 1e-12, 1e-15));
    EXPECT_TRUE(at::equal(task.tested, task.seen[mean_error < 0.2 ? 3 : 2]));
    EXPECT_EQ(result.valid->at(0).second, std::min(mean_error, 0.2));
  }
}

TEST_F(Loop, MeanOfCheckpointsStaysBestWhereARunGoesFurther) {
  auto run = plan(3);
  run.options.average_checkpoints = 2;
  {
    LineTask task(5);
    task.valid = {0.5, 0.4, 0.3, 0.1};  // the last is the mean's
    train(task, run);
  }
  const auto mean = load_model(folder_ / "run/best").tensors[0].second;
  run.options.epochs = 5, run.resume = true;
  LineTask further(5);
  further.valid = {0.2, 0.2, 0.25};
  further.epochs = 5;
  const auto result = train(further, run);
  EXPECT_EQ(result.epochs, 5);
  EXPECT_EQ(result.valid->at(0).second, 0.1);
  EXPECT_TRUE(at::equal(load_model(folder_ / "run/best").tensors[0].second, mean));
  LineTask better(5);
  better.valid = {0.05};
  run.options.epochs = 6, better.epochs = 6;
  EXPECT_EQ(train(better, run).valid->at(0).second, 0.05);
}

TEST_F(Loop, SamplesAreLogged) {
  LineTask task(5);
  task.valid = {0.5};
  train(task, plan(1));
  EXPECT_EQ(log("samples"), (std::vector<nlohmann::json>{nlohmann::json::parse(
                                R"([{"input":"2","expected":"6","output":"5.9"}])")}));
}

TEST_F(Loop, LossThatIsNotFiniteNamesItsBatchAndKeepsTheWeights) {
  LineTask task(4);
  task.bad_record = 5;
  try {
    train(task, plan(3));
    ADD_FAILURE() << "went on";
  } catch (const DivergedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("epoch 2, step 5"));
    EXPECT_THAT(error.what(), HasSubstr("points.csv line 5, 6, 7, 8"));
  }
  const auto kept = load_model(folder_ / "run/last-00000004", WithState::yes);
  EXPECT_TRUE(at::isfinite(kept.tensors[0].second).all().item<bool>());
  LineTask healed(4);  // the record has been mended: training goes on from there
  auto run = plan(3);
  run.resume = true;
  const auto resumed = train(healed, run);
  fs::remove_all(folder_ / "run");
  LineTask whole(4);
  train(whole, plan(3));
  EXPECT_EQ(resumed.steps, 9);
  EXPECT_TRUE(at::equal(healed.tested, whole.tested));
}

/// The first of two processes, whose other one has a statistic that is no number.
class BesideOneWithoutNumbers : public Processes {
 public:
  int64_t count() const override { return 2; }
  std::vector<std::string> gather(std::string text) override {
    return {text, text.empty() ? "norm.running_mean" : text};
  }
};

class SharedLineTask : public LineTask {
 public:
  using LineTask::LineTask;
  void share_with(Processes&) override {}
};

TEST_F(Loop, NobodySavesWhereAnyProcessHasWeightsThatAreNotFinite) {
  SharedLineTask task(5);
  BesideOneWithoutNumbers processes;
  auto run = plan(1);
  run.processes = &processes;
  try {
    train(task, run);
    ADD_FAILURE() << "went on";
  } catch (const DivergedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("norm.running_mean"));
  }
  EXPECT_THROW(load_model(folder_ / "run"), Error);
}

TEST_F(Loop, FinishedRunMayBeResumed) {
  LineTask task(5);
  train(task, plan(2));
  LineTask again(5);
  auto run = plan(2);
  run.resume = true;
  const auto result = train(again, run);
  EXPECT_EQ(result.steps, 4);
  EXPECT_TRUE(at::equal(again.tested, task.tested));
}

TEST_F(Loop, FolderWithARunIsRefused) {
  LineTask task(5);
  train(task, plan(1));
  EXPECT_THROW(train(task, plan(1)), UsageError);
}

}  // namespace
}  // namespace heed
