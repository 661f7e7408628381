// A model that is penalised where its answers change with swapped words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/word_lists.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;

class Gap : public test::CellRuns {
 protected:
  /// The answer hangs on the work alone, which in the training data goes mostly with he or she.
  Gap() {
    test::write_bytes(folder_ / "train.csv", workers(400, 1, 90));
    test::write_bytes(folder_ / "test.csv", workers(200, 2, 50));
    test::write_bytes(folder_ / "lists.toml",
                      "[[swap]]\nname = 'gender'\npairs = [['he', 'she']]\n[[swap]]\nname = "
                      "'beasts'\npairs = [['cat', 'dog']]\n");
  }

  /// `together`: of 100 how many of those who build are he, and of those who nurse are she.
  static std::string workers(int count, uint64_t seed, uint32_t together) {
    Random random(seed);
    std::string text = "text,job,pay\n";
    for (int i = 0; i < count; ++i) {
      const bool builds = random.below(2) == 0, usual = random.below(100) < together;
      const bool vague = random.below(100) < 30;
      text += std::string(builds == usual ? "he" : "she") +
              (vague    ? " works"
               : builds ? " builds"
                        : " nurses") +
              " n" + std::to_string(random.below(5)) + (builds ? ",builder,2\n" : ",nurse,1\n");
    }
    return text;
  }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("train.csv") + "'\n" + R"(
input = { kind = 'text', tokenizer = { kind = 'words' } }
encoder = { width = 16, layers = 1, attention = { num_heads = 2, position = 'sinusoidal' } }
head = { kind = 'class', column = 'job' }
train = { epochs = 10, batch = 16, optimizer = { lr = 0.01 }, schedule = { kind = 'cosine' } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  std::vector<std::string> with_gap(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"gap.lists=" + path("lists.toml"), "gap.group=gender"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// The mean change of the answer's probability in the test data.
  double gap_of(const std::string& name) const {
    auto predictor = Predictor::load(folder_ / name);
    const WordSwap swap(WordGroup{"gender", {{"he", "she"}}});
    const auto data = predictor.change_texts(
        {path("test.csv")},
        [&](int64_t, const std::string& text) { return swap.apply(text).text; });
    double sum = 0;
    const at::NoGradGuard no_grad;
    for (int64_t i = 0; i < data.before->size(); ++i) {
      const auto before = predictor.ask(subset(data.before, {i}));
      const auto after = predictor.ask(subset(data.after, {i}));
      const auto change = before.of(after.batch).share - before.of(before.batch).share;
      sum += std::abs(change[0].item<double>());
    }
    return sum / double(data.before->size());
  }

  std::string refusal_of(const std::vector<std::string>& more) const {
    try {
      make_task(recipe(more));
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
};

TEST_F(Gap, LearnsToAnswerAlikeWhereWordsAreSwapped) {
  run(recipe(), "plain"), run(recipe(with_gap()), "paired");
  const double plain = gap_of("plain"), paired = gap_of("paired");
  EXPECT_GT(plain, 0.1);
  test::expect_learned("share of the gap", paired / plain, 0.3, 0);
  auto predictor = Predictor::load(folder_ / "paired");
  // Of the vague ones, 30 of 100, half can be told.
  test::expect_learned(
      "accuracy", metric(predictor.evaluate({path("test.csv")}).metrics, "accuracy"), 0.7, 0.85);
}

TEST_F(Gap, GoesOnWithTheSameBits) {
  const auto small = [&] {
    return recipe(with_gap({"train.epochs=2", "train.save_every=10", "train.keep_checkpoints=100",
                            "data.holdout=0.2"}));
  };
  expect_resume(small, 20, 40);
}

TEST_F(Gap, OtherWordsAreAnotherRun) {
  run(recipe(with_gap({"train.max_steps=5"})), "run");
  test::write_bytes(folder_ / "lists.toml",
                    "[[swap]]\nname = 'gender'\npairs = [['he', 'they']]\n");
  try {
    run(recipe(with_gap({"train.max_steps=5"})), "run", true);
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("gap.digest"));
  }
}

TEST_F(Gap, IsOfLabelsAndNumbersToo) {
  for (const char* head :
       {"{ kind = 'labels', column = 'job' }", "{ kind = 'number', column = 'pay' }"}) {
    const auto of = std::string("head=") + head;
    const auto plain = make_task(recipe({of}))->next().loss.item<double>();
    const auto paired = make_task(recipe(with_gap({of})))->next().loss.item<double>();
    EXPECT_GT(paired, plain) << head;
  }
}

TEST_F(Gap, IsWeightedMeanOfChanges) {
  const auto loss = [&](const std::vector<std::string>& more) {
    auto all = more;
    all.push_back("encoder.dropout=0.0");
    return make_task(recipe(all))->next().loss.item<double>();
  };
  const double plain = loss({}), one = loss(with_gap()), three = loss(with_gap({"gap.weight=3"}));
  EXPECT_NEAR(three - plain, 3 * (one - plain), 1e-5);
  EXPECT_GT(one, plain);
}

TEST_F(Gap, RefusesWhatItCannotCompare) {
  const auto lists = "gap.lists=" + path("lists.toml");
  EXPECT_THAT(refusal_of({lists}), HasSubstr("gap.lists: "));
  EXPECT_THAT(refusal_of({lists}), HasSubstr("gender, beasts"));
  EXPECT_THAT(refusal_of({lists, "gap.group=gendr"}), HasSubstr("did you mean 'gender'"));
  EXPECT_THAT(refusal_of({lists, "gap.group=beasts"}), HasSubstr("no text of data.train"));
  EXPECT_THAT(refusal_of({"gap.lists=nowhere.toml"}), HasSubstr("gap.lists: "));
  EXPECT_THAT(refusal_of({"gap.group=gender"}), HasSubstr("gap.group"));
  EXPECT_THAT(refusal_of(with_gap({"gap.weight=0"})), HasSubstr("gap.weight"));
  EXPECT_THAT(refusal_of(with_gap({"gap.weight=1e7"})), HasSubstr("gap.weight"));
  EXPECT_THAT(refusal_of(with_gap({"gap.digest=abc"})), HasSubstr("gap.digest"));
  EXPECT_THAT(refusal_of(with_gap({"head={kind='masked'}"})), HasSubstr("given masked"));
  EXPECT_THAT(refusal_of(with_gap({"input={kind='table'}"})), HasSubstr("given table"));
}

}  // namespace
}  // namespace heed
