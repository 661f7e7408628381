// Several processes that train as one, started as users start them, and ended as clusters end them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "apps/run.h"
#include "apps/small_set.h"
#include "core/network.h"
#include "files.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

/// A copy of the program that runs beside the test.
class Started {
 public:
  /// `ignored`: a signal that it is started to ignore.
  Started(const Words& words, const std::map<std::string, std::string>& environment, fs::path said,
          int ignored = 0)
      : said_(std::move(said)), child_(fork()) {
    if (child_ != 0) return;
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    const int file = open(said_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
    dup2(file, 1), dup2(file, 2);
    for (const int number : {SIGINT, SIGHUP, SIGTERM})
      signal(number, number == ignored ? SIG_IGN : SIG_DFL);
    if (ignored == SIGCHLD) signal(ignored, SIG_IGN);
    std::vector<char*> all{const_cast<char*>(HEED_PROGRAM)};
    for (const auto& word : words) all.push_back(const_cast<char*>(word.c_str()));
    all.push_back(nullptr);
    execv(HEED_PROGRAM, all.data());
    _exit(127);
  }
  ~Started() {
    if (child_ > 0) kill(child_, SIGKILL), kill(child_, SIGCONT), waitpid(child_, nullptr, 0);
  }
  Started(Started&& other) noexcept : said_(other.said_), child_(std::exchange(other.child_, -1)) {}
  Started& operator=(Started&&) = delete;

  void send(int number) const { kill(child_, number); }
  /// One of the processes that it started.
  pid_t child() const {
    const auto id = std::to_string(child_);
    std::ifstream in("/proc/" + id + "/task/" + id + "/children");
    pid_t found = -1;
    in >> found;
    return found;
  }
  std::string said() const { return fs::exists(said_) ? read_bytes(said_) : ""; }
  /// The exit code, 128 + n of signal n; -1 where it has not ended in time.
  int wait(int seconds = 120) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    for (int status = 0; std::chrono::steady_clock::now() < end; usleep(2000)) {
      if (waitpid(child_, &status, WNOHANG) != child_) continue;
      child_ = -1;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return -1;
  }

 private:
  fs::path said_;
  pid_t child_;
};

class Processes : public testing::Test {
 protected:
  Processes() : recipe_(write_small_set(folder_.path())) {}

  fs::path out(const std::string& name = "run") const { return folder_ / name; }
  Words train(const std::string& name, const Words& more = {}) const {
    Words words{"train", recipe_, "--threads", "1", "--out", out(name).string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Words launch(const std::string& count, const Words& words, const Words& flags = {}) {
    Words all{"launch", "-n", count};
    all.insert(all.end(), flags.begin(), flags.end());
    all.push_back("--");
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  /// The ranks of one training, each started by hand.
  std::vector<Started> start(int64_t count, const Words& words,
                             const std::map<int64_t, Words>& more = {}) {
    const auto port = std::to_string(free_port());
    std::vector<Started> all;
    for (int64_t rank = 0; rank < count; ++rank) {
      auto own = words;
      if (more.count(rank)) own.insert(own.end(), more.at(rank).begin(), more.at(rank).end());
      all.emplace_back(
          own,
          std::map<std::string, std::string>{{"RANK", std::to_string(rank)},
                                             {"WORLD_SIZE", std::to_string(count)},
                                             {"LOCAL_RANK", std::to_string(rank)},
                                             {"LOCAL_WORLD_SIZE", std::to_string(count)},
                                             {"MASTER_ADDR", "127.0.0.1"},
                                             {"MASTER_PORT", port}},
          folder_ / ("said-" + std::to_string(rank)));
    }
    return all;
  }

  /// The log without speeds, by step.
  std::vector<nlohmann::json> log(const std::string& name = "run") const {
    std::vector<nlohmann::json> lines;
    std::istringstream in(fs::exists(out(name) / "log.jsonl") ? read_bytes(out(name) / "log.jsonl")
                                                              : "");
    for (std::string line; std::getline(in, line);) {
      auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.is_discarded()) break;
      json.erase("examples_per_second"), json.erase("peak_memory_mib");
      json.erase("tokens_per_second"), json.erase("waiting");
      lines.push_back(std::move(json));
    }
    return lines;
  }
  std::map<int64_t, double> losses(const std::string& name) const {
    std::map<int64_t, double> all;
    for (const auto& line : log(name))
      if (line.contains("loss")) all[line["step"]] = line["loss"];
    return all;
  }
  bool has_step(const std::string& name, int64_t step) const {
    const auto lines = log(name);
    return !lines.empty() && lines.back()["step"] >= step;
  }
  void wait_for_step(const std::string& name, int64_t step) const {
    for (int i = 0; i < 12000 && !has_step(name, step); ++i) usleep(5000);
    ASSERT_TRUE(has_step(name, step));
  }
  std::string best(const std::string& name) const {
    return read_bytes(out(name) / "best/model.safetensors");
  }

  /// Runs to its end, and says what happened where that is another.
  void expect_ends(const Words& words, int code = 0) const {
    const auto result = run(words);
    ASSERT_EQ(result.code, code) << result.err;
  }

  const TemporaryFolder folder_;
  const std::string recipe_;
};

/// What depends on a share.
const Words kNothingDrawn{"--set", "encoder.dropout=0",
                          "--set", "encoder.stochastic_depth=0",
                          "--set", "encoder.attention.dropout=0"};

Words both(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST_F(Processes, LaunchTellsEachItsPlaceAndReturnsTheFirstFailure) {
  const auto result = run(launch("3", {"env", "--json"}));
  EXPECT_EQ(result.code, 0) << result.err;
  for (const char* text : {"\"rank\": 0", "\"rank\": 1", "\"rank\": 2", "\"world_size\": 3",
                           "\"interface\": \"lo 127.0.0.1 (all processes are on this machine)\"",
                           "\"launcher\": \"heed launch\""})
    EXPECT_THAT(result.out, HasSubstr(text));
  EXPECT_EQ(run(launch("2", {"train", "no-such.toml"})).code, 5);
  const auto nothing = run({"launch", "-n", "2"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("expected -- and what each process runs"));
}

TEST_F(Processes, LearnWhatOneProcessLearns) {
  expect_ends(train("one", kNothingDrawn));
  for (const std::string count : {"2", "3"}) {
    expect_ends(launch(count, train("of" + count, kNothingDrawn)));
    const auto one = losses("one"), several = losses("of" + count);
    ASSERT_EQ(one.size(), 42u);
    ASSERT_EQ(several.size(), one.size());
    for (const auto& [step, loss] : one)
      EXPECT_NEAR(several.at(step), loss, 1e-4 * loss) << "step " << step << " of " << count;
  }
  const auto stats = log("of2").back();
  EXPECT_EQ(stats["valid"].size(), log("one").back()["valid"].size());
}

TEST_F(Processes, HaveTheSameBitsOnEveryRun) {
  for (const char* name : {"a", "b"}) expect_ends(launch("2", train(name)));
  EXPECT_EQ(best("a"), best("b"));
  EXPECT_EQ(log("a"), log("b"));
}

TEST_F(Processes, OneThatIsKilledIsNamedAndTheRunGoesOnToTheSameBits) {
  const Words longer{"--set", "train.epochs=12"};
  expect_ends(launch("3", train("whole", longer)));
  auto all = start(3, train("run", longer));
  wait_for_step("run", 20);
  all[1].send(SIGKILL);
  for (const size_t rank : {0u, 2u}) {
    EXPECT_EQ(all[rank].wait(15), 8) << all[rank].said();
    EXPECT_THAT(all[rank].said(), ContainsRegex("rank 1 on .* \\(process [0-9]+\\) is lost"));
  }
  all.clear();
  expect_ends(launch("3", train("run", both(longer, {"--resume"}))));
  EXPECT_EQ(best("run"), best("whole"));
  EXPECT_EQ(log("run"), log("whole"));
}

TEST_F(Processes, OneThatIsStoppedIsNamed) {
  for (const size_t stopped : {0u, 1u}) {
    auto all = start(2, train("run" + std::to_string(stopped), {"--set", "train.epochs=2000"}));
    wait_for_step("run" + std::to_string(stopped), 5);
    all[stopped].send(SIGSTOP);
    auto& other = all[1 - stopped];
    EXPECT_EQ(other.wait(15), 8) << other.said();
    EXPECT_THAT(other.said(), ContainsRegex("rank " + std::to_string(stopped) + " on .* is lost"));
    all[stopped].send(SIGCONT);
    EXPECT_EQ(all[stopped].wait(15), 8) << all[stopped].said();
  }
}

TEST_F(Processes, LaunchBeginsAnewAfterAKill) {
  const Words longer{"--set", "train.epochs=12"};
  expect_ends(launch("2", train("whole", longer)));
  Started all(launch("2", train("run", longer), {"--restarts", "2"}), {}, folder_ / "said");
  for (const int64_t step : {10, 40}) {  // a second one in the run that went on
    wait_for_step("run", step);
    ASSERT_GT(all.child(), 0);
    kill(all.child(), SIGKILL);
    const auto again = "restart " + std::to_string(step == 10 ? 1 : 2);
    for (int i = 0; i < 4000 && all.said().find(again) == std::string::npos; ++i) usleep(5000);
  }
  EXPECT_EQ(all.wait(), 0) << all.said();
  EXPECT_THAT(all.said(), HasSubstr("restart 2 of at most 2"));
  EXPECT_EQ(best("run"), best("whole"));
}

TEST_F(Processes, GoOnInAnotherNumber) {
  const Words more =
      both(kNothingDrawn, {"--set", "train.epochs=3", "--set", "train.schedule.kind=constant"});
  expect_ends(train("whole", more));
  Words parts{"2", "3", "1"};
  int64_t step = 3;
  for (const auto& count : parts) {  // within the epochs of 7 steps
    expect_ends(
        launch(count, train("run", both(more, {"--resume", "--set",
                                               "train.max_steps=" + std::to_string(step)}))));
    step += 5;
  }
  expect_ends(train("run", both(more, {"--resume"})));
  const auto one = losses("whole"), several = losses("run");
  for (const auto& [at, loss] : one) {
    ASSERT_TRUE(several.count(at)) << at;
    EXPECT_NEAR(several.at(at), loss, 1e-3 * loss) << "step " << at;
  }
}

TEST_F(Processes, OwnersOfTheOptimizerLearnTheSame) {
  const Words steady{"--set", "train.schedule.kind=constant"};
  const Words owners = both(steady, {"--set", "train.shard_optimizer=true"});
  expect_ends(launch("3", train("whole", steady)));
  expect_ends(launch("3", train("owned", owners)));
  expect_ends(launch("3", train("mixed", both(owners, {"--set", "train.max_steps=21"}))));
  expect_ends(launch("3", train("mixed", both(steady, {"--resume"}))));
  EXPECT_EQ(losses("owned"), losses("whole"));
  EXPECT_EQ(losses("mixed"), losses("whole"));
  const auto state = [&](const char* name) {
    return read_bytes(out(name) / "last-00000042/state.safetensors");
  };
  EXPECT_EQ(state("owned"), state("whole"));
}

TEST_F(Processes, PartsOfTextsLearnWhatOneProcessLearns) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "abcdefgh ij.\n"[(i * i + i / 7) % 13];
  write_bytes(folder_ / "text.txt", text);
  write_bytes(folder_ / "text.toml", R"(seed = 3
[input]
kind = "corpus"
context = 61
tokenizer = { kind = "characters" }
[data]
train = ")" + (folder_ / "text.txt").string() +
                                         R"("
holdout = 0.1
[head]
kind = "text"
preset = "gpt"
decoder_layers = 2
width = 32
hidden = 64
dropout = 0.0
decoder_attention = { score = "scaled_dot", position = "rope", masks = ["causal"], num_heads = 4 }
[train]
max_steps = 12
batch = 244
log_every = 1
clip_grad_norm = 1.0
)");
  const auto words = [&](const std::string& name, const Words& more = {}) {
    return both(
        {"train", (folder_ / "text.toml").string(), "--threads", "1", "--out", out(name).string()},
        more);
  };
  for (const std::string position : {"rope", "sinusoidal"}) {
    const Words placed{"--set", "head.decoder_attention.position=" + position};
    expect_ends(words("one-" + position, placed));
    const auto one = losses("one-" + position);
    ASSERT_EQ(one.size(), 12u);
    for (const auto& [count, parts] :
         std::vector<std::pair<std::string, std::string>>{{"2", "2"}, {"4", "2"}, {"3", "3"}}) {
      const auto name = position + "-" + count + "-" + parts;
      const Words split{
          "--set", "train.sequence_parallel=" + parts, "--set",
          "train.gradient_checkpointing=" + std::string(count == "3" ? "true" : "false")};
      expect_ends(launch(count, words(name, both(placed, split))));
      const auto several = losses(name);
      ASSERT_EQ(several.size(), one.size());
      for (const auto& [step, loss] : one)
        EXPECT_NEAR(several.at(step), loss, 1e-4 * loss) << "step " << step << " of " << name;
    }
  }
  const auto alone = run(words("alone", {"--set", "train.sequence_parallel=2"}));
  EXPECT_EQ(alone.code, 4);
  EXPECT_THAT(alone.err, HasSubstr("train.sequence_parallel is 2: expected a multiple of it"));
  const auto other =
      run(launch("2", words("other", {"--set", "train.sequence_parallel=2", "--set",
                                      "head.decoder_attention.normalizer=sparsemax"})));
  EXPECT_EQ(other.code, 4);
  EXPECT_THAT(other.err, HasSubstr("'sparsemax'"));
}

TEST_F(Processes, PartsOfTextsThatAnEncoderReadsTeachTheSame) {
  std::string table = "text,label\n";
  for (int i = 0; i < 60; ++i) {
    for (int word = 0; word < 3 + i % 17; ++word) {
      if (word == i % 5 && i % 2) table += "good ";
      table += 'w' + std::to_string((i * 7 + word * word) % 19) + ' ';
    }
    table += i % 2 ? ",yes\n" : ",no\n";
  }
  write_bytes(folder_ / "texts.csv", table);
  write_bytes(folder_ / "texts.toml", R"(seed = 3
[input]
kind = "text"
tokenizer = { kind = "words" }
[data]
train = ")" + (folder_ / "texts.csv").string() +
                                          R"("
holdout = 0.2
[encoder]
kind = "text"
width = 32
layers = 2
dropout = 0.0
embedding_dropout = 0.0
attention = { position = "sinusoidal", num_heads = 4 }
[head]
kind = "class"
[train]
max_steps = 12
batch = 8
log_every = 1
)");
  const auto words = [&](const std::string& name, const Words& more = {}) {
    return both(
        {"train", (folder_ / "texts.toml").string(), "--threads", "1", "--out", out(name).string()},
        more);
  };
  expect_ends(words("texts-of-one"));
  const auto one = losses("texts-of-one");
  ASSERT_EQ(one.size(), 12u);
  for (const auto& [count, parts] :
       std::vector<std::pair<std::string, std::string>>{{"2", "2"}, {"4", "2"}, {"3", "3"}}) {
    const auto name = "texts-" + count + "-" + parts;
    expect_ends(launch(count, words(name, {"--set", "train.sequence_parallel=" + parts})));
    const auto several = losses(name);
    ASSERT_EQ(several.size(), one.size());
    for (const auto& [step, loss] : one)
      EXPECT_NEAR(several.at(step), loss, 1e-4 * loss + 1e-6) << "step " << step << " of " << name;
  }
  const auto linear = run(launch("2", words("linear", {"--set", "train.sequence_parallel=2",
                                                       "--set", "encoder.attention_type=linear"})));
  EXPECT_EQ(linear.code, 4);
  EXPECT_THAT(linear.err, HasSubstr("encoder.attention_type softmax"));
}

TEST_F(Processes, LogsOfEachAreFilesOnRequest) {
  const auto logs = (folder_ / "logs").string();
  const auto result = run(launch("2", {"env", "--json"}, {"--log-dir", logs}));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  for (const std::string rank : {"0", "1"})
    EXPECT_THAT(read_bytes(fs::path(logs) / ("rank-" + rank + ".log")),
                HasSubstr("\"rank\": " + rank));
}

TEST_F(Processes, OneWithAnotherRecipeIsRefused) {
  auto all = start(2, train("run"), {{1, {"--set", "train.optimizer.lr=0.5"}}});
  for (auto& one : all) {
    EXPECT_EQ(one.wait(60), 4) << one.said();
    EXPECT_THAT(
        one.said(),
        HasSubstr("does not train the same: train.optimizer.lr is 0.5, and 0.01 of rank 0"));
  }
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Processes, OneWithOtherDataIsRefused) {
  const fs::path other = folder_ / "other";
  fs::create_directory(other);
  write_idx(other / "train", 150, 5000);
  auto all = start(2, train("run"), {{1, {"--set", "data.train=" + (other / "train").string()}}});
  for (auto& one : all) {
    EXPECT_EQ(one.wait(60), 4) << one.said();
    EXPECT_THAT(one.said(), HasSubstr("does not train the same: "));
  }
}

TEST_F(Processes, LaunchReturnsTheCauseAndNotWhatItBroughtAbout) {
  fs::create_directory(out());
  write_bytes(out() / "other.txt", "of somebody else");
  for (int i = 0; i < 3; ++i) {
    const auto result = run(launch("3", train("run"), {"--restarts", "1"}));
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("holds 'other.txt' and no run"));
    EXPECT_THAT(result.err, Not(HasSubstr("begin anew")));
  }
}

TEST_F(Processes, LaunchIgnoresWhatItWasStartedToIgnore) {
  Started all(launch("2", train("run", {"--set", "train.epochs=2000"})), {}, folder_ / "said",
              SIGHUP);
  wait_for_step("run", 5);
  all.send(SIGHUP);
  wait_for_step("run", log().back()["step"].get<int64_t>() + 5);
  all.send(SIGTERM);
  EXPECT_EQ(all.wait(60), 128 + SIGTERM) << all.said();
  EXPECT_THAT(all.said(), HasSubstr("go on by the same launcher, which calls: "));
}

TEST_F(Processes, LaunchSeesItsCopiesEndWhereTheirEndsWereIgnored) {
  Started all(launch("2", {"env"}), {}, folder_ / "said", SIGCHLD);
  EXPECT_EQ(all.wait(60), 0);
}

TEST_F(Processes, ASignalStopsAllWithACheckpoint) {
  Started all(launch("2", train("run", {"--set", "train.epochs=2000"})), {}, folder_ / "said");
  wait_for_step("run", 5);
  all.send(SIGTERM);
  EXPECT_EQ(all.wait(60), 128 + SIGTERM) << all.said();
  EXPECT_THAT(all.said(), HasSubstr("go on by the same launcher, which calls: "));
  const auto last = log().back()["step"].get<int64_t>();
  EXPECT_TRUE(
      fs::exists(out() / ("last-0000" + std::string(last < 1000 ? "0" : "") +
                          (last < 100 ? "0" : "") + (last < 10 ? "0" : "") + std::to_string(last))))
      << last;
}

}  // namespace
}  // namespace heed::test
