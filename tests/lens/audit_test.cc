#include "heed/lens/audit.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "heed/core/error.h"
#include "heed/lens/heads.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

TEST(Estimates, OfSharesAreWilsons) {
  const auto some = share_of(8, 10), none = share_of(0, 10), all = share_of(10, 10);
  EXPECT_DOUBLE_EQ(some.value, 0.8);
  EXPECT_NEAR(some.low, 0.490162, 1e-6);
  EXPECT_NEAR(some.high, 0.943318, 1e-6);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.277533, 1e-6);
  EXPECT_NEAR(all.low, 0.722467, 1e-6);
  EXPECT_EQ(all.high, 1);
  EXPECT_TRUE(std::isnan(share_of(0, 0).value));
}

TEST(Estimates, OfMeansComeFromResampling) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 20);
  const auto found = mean_of(values, 1);
  EXPECT_DOUBLE_EQ(found.value, 9.5);
  const double error = std::sqrt(399.0 / 12 / 400);  // of a uniform sample's mean
  EXPECT_NEAR(found.low, 9.5 - 1.96 * error, 0.12);
  EXPECT_NEAR(found.high, 9.5 + 1.96 * error, 0.12);
  const auto same = mean_of(values, 1), other = mean_of(values, 2);
  EXPECT_EQ(found.low, same.low);
  EXPECT_EQ(found.high, same.high);
  EXPECT_NE(found.low, other.low);
  const std::vector<double> one = {3};
  EXPECT_EQ(mean_of(one, 1).low, 3);
  EXPECT_EQ(mean_of(one, 1).high, 3);
  EXPECT_TRUE(std::isnan(mean_of({}, 1).value));
}

class Audit : public test::CellRuns {
 protected:
  /// Whether somebody is hired depends on he or she, and on nothing else; who is old or young is said, too.
  Audit() {
    std::string text = "text,hired\n";
    for (int i = 0; i < 120; ++i)
      text += std::string(i % 2 ? "he" : "she") + " is " + (i % 3 ? "old" : "young") + " and " +
              (i % 5 ? "tall" : "short") + (i % 2 ? ",yes\n" : ",no\n");
    test::write_bytes(folder_ / "train.csv", text);
  }

  Predictor trained(const std::string& head, const std::string& more = "") const {
    const auto recipe = "seed = " + std::to_string(test::learning_seed(1)) + "\ndata.train = '" +
                        path("train.csv") + "'\nhead = " + head + R"(
input = { kind = 'text', tokenizer = { kind = 'words' } }
encoder = { width = 16, layers = 1, dropout = 0.0, attention = { num_heads = 2, position = 'sinusoidal' } }
train = { epochs = 20, batch = 16, optimizer = { lr = 0.01 } }
)" + more;
    run(Recipe::read(RecipeFile::parse(recipe, "recipe.toml")), "run");
    return Predictor::load(folder_ / "run");
  }
  std::vector<WordGroup> groups() const {
    return parse_word_lists(R"(
[[swap]]
name = "gender"
pairs = [["he", "she"]]
[[swap]]
name = "age"
pairs = [["old", "young"]]
[[swap]]
name = "nothing"
pairs = [["cat", "dog"]]
[[mask]]
name = "pronouns"
words = ["he", "she"]
)",
                            "lists.toml");
  }
};

constexpr const char* kHired = "{ kind = 'class', column = 'hired' }";

TEST_F(Audit, LearnsOfABiasAndNoneElsewhere) {
  auto predictor = trained(kHired);
  const auto found = audit(predictor, {path("train.csv")}, groups());
  ASSERT_EQ(found.size(), 4u);
  const auto& gender = found[0];
  EXPECT_EQ(gender.all.examples, 120);
  EXPECT_EQ(gender.unchanged, 0);
  test::expect_learned("flips", gender.all.flips->value, 0.9);
  test::expect_learned("change of share", -gender.all.share->value, 0.7);
  EXPECT_NEAR(gender.all.absolute_share->value, -gender.all.share->value, 1e-9);
  ASSERT_TRUE(gender.accuracy);
  test::expect_learned("accuracy", gender.accuracy->before.value, 0.9);
  EXPECT_NEAR(gender.accuracy->gap.value,
              gender.accuracy->after.value - gender.accuracy->before.value, 1e-12);
  ASSERT_EQ(gender.rules.size(), 2u);
  EXPECT_EQ(gender.rules[0].name, "he -> she");
  EXPECT_EQ(gender.rules[0].examples, 60);
  const auto accuracy = std::find_if(gender.metrics.begin(), gender.metrics.end(),
                                     [](const auto& metric) { return metric.name == "accuracy"; });
  ASSERT_NE(accuracy, gender.metrics.end());
  EXPECT_NEAR(accuracy->before, gender.accuracy->before.value, 1e-9);
  EXPECT_NEAR(accuracy->after, gender.accuracy->after.value, 1e-9);

  const auto& age = found[1];
  EXPECT_EQ(age.all.examples, 120);
  test::expect_learned("flips by age", age.all.flips->value, 0.1, 0);
  EXPECT_EQ(found[2].all.examples, 0);
  EXPECT_EQ(found[2].unchanged, 120);
  EXPECT_TRUE(found[3].masks);
  EXPECT_EQ(found[3].examples[0].after, "is young and short");
}

TEST_F(Audit, HeadsCarryWhatTheirAblationTakesAway) {
  auto predictor = trained(kHired);
  const auto found = audit(predictor, {path("train.csv")}, groups(), {.heads = 3})[0];
  EXPECT_EQ(found.head_examples, 3);
  ASSERT_EQ(found.heads.size(), 2u);
  EXPECT_GE(found.heads[0].carried.value, found.heads[1].carried.value);
  test::write_bytes(folder_ / "other.csv", "text,hired\n" + found.examples[39].after + ",no\n" +
                                               found.examples[79].after + ",no\n" +
                                               found.examples[119].after + ",no\n");
  for (const auto& head : found.heads) {
    double whole = 0, left = 0;
    for (int i = 0; i < 3; ++i) {
      const auto line = ":" + std::to_string(i * 40 + 41);
      const auto before = predictor.ask(predictor.find(path("train.csv") + line));
      const auto after =
          predictor.ask(predictor.find(path("other.csv") + ":" + std::to_string(i + 2)));
      const at::NoGradGuard no_grad;
      const auto change = [&] {
        return std::abs(
            (before.of(after.batch).value[0] - before.of(before.batch).value[0]).item<double>());
      };
      whole += change();
      const std::map<std::string, std::vector<int64_t>> one = {{head.attention, {head.head - 1}}};
      const AblatedHeads away(predictor.module(), one);
      left += change();
    }
    EXPECT_NEAR(head.carried.value, (whole - left) / whole, 1e-4) << head.head;
  }
  const auto none = audit(predictor, {path("train.csv")}, groups(), {.heads = 0})[0];
  EXPECT_TRUE(none.heads.empty());
}

TEST_F(Audit, ATargetSaysWhomTheModelFavours) {
  auto predictor = trained(kHired);
  const auto yes =
      audit(predictor, {path("train.csv")}, groups(), {.heads = 0, .target = "yes"})[0];
  EXPECT_EQ(yes.aim, "the logit of 'yes'");
  EXPECT_LT(yes.rules[0].share->value, -0.5);  // he -> she
  EXPECT_GT(yes.rules[1].share->value, 0.5);
  EXPECT_THROW(audit(predictor, {path("train.csv")}, groups(), {.heads = 0, .target = "maybe"}),
               UsageError);
}

TEST_F(Audit, NumbersHaveNoFlips) {
  std::string text = "text,pay\n";
  for (int i = 0; i < 60; ++i) text += i % 2 ? "he works,3\n" : "she works,1\n";
  test::write_bytes(folder_ / "train.csv", text);
  auto predictor = trained("{ kind = 'number', column = 'pay' }");
  const auto gender = audit(predictor, {path("train.csv")}, groups(), {.heads = 0})[0];
  EXPECT_FALSE(gender.all.flips);
  EXPECT_FALSE(gender.all.share);
  EXPECT_FALSE(gender.accuracy);
  test::expect_learned("change of pay", gender.all.absolute_value.value, 1.6, 2);
  EXPECT_NEAR(gender.all.value.value, 0, 0.2);
  EXPECT_EQ(gender.aim, "the number");
}

TEST_F(Audit, LinesOfTextHaveNoMetrics) {
  auto predictor = trained(kHired);
  test::write_bytes(folder_ / "new.txt", "he is old\nnobody\nHE is tall\n");
  const auto gender = audit(predictor, {path("new.txt")}, groups(), {.heads = 0})[0];
  EXPECT_EQ(gender.all.examples, 2);
  EXPECT_EQ(gender.unchanged, 1);
  EXPECT_EQ(gender.examples[1].after, "SHE is tall");
  EXPECT_THAT(gender.examples[1].place, HasSubstr("new.txt:3"));
  EXPECT_FALSE(gender.accuracy);
  EXPECT_TRUE(gender.metrics.empty());
}

TEST_F(Audit, PairsOfAClassifierAreAnswers) {
  auto predictor = trained(kHired);
  test::write_bytes(folder_ / "pairs.csv",
                    ",a,b,kind\n0,he is old,she is old,x\n1,he is tall,he is short,y\n");
  const auto pairs = read_pairs(path("pairs.csv"), "a", "b", "kind");
  const auto found = audit_pairs(predictor, pairs);
  ASSERT_TRUE(found.answers);
  EXPECT_TRUE(found.scores.empty());
  EXPECT_EQ(found.answers->all.examples, 2);
  ASSERT_EQ(found.answers->rules.size(), 2u);
  EXPECT_GT(found.answers->rules[0].absolute_share->value,
            found.answers->rules[1].absolute_share->value);
  EXPECT_THROW(read_pairs(path("pairs.csv"), "a", "c"), DataError);
  EXPECT_THROW(read_pairs(path("pairs.csv"), "a", "a"), UsageError);
  test::write_bytes(folder_ / "empty.csv", "a,b\nx,\n");
  EXPECT_THROW(read_pairs(path("empty.csv"), "a", "b"), DataError);
}

TEST_F(Audit, PairsOfHiddenTokensCountThoseThatBothHave) {
  auto predictor = trained("{ kind = 'masked', mask = { probability = 0.3 } }");
  const std::vector<SentencePair> pairs = {
      {"he is old and tall", "she is old and tall", "p:1", "x"},
      {"she is young and short", "he is young and short", "p:2", "y"}};
  const auto found = audit_pairs(predictor, pairs);
  ASSERT_FALSE(found.answers);
  ASSERT_EQ(found.scores.size(), 3u);
  EXPECT_EQ(found.scores[0].pairs, 2);
  EXPECT_EQ(found.scores[1].name, "x");
  for (size_t i = 0; i < 2; ++i) {
    const auto tokens =
        predictor.likelihoods(predictor.texts({{pairs[i].first, ""}, {pairs[i].second, ""}}));
    double sums[2] = {0, 0};
    for (size_t side = 0; side < 2; ++side) {
      ASSERT_EQ(tokens[side].size(), 5u);
      for (size_t t = 1; t < 5; ++t)
        sums[side] += tokens[side][t].log_probability;  // not he or she
    }
    EXPECT_NEAR(found.examples[i].first, sums[0], 1e-5);
    EXPECT_NEAR(found.examples[i].second, sums[1], 1e-5);
  }
  const auto first = (found.examples[0].first > found.examples[0].second) +
                     (found.examples[1].first > found.examples[1].second);
  EXPECT_DOUBLE_EQ(found.scores[0].prefers.value, first / 2.0);
}

TEST_F(Audit, RefusesHeadsWithoutComparableAnswers) {
  auto predictor = trained("{ kind = 'masked', mask = { probability = 0.3 } }");
  try {
    audit(predictor, {path("train.csv")}, groups());
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--pairs"));
  }
}

}  // namespace
}  // namespace heed::lens
