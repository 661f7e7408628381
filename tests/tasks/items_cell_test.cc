// Histories that the tests make: everybody walks through twelve items in one circle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr int kCircle = 12;

/// Users with 5 to 9 events each; the events of a user stand apart, in wrong order.
std::string walks(int users, uint64_t seed) {
  Random random(seed);
  std::string text = "who,what,when\n";
  std::vector<std::string> lines;
  for (int user = 0; user < users; ++user) {
    const auto start = static_cast<int>(random.below(kCircle));
    const auto count = 5 + static_cast<int>(random.below(5));
    for (int i = 0; i < count; ++i)
      lines.push_back("u" + std::to_string(user) + ",item" + std::to_string((start + i) % kCircle) +
                      "," + std::to_string(i) + "\n");
  }
  for (size_t left = lines.size(); left > 1; --left)
    std::swap(lines[left - 1], lines[random.below(static_cast<uint32_t>(left))]);
  for (const auto& line : lines) text += line;
  return text;
}

class Ranking : public test::CellRuns {
 protected:
  Ranking() { write("events.csv", walks(60, 1)); }

  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("events.csv") + "'\n" + R"(
input = { kind = 'items', user = 'who', item = 'what', time = 'when', max_length = 6 }
encoder = { width = 16, layers = 1, dropout = 0 }
head = { kind = 'ranking', k = 1 }
train = { epochs = 30, batch = 16, optimizer = { lr = 0.01 }, schedule = { kind = 'cosine' } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  template <class Failure, class Use>
  static void refuses(const std::vector<std::string>& texts, Use&& use) {
    try {
      use();
      ADD_FAILURE() << "expected an error with " << texts.front();
    } catch (const Failure& error) {
      for (const auto& text : texts) EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
};

TEST_F(Ranking, LearnsWhatComesNext) {
  const auto result = run(recipe(), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("hr@1", metric(*result.test, "hr@1"), 0.9);
  EXPECT_LT(metric(*result.test, "baseline_hr@1"), 0.5);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_EQ(found.examples, 60);
  EXPECT_DOUBLE_EQ(metric(found.metrics, "mrr"), metric(*result.test, "mrr"));
  EXPECT_DOUBLE_EQ(metric(found.metrics, "loss"), metric(*result.test, "loss"));
  EXPECT_EQ(found.outputs.size(), 60u);
}

TEST_F(Ranking, AnswersLinesAndEventsWithoutWhatWasSeen) {
  run(recipe(), "run");
  write("new.csv", "who,what,when\nx,item4,2\nx,item3,1\ny,item8,1\n");
  write("new.txt", "item3 item4\n  item8\t\n");
  auto predictor = Predictor::load(folder_ / "run");
  AnswerOptions all;
  all.top = 100;
  predictor.answer_by(all);
  std::vector<std::string> answers[2];
  for (const size_t i : {0, 1}) {
    const auto stream = predictor.stream({path(i == 0 ? "new.csv" : "new.txt")});
    const auto users = stream->next(10);
    ASSERT_EQ(users->size(), 2);
    EXPECT_EQ(users->show(0).text, "item3 item4");
    for (const auto& answer : predictor.predict(users)) answers[i].push_back(answer[0].text);
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_TRUE(answers[0][0].starts_with("item5\t")) << answers[0][0];
  EXPECT_TRUE(answers[0][1].starts_with("item9\t")) << answers[0][1];
  EXPECT_EQ(std::count(answers[0][0].begin(), answers[0][0].end(), '\t'), kCircle - 3);
  EXPECT_THAT(answers[0][0], testing::Not(HasSubstr("item3")));
}

TEST_F(Ranking, ReadsFilesAsTheFormatSays) {
  run(recipe({"data.format='csv'", "train.epochs=1"}), "run");
  write("new.txt", "who,what,when\nx,item4,2\ny,item8,1\nx,item3,1\n");
  auto predictor = Predictor::load(folder_ / "run");
  const auto users = predictor.stream({path("new.txt")})->next(10);
  ASSERT_EQ(users->size(), 2);
  EXPECT_EQ(users->show(0).text, "item3 item4");
  EXPECT_EQ(predictor.find(path("new.txt") + ":4")->show(0).text, "item3 item4");
  EXPECT_EQ(predictor.find(path("new.txt") + ":3")->show(0).text, "item8");
  EXPECT_EQ(predictor.find("item1 item2")->show(0).text, "item1 item2");
}

TEST_F(Ranking, GoesOnWithTheSameBits) {
  const auto small = [&] {
    return recipe({"head.loss='sampled_softmax'", "head.sampler.negatives=4", "encoder.dropout=0.2",
                   "train.epochs=4", "train.save_every=5", "train.keep_checkpoints=100"});
  };
  expect_resume(small, 5, 16);
}

TEST_F(Ranking, AllItemsAsNegativesAreTheSoftmax) {
  const auto whole = make_task(recipe());
  const auto sampled =
      make_task(recipe({"head.loss='sampled_softmax'", "head.sampler.negatives=12"}));
  const auto a = whole->next(), b = sampled->next();
  EXPECT_EQ(a.count, b.count);
  EXPECT_NEAR(a.loss.item<double>(), b.loss.item<double>(), 1e-5);
}

TEST_F(Ranking, PartsAUsersEvents) {
  // a: 4 events; b: 3, of which nothing is learned; c: 2, for training alone; d: 1.
  write("events.csv",
        "who,what,when\na,p,1\na,q,2\na,p,3\na,r,4\nb,p,1\nb,q,2\nb,s,3\nc,q,1\nc,p,2\nd,p,1\n");
  const auto task = make_task(recipe());
  const auto stats = task->dataset_stats();
  EXPECT_EQ(metric(stats, "train examples"), 2);
  EXPECT_EQ(metric(stats, "train events"), 6);  // two of a and c, one of b and d
  EXPECT_EQ(metric(stats, "train users without an item to predict, the first 'b'"), 2);
  EXPECT_EQ(metric(stats, "valid examples"), 2);
  EXPECT_EQ(metric(stats, "valid targets that stand in their own history"), 1);  // p of a
  EXPECT_EQ(metric(stats, "test targets that are in no training history"), 2);   // r and s
  task->model().eval();
  // Learned of: p 2, q 2, r 0, s 0. A target's equals stand before it, what was seen does not count:
  // r of a has p and q seen, so s alone beside it; s of b likewise.
  const auto test = *task->test();
  EXPECT_DOUBLE_EQ(metric(test, "baseline_mrr"), 0.5);
  EXPECT_DOUBLE_EQ(metric(test, "baseline_hr@1"), 0);
}

TEST_F(Ranking, RefusesItemsThatTrainingDoesNotKnow) {
  run(recipe({"train.epochs=1"}), "run");
  write("new.txt", "item3 item4\nitem3 itme4 other\n");
  auto predictor = Predictor::load(folder_ / "run");
  refuses<DataError>({"new.txt:2", "'itme4'", "did you mean 'item4'"},
                     [&] { predictor.stream({path("new.txt")})->next(10); });
  auto lenient = Predictor::load(folder_ / "run", {"input.unseen='leave_out'"});
  const auto users = lenient.stream({path("new.txt")})->next(10);
  EXPECT_EQ(users->show(1).text, "item3");
  write("new.txt", "other\n");
  refuses<DataError>({"new.txt:1", "given none that training knows"},
                     [&] { lenient.stream({path("new.txt")})->next(10); });
}

TEST_F(Ranking, RefusesWhatDoesNotFit) {
  refuses<ModelError>({"data.valid", "takes valid and test from data.train"},
                      [&] { recipe({"data.valid='events.csv'"}); });
  refuses<ModelError>({"encoder.max_positions", "max_length = 6", "given 5"},
                      [&] { make_task(recipe({"encoder.max_positions=5"})); });
  refuses<ModelError>({"head.sampler.distribution", "popularity"}, [&] {
    make_task(recipe({"head.loss='gbce'", "head.sampler.distribution='popularity'",
                      "head.sampler.negatives=4"}));
  });
  refuses<ModelError>({"train.label_smoothing"}, [&] {
    make_task(
        recipe({"head.loss='gbce'", "head.sampler.negatives=4", "train.label_smoothing=0.1"}));
  });
  write("events.csv", "who,what,when\na,p,1\n,q,2\n");
  refuses<DataError>({"events.csv:3", "'who' is empty"}, [&] { make_task(recipe()); });
  write("events.csv", "who,what,when\na,p,1\nb,q,2\n");
  refuses<DataError>({"events.csv", "at least 2 events of one user"}, [&] { make_task(recipe()); });
}

}  // namespace
}  // namespace heed
