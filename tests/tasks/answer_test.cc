// Questions about stories that the tests make: people walk about, where is one of them?
#include "heed/tasks/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/train/model_folder.h"
#include "heed/train/train.h"
#include "learning.h"
#include "tasks/precision.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kPeople[] = {"Ada", "Bob", "Eve"};
constexpr const char* kRooms[] = {"attic", "cellar", "garden", "kitchen"};

/// Two moves and a question, six times a story: the last move of a person counts.
std::string stories(int count, uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int story = 0; story < count; ++story) {
    int at[3] = {-1, -1, -1}, line = 0, person = 0;
    for (int part = 0; part < 6; ++part) {
      for (int move = 0; move < 2; ++move) {
        person = static_cast<int>(random.below(3));
        at[person] = static_cast<int>(random.below(4));
        text += std::to_string(++line) + " " + kPeople[person] + " went to the " +
                kRooms[at[person]] + ".\n";
      }
      const auto asked = random.below(3);
      if (at[asked] >= 0) person = static_cast<int>(asked);
      text += std::to_string(++line) + " Where is " + kPeople[person] + "?\t" + kRooms[at[person]] +
              "\n";
    }
  }
  return text;
}

class Answering : public testing::Test {
 protected:
  Answering() {
    write("train.txt", stories(40, 1));
    write("test.txt", stories(20, 2));
  }

  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  AnswerRecipe recipe(const std::string& more = "") const {
    return read_recipe<AnswerRecipe>(
        RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) + "\ndata.train = '" +
                              (folder_ / "train.txt").string() + "'\ndata.test = '" +
                              (folder_ / "test.txt").string() + "'\n" + R"(
data.holdout = 0.1
model = { width = 16, layers = 1 }
train = { epochs = 40, batch = 16, optimizer = { lr = 0.02 }, schedule = { kind = 'cosine' } }
)" + more,
                          "recipe.toml"));
  }
  TrainResult run(const AnswerRecipe& recipe, const std::string& name, bool resume = false) const {
    const auto task = make_task(recipe);
    return train(*task, {.options = recipe.train, .folder = folder_ / name, .resume = resume});
  }
  test::TemporaryFolder folder_;
};

TEST_F(Answering, LearnsWherePeopleAre) {
  const auto result = run(recipe(), "run");
  ASSERT_TRUE(result.test);
  EXPECT_EQ(result.test->at(0).first, "accuracy");
  test::expect_learned("accuracy", result.test->at(0).second, 0.98);
  auto answerer = Answerer::load(folder_ / "run");
  const auto set = answerer.read(data::read_stories(folder_ / "test.txt"));
  const auto score = answerer.evaluate(set);
  EXPECT_EQ(score.questions, 120);
  EXPECT_DOUBLE_EQ(score.accuracy(), result.test->at(0).second);
  EXPECT_NEAR(score.loss, result.test->at(1).second, 1e-6);
  EXPECT_TRUE(at::allclose(answerer.probabilities(set.batch({0, 1})).sum(1), at::ones({2})));
}

TEST_F(Answering, GoesOnWithTheSameBits) {
  auto small = recipe("data.entity_permutation = ['ada bob eve', 'attic cellar garden kitchen']\n");
  small.model.dropout(0.2);
  small.train.epochs = 2;
  small.train.save_every = 5;
  small.train.keep_checkpoints = 100;
  run(small, "whole");
  fs::copy(folder_ / "whole", folder_ / "part", fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(folder_ / "part")) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("last-") && name > "last-00000005") fs::remove_all(entry.path());
  }
  fs::remove_all(folder_ / "part/best");
  const auto result = run(small, "part", true);
  EXPECT_EQ(result.steps, 28);
  for (const char* file : {"best/model.safetensors", "last-00000028/state.safetensors"}) {
    EXPECT_FALSE(test::read_bytes(folder_ / "whole" / file).empty());
    EXPECT_EQ(test::read_bytes(folder_ / "whole" / file), test::read_bytes(folder_ / "part" / file))
        << file;
  }
}

TEST_F(Answering, LearnsInLowerPrecision) {
  const auto one = make_task(recipe()), other = make_task(recipe());
  test::expect_lower_precision(*one, *other);
}

TEST_F(Answering, LearnsAsWellInLowerPrecision) {
  auto lower = recipe();
  lower.train.precision = Precision::bfloat16;
  const auto result = run(lower, "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("accuracy", result.test->at(0).second, 0.95);
}

TEST_F(Answering, HoldsOutTheLastQuestionsOfTrain) {
  const auto task = make_task(recipe());
  EXPECT_EQ(task->batches(), (216 + 15) / 16);
  EXPECT_THAT(task->record_name(215), HasSubstr("train.txt:"));
  EXPECT_THROW(task->record_name(216), UsageError);
}

TEST_F(Answering, ShowsTheFirstHeldOutQuestions) {
  const auto task = make_task(recipe());
  task->model().eval();
  ASSERT_TRUE(task->validate());
  const auto samples = task->samples();
  ASSERT_EQ(samples.size(), 3);
  const auto held_out = data::read_stories(folder_ / "train.txt").questions[216];
  EXPECT_EQ(samples[0].input, held_out.place + " " + held_out.text);
  EXPECT_EQ(samples[0].expected, held_out.answer);
  EXPECT_THAT(kRooms, testing::Contains(samples[0].output));
}

TEST_F(Answering, AnswersThatTrainingLackedAreWrong) {
  const auto task = make_task(recipe());
  auto complete = recipe();
  complete.data.words = {"ada", "attic", "is", "the", "to", "went", "where"};
  complete.data.answers = {"attic"};
  Answerer answerer(complete);
  const auto score = answerer.evaluate(answerer.read(data::read_stories(folder_ / "test.txt")));
  EXPECT_EQ(score.questions, 120);
  EXPECT_EQ(score.right + score.unknown, 120);  // there is but one answer
  EXPECT_GT(score.unknown, 60);
  EXPECT_NEAR(score.loss, 0, 1e-6);
}

TEST_F(Answering, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Answerer{recipe()}, ModelError);
  EXPECT_THROW(recipe("data.valid = 'x'\n"), ModelError);
  auto wrong = recipe();
  wrong.data.answers = {"attic"};
  EXPECT_THROW(make_task(wrong), DataError);
  wrong = recipe();
  wrong.data.entity_permutation = {"ada zoe"};
  EXPECT_THROW(make_task(wrong), ModelError);
  wrong = recipe();
  wrong.data.train.clear();
  EXPECT_THROW(make_task(wrong), ModelError);
  wrong = recipe();
  wrong.model.attention(Attention::parse("num_heads=3"));
  EXPECT_THROW(make_task(wrong), ModelError);
  wrong.data.train = "/nowhere/x.txt";
  EXPECT_THROW(make_task(wrong), FileError);
}

}  // namespace
}  // namespace heed
