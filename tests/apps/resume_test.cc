// A run that is stopped anywhere and resumed ends with the same bits as one that was not: the
// program is really killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "files.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Everything that a run leaves and that does not depend on the clock: file -> bytes, and the log
/// without speeds.
std::map<std::string, std::string> outcome(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    const std::string name = fs::relative(entry.path(), run).string();
    if (!entry.is_regular_file() || name.find("tfevents") != std::string::npos) continue;
    if (name == "log.jsonl" || name.ends_with("recipe.toml")) continue;
    files[name] = read_bytes(entry.path());
  }
  std::istringstream log(read_bytes(run / "log.jsonl"));
  for (std::string line; std::getline(log, line);) {
    auto json = nlohmann::ordered_json::parse(line);
    json.erase("examples_per_second"), json.erase("peak_memory_mib");
    files["log"] += json.dump() + "\n";
  }
  return files;
}

bool log_has(const fs::path& run, const std::string& text) {
  return fs::exists(run / "log.jsonl") &&
         read_bytes(run / "log.jsonl").find(text) != std::string::npos;
}

std::string step_text(int step) { return "\"step\":" + std::to_string(step) + ","; }

class Resume : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = train_once("classify", write_small_set);
    whole_ = outcome(trained_.model);
    ASSERT_TRUE(whole_.count("best/model.safetensors"));
    ASSERT_TRUE(whole_.count("last-00000042/state.safetensors"));
  }

  fs::path out() const { return folder_ / "run"; }
  std::vector<std::string> train(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"train", trained_.recipe, "--out", out().string(), "--resume"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// Resumes to the end and compares with the run that was not stopped.
  void expect_same_end() {
    const auto result = run(train());
    ASSERT_EQ(result.code, 0) << result.err;
    const auto files = outcome(out());
    for (const auto& [name, bytes] : whole_) {
      ASSERT_TRUE(files.count(name)) << name;
      EXPECT_EQ(files.at(name), bytes) << name;
    }
    EXPECT_EQ(files.size(), whole_.size());
    fs::remove_all(out());
  }

  static inline Trained trained_;
  static inline std::map<std::string, std::string> whole_;
  TemporaryFolder folder_;
};

TEST_F(Resume, SameBitsOnASecondRun) { expect_same_end(); }

TEST_F(Resume, KilledAtAnyStep) {
  for (const int step : {1, 3, 5, 7, 8, 20, 41}) {
    const auto result =
        run(train(), {.signal = SIGKILL, .when = [&] { return log_has(out(), step_text(step)); }});
    ASSERT_EQ(result.code, 128 + SIGKILL) << step << result.err;
    expect_same_end();
  }
}

TEST_F(Resume, KilledWhileItWritesACheckpoint) {
  for (const int from : {0, 9, 30}) {
    const auto writing = [&] {
      if (from > 0 && !log_has(out(), step_text(from))) return false;
      if (!fs::exists(out())) return false;
      std::error_code gone;
      for (const auto& entry : fs::directory_iterator(out(), gone)) {
        if (entry.path().filename().string().find(".partial-") != std::string::npos) return true;
      }
      return false;
    };
    const auto result = run(train(), {.signal = SIGKILL, .when = writing});
    ASSERT_EQ(result.code, 128 + SIGKILL) << from << result.err;
    expect_same_end();
  }
}

TEST_F(Resume, KilledAgainAndAgain) {
  int kills = 0;
  for (int step = 2; step < 42; step += 5) {
    const auto result =
        run(train(), {.signal = SIGKILL, .when = [&] { return log_has(out(), step_text(step)); }});
    kills += result.code == 128 + SIGKILL;
  }
  EXPECT_GT(kills, 4);
  expect_same_end();
}

TEST_F(Resume, CtrlCTermAndHangUpSaveAndStop) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    for (const int step : {2, 10}) {
      const auto result =
          run(train(), {.signal = signal, .when = [&] { return log_has(out(), step_text(step)); }});
      ASSERT_EQ(result.code, 128 + signal) << result.err;
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr("--resume"));
      expect_same_end();
    }
  }
}

TEST_F(Resume, FullDiskLeavesTheOldCheckpointWhole) {
  const std::vector<std::string> quiet{"--set", "train.log_every=1000"};
  auto words = train(quiet);
  auto result =
      run(words, {.signal = SIGTERM, .when = [&] { return fs::exists(out() / "last-00000003"); }});
  ASSERT_EQ(result.code, 128 + SIGTERM) << result.err;
  std::string newest;
  for (const auto& entry : fs::directory_iterator(out())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("last-") && name > newest) newest = name;
  }
  const std::string before = read_bytes(out() / newest / "state.safetensors");
  result = run(words, {.largest_file = 20'000});
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("cannot write"));
  EXPECT_EQ(read_bytes(out() / newest / "state.safetensors"), before);
  result = run(train());
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(read_bytes(out() / "best/model.safetensors"), whole_.at("best/model.safetensors"));
}

TEST_F(Resume, ChangedRecipeIsRefusedByItsKey) {
  auto result =
      run(train(), {.signal = SIGTERM, .when = [&] { return log_has(out(), step_text(4)); }});
  ASSERT_EQ(result.code, 128 + SIGTERM) << result.err;
  result = run(train({"--set", "train.batch=20"}));
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("train.batch was 10 and is 20"));
  expect_same_end();
}

TEST_F(Resume, WhatMayChangeChangesAndIsLogged) {
  auto result =
      run(train(), {.signal = SIGTERM, .when = [&] { return log_has(out(), step_text(4)); }});
  ASSERT_EQ(result.code, 128 + SIGTERM) << result.err;
  const std::vector<std::string> lower{
      "--set", "train.optimizer.lr=0.002", "--set", "train.clip_grad_norm=0.5",
      "--set", "train.log_every=5",        "--set", "train.schedule.kind=constant"};
  result = run(train(lower));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("train.optimizer.lr was 0.01 and is 0.002"));
  EXPECT_TRUE(log_has(out(), R"("train.optimizer.lr":{"was":"0.01","is":"0.002"})"));
  EXPECT_TRUE(log_has(out(), R"("lr":0.002)"));
}

TEST_F(Resume, AFinishedRunTrainsFurtherWhereMoreIsAsked) {
  const std::vector<std::string> constant{"--set", "train.schedule.kind=constant", "--set"};
  const auto epochs = [&](const char* number) {
    auto words = constant;
    words.push_back(std::string("train.epochs=") + number);
    return train(words);
  };
  ASSERT_EQ(run(epochs("3")).code, 0);
  const auto whole = outcome(out());
  fs::remove_all(out());
  ASSERT_EQ(run(epochs("2")).code, 0);
  const auto again = run(epochs("2"));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("nothing is left to train"));
  const auto further = run(epochs("3"));
  EXPECT_EQ(further.code, 0) << further.err;
  EXPECT_THAT(further.err, HasSubstr("train.epochs was 2 and is 3"));
  const auto files = outcome(out());
  for (const char* name : {"best/model.safetensors", "last-00000021/state.safetensors"})
    EXPECT_EQ(files.at(name), whole.at(name)) << name;
  const auto fewer = run(epochs("1"));
  EXPECT_EQ(fewer.code, 2);
  EXPECT_THAT(fewer.err, HasSubstr("asks for 7 steps"));
  EXPECT_EQ(outcome(out()), files);
}

TEST_F(Resume, RunThatIsThereIsNotOverwritten) {
  const auto result = run({"train", trained_.recipe, "--out", trained_.model});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--resume"));
  EXPECT_EQ(outcome(trained_.model), whole_);
}

TEST_F(Resume, ARunWithoutACheckpointBeginsAnewAndSaysSo) {
  ASSERT_EQ(run(train()).code, 0);
  for (const auto& entry : fs::directory_iterator(out()))
    if (entry.path().filename().string().starts_with("last-")) fs::remove_all(entry.path());
  const auto result = run(train());
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("has no checkpoint (last-STEP/) to go on from"));
}

TEST_F(Resume, DamagedCheckpointIsNamed) {
  auto result =
      run(train(), {.signal = SIGTERM, .when = [&] { return log_has(out(), step_text(4)); }});
  ASSERT_EQ(result.code, 128 + SIGTERM) << result.err;
  for (const auto& entry : fs::directory_iterator(out())) {
    if (!entry.path().filename().string().starts_with("last-")) continue;
    auto bytes = read_bytes(entry.path() / "state.safetensors");
    bytes[bytes.size() - 100] ^= 1;
    write_bytes(entry.path() / "state.safetensors", bytes);
  }
  result = run(train());
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("state.safetensors"));
}

}  // namespace
}  // namespace heed::test
