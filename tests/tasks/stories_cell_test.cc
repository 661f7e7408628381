// Questions about stories that the tests make: people walk about, where is one of them?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/data/stories.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/cell_runs.h"
#include "tasks/precision.h"

namespace heed {
namespace {

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

class Answering : public test::CellRuns {
 protected:
  Answering() {
    write("train.txt", stories(40, 1));
    write("test.txt", stories(20, 2));
  }

  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("train.txt") + "'\ndata.test = '" +
                                      path("test.txt") + "'\n" + R"(
data.holdout = 0.1
input = { kind = 'stories' }
encoder = { width = 16, layers = 1 }
head = { kind = 'class', column = 'answer', init = 'xavier', unseen = 'wrong' }
train = { epochs = 40, batch = 16, optimizer = { lr = 0.02 }, schedule = { kind = 'cosine' } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
};

TEST_F(Answering, LearnsWherePeopleAre) {
  const auto result = run(recipe(), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("accuracy", metric(*result.test, "accuracy"), 0.98);
  EXPECT_LT(metric(*result.test, "baseline_accuracy"), 0.5);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_EQ(found.examples, 120);
  EXPECT_DOUBLE_EQ(metric(found.metrics, "accuracy"), metric(*result.test, "accuracy"));
  EXPECT_DOUBLE_EQ(metric(found.metrics, "loss"), metric(*result.test, "loss"));
  const auto stream = predictor.stream({path("test.txt")});
  const auto questions = stream->next(3);
  ASSERT_EQ(questions->size(), 3);
  const auto answers = predictor.predict(questions);
  EXPECT_EQ(answers[0].size(), 1u);
  EXPECT_THAT(answers[0][0].json, HasSubstr("\"probability\""));
}

TEST_F(Answering, GoesOnWithTheSameBits) {
  const auto small = [&] {
    return recipe({"input.entity_permutation=['ada bob eve', 'attic cellar garden kitchen']",
                   "encoder.dropout=0.2", "train.epochs=2", "train.save_every=5",
                   "train.keep_checkpoints=100"});
  };
  expect_resume(small, 5, 28);
}

TEST_F(Answering, LearnsInLowerPrecision) {
  const auto one = make_task(recipe()), other = make_task(recipe());
  test::expect_lower_precision(*one, *other);
}

TEST_F(Answering, LearnsAsWellInLowerPrecision) {
  const auto result = run(recipe({"train.precision=bfloat16"}), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("accuracy", metric(*result.test, "accuracy"), 0.95);
}

TEST_F(Answering, HoldsOutTheLastQuestionsOfTrain) {
  const auto task = make_task(recipe());
  EXPECT_EQ(task->batches(), (216 + 15) / 16);
  EXPECT_THAT(task->record_name(215), HasSubstr("train.txt:"));
}

TEST_F(Answering, ShowsTheFirstHeldOutQuestions) {
  const auto task = make_task(recipe());
  task->model().eval();
  ASSERT_TRUE(task->validate());
  const auto samples = task->samples();
  ASSERT_EQ(samples.size(), 3u);
  const auto held_out = data::read_stories(folder_ / "train.txt").questions[216];
  EXPECT_EQ(samples[0].input, held_out.text);
  EXPECT_EQ(samples[0].expected, held_out.answer);
}

TEST_F(Answering, AnswersThatTrainingLackedAreWrongOrRefused) {
  write("test.txt", "1 Ada went to the moon.\n2 Where is Ada?\tmoon\n");
  const auto task = make_task(recipe());
  task->model().eval();
  const auto metrics = task->test();
  EXPECT_EQ(metric(*metrics, "accuracy"), 0);
  EXPECT_EQ(metric(*metrics, "unseen"), 1);
  try {
    make_task(recipe({"head.unseen=refuse"}));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("test.txt:2"));
    EXPECT_THAT(error.what(), HasSubstr("'moon'"));
  }
}

TEST_F(Answering, RefusesWhatDoesNotFit) {
  EXPECT_THROW(recipe({"data.valid=x"}), ModelError);
  EXPECT_THROW(recipe({"input.kind=storys"}), ModelError);
  EXPECT_THROW(make_task(recipe({"input.entity_permutation=['ada zoe']"})), ModelError);
  EXPECT_THROW(make_task(recipe({"data.train=[]"})), ModelError);
  EXPECT_THROW(make_task(recipe({"encoder.attention.num_heads=3"})), ModelError);
  EXPECT_THROW(make_task(recipe({"encoder.kind=image"})), ModelError);
  EXPECT_THROW(make_task(recipe({"data.train=/nowhere/x.txt"})), FileError);
  EXPECT_THROW(make_task(recipe({"head.column=colour"})), DataError);
}

}  // namespace
}  // namespace heed
