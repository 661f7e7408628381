// The task that trains what answers texts by texts, and its parts.
#include "heed/tasks/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "files.h"
#include "heed/core/error.h"
#include "heed/train/model_folder.h"
#include "learning.h"
#include "tasks/precision.h"
#include "tasks/translate_files.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TranslateTask : public testing::Test {
 protected:
  TranslateTask() {
    std::ofstream source(folder_ / "a"), target(folder_ / "b");
    for (int i = 0; i < 60; ++i) {
      for (int j = 0; j <= i % 7; ++j) source << "w" << (i * j) % 11 << ' ';
      source << "x\n";
      target << "y" << i % 5 << " y\n";
    }
  }

  TranslateRecipe recipe(const std::string& more = "") const {
    const std::string files =
        "[\"" + (folder_ / "a").string() + "\", \"" + (folder_ / "b").string() + "\"]";
    return read_recipe<TranslateRecipe>(
        RecipeFile::parse("seed = " + std::to_string(test::learning_seed(0)) +
                              "\ndata.train = " + files + "\ndata.valid = " + files + R"(
data.source = { kind = "words" }
data.target = { kind = "words" }
model = { encoder_layers = 1, decoder_layers = 1, width = 16, hidden = 16, dropout = 0.0, encoder_attention = { num_heads = 2 }, decoder_attention = { num_heads = 2 }, cross_attention = { num_heads = 2 } }
train.batch = 64
)" + more,
                          "recipe.toml"));
  }

  test::TemporaryFolder folder_;
};

TEST_F(TranslateTask, GoesOnFromACursorWithTheSameBatches) {
  const auto one = make_task(recipe()), other = make_task(recipe());
  for (int64_t i = 0; i < one->batches() + 2; ++i) one->next();  // into the second epoch
  other->seek(one->cursor());
  const auto a = one->next(), b = other->next();
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.count, b.count);
  EXPECT_TRUE(at::equal(a.loss, b.loss)) << "equal seeds, equal weights, equal batches";
}

TEST_F(TranslateTask, LearnsInLowerPrecision) {
  auto post = recipe(), gru = recipe(), lstm = recipe();
  post.model.transformer.norm(nn::Norm::post).activation(nn::Activation::gelu);
  for (auto* one : {&gru, &lstm}) {
    one->model.kind = "recurrent";
    one->model.recurrent.width(16).embedding(16).dropout(0);
  }
  gru.model.recurrent.cell("gru").attention_type("bahdanau");
  for (const auto& how : {recipe(), post, gru, lstm}) {
    SCOPED_TRACE(how.model.kind + " " + how.model.recurrent.cell());
    const auto one = make_task(how), other = make_task(how);
    test::expect_lower_precision(*one, *other);
  }
}

TEST_F(TranslateTask, CountsTokensWithTheirEnds) {
  const auto task = make_task(recipe());
  int64_t tokens = 0, pairs = 0;
  for (int64_t i = 0; i < task->batches(); ++i) {
    const auto batch = task->next();
    tokens += batch.count, pairs += static_cast<int64_t>(batch.records.size());
  }
  EXPECT_EQ(pairs, 60);
  EXPECT_EQ(tokens, 60 * 3);
}

TEST_F(TranslateTask, ValidationHasLossMetricsAndSamples) {
  const auto task = make_task(recipe());
  task->model().eval();
  const auto found = task->validate();
  ASSERT_TRUE(found);
  std::vector<std::string> names;
  for (const auto& [name, value] : *found) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("bleu", "chrf", "loss", "perplexity"));
  ASSERT_EQ(task->samples().size(), 3);
  EXPECT_EQ(task->samples()[1].input, "w0 w1 x");
  EXPECT_EQ(task->samples()[1].expected, "y1 y");
  EXPECT_FALSE(task->test());
}

TEST_F(TranslateTask, SummariesStandBesideTheFirstWordsOfTheirSources) {
  std::ofstream(folder_ / "long") << "a b c d\n\te  f g\nh\n";
  std::ofstream(folder_ / "short") << "a b\ng e\nh i j\n";
  auto own = recipe("metric = { kind = 'rouge', lead = 2 }");
  own.data.valid = {(folder_ / "long").string(), (folder_ / "short").string()};
  const auto task = make_task(own);
  task->model().eval();
  const auto metrics = task->validate();
  ASSERT_TRUE(metrics);
  std::map<std::string, double> found(metrics->begin(), metrics->end());
  EXPECT_DOUBLE_EQ(found.at("lead_rouge1"), (1 + 0.5 + 0.5) / 3);  // "a b", "e f", "h"
  EXPECT_DOUBLE_EQ(found.at("lead_rouge2"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(found.at("lead_rougeL"), (1 + 0.5 + 0.5) / 3);
  EXPECT_EQ(found.count("rougeL"), 1);
  EXPECT_THROW(recipe("metric = { kind = 'bleu', lead = 2 }"), ModelError);
}

TEST_F(TranslateTask, RefusesWhatCannotBe) {
  const auto refused = [&](const std::string& more, const std::string& words) {
    try {
      make_task(recipe(more));
      ADD_FAILURE() << "accepted " << more;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  refused("data.max_source_length = 3", "a:");
  refused("data.test = [\"x\"]", "data.test: expected [source, target]");
  refused("data.test = [\"x\", \"y\"]", "x");
  refused("data.format = \"tsv\"", "data.train: expected [file]");
}

TEST_F(TranslateTask, EvalMeasuresWhatTrainingMeasures) {
  // Two of four pairs are left out: one is empty, one is too long.
  std::ofstream(folder_ / "c") << "w1 x\n\nw1 w2 w3 w4 w5 w6 x\nw2 x\n";
  std::ofstream(folder_ / "d") << "y1 y\ny\ny2 y\ny3 y\n";
  auto own =
      recipe("data.max_source_length = 6\ndata.skip_too_long = true\ndata.skip_empty = true");
  const std::vector<std::string> split = {(folder_ / "c").string(), (folder_ / "d").string()};
  own.data.valid = own.data.test = split;
  const auto task = make_task(own);
  task->model().eval();
  const auto trained = *task->test();
  const Metrics facts = task->dataset_stats();
  EXPECT_THAT(facts, testing::Contains(testing::Pair("test pairs left out", 2)));

  save_model(folder_ / "model", {.recipe = to_toml(task->recipe()),
                                 .tensors = named_tensors(task->model()),
                                 .others = task->files()});
  const auto found = Translator::load(folder_ / "model").evaluate(split);
  EXPECT_EQ(found.left_out_empty, 1);
  EXPECT_EQ(found.left_out_longer, 1);
  EXPECT_EQ(found.written.size(), 2u);
  EXPECT_THAT(found.sources, testing::ElementsAre("w1 x", "w2 x"));
  EXPECT_THAT(found.targets, testing::ElementsAre("y1 y", "y3 y"));
  EXPECT_EQ(found.metrics, trained) << "to the last bit";

  // A pair that no batch of train.batch tokens can hold is refused by both.
  auto small = own;
  small.train.batch = 4;
  small.data.batches.skip_too_long = false;
  EXPECT_THROW(make_task(small), Error);
  EXPECT_THROW(recipe("data.tokens = 64"), ModelError) << "it is train.batch";
}

TEST_F(TranslateTask, SplitsOfOneFile) {
  std::ofstream(folder_ / "both.tsv") << "1\ta b\tc\n2\td\te f\n";
  const auto task = [&] {
    auto own = recipe("data.format = \"tsv\"\ndata.columns = [2, 3]");
    own.data.train = {(folder_ / "both.tsv").string()};
    own.data.valid = {};
    return make_task(own);
  }();
  EXPECT_EQ(task->next().records.size(), 2);
}

}  // namespace
}  // namespace heed
