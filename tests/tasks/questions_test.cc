// What is explained of every cell's answer: a number with gradients to the tokens' vectors.
#include <gmock/gmock.h>
#include <torch/autograd.h>

#include "heed/nn/probe.h"
#include "heed/tasks/predictor.h"
#include "tasks/cell_runs.h"
#include "tasks/small_cells.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Vectors of tokens with gradients, as copies of an example have them.
class SeenVectors : public nn::Probe {
 public:
  at::Tensor embedded(const at::Tensor& x) override {
    vectors.push_back(x.detach().requires_grad_(true));
    return vectors.back();
  }
  std::vector<at::Tensor> vectors;
};

class Questions : public test::CellRuns, public testing::WithParamInterface<std::string> {
 protected:
  Predictor predictor() {
    auto recipe = Recipe::read(
        RecipeFile::parse(test::small_cell(GetParam(), folder_.path()), "recipe.toml"));
    auto options = recipe.train;
    options.max_steps = 1;
    first_ = recipe.data.train.front();
    const auto task = make_task(std::move(recipe));
    train(*task, {.options = options, .folder = folder_ / "run"});
    return Predictor::load(folder_ / "run");
  }
  std::string first_;
};

TEST_P(Questions, AreAnsweredAlikeByCopiesAndHaveGradients) {
  auto model = predictor();
  const auto example = model.stream({first_})->next(1);
  ASSERT_TRUE(example);
  const auto& kind = model.recipe().heads.front().kind;
  if (kind == "anomaly" || kind == "masked") {
    EXPECT_THROW(model.ask(example), Error);
    return;
  }
  const auto question = model.ask(example);
  EXPECT_FALSE(question.aim.empty());
  EXPECT_EQ(question.head, kind);
  const SeenVectors seen;
  const auto answer = question.ask(3);
  ASSERT_EQ(answer.value.sizes(), at::IntArrayRef({3}));
  EXPECT_TRUE(answer.value.isfinite().all().item<bool>()) << answer.value;
  EXPECT_TRUE(at::allclose(answer.value, answer.value[0].expand({3}), 1e-5, 1e-6)) << answer.value;
  EXPECT_EQ(answer.share.defined(), !question.share.empty());
  if (answer.share.defined()) {
    EXPECT_GE(answer.share.min().item<double>(), -1 - 1e-6);
    EXPECT_LE(answer.share.max().item<double>(), 1 + 1e-6);
  }
  if (seen.vectors.empty()) return;  // story networks show none
  const auto gradients =
      torch::autograd::grad({answer.value.sum()}, seen.vectors, {}, false, false, true);
  double largest = 0;
  for (const auto& gradient : gradients)
    if (gradient.defined()) largest = std::max(largest, gradient.abs().max().item<double>());
  EXPECT_GT(largest, 0);
}

TEST_P(Questions, RefuseATargetThatThereIsNot) {
  auto model = predictor();
  const auto example = model.stream({first_})->next(1);
  const auto& kind = model.recipe().heads.front().kind;
  if (kind == "text" || kind == "anomaly" || kind == "masked") return;  // a text may be any
  EXPECT_THROW(model.ask(example, {.target = "no such thing"}), UsageError);
  EXPECT_THROW(model.ask(example, {.first = 1, .last = 1}), UsageError);
  EXPECT_THROW(model.ask(example, {}, "no such head"), UsageError);
}

/// Pieces of a text lie where they stand in it, in characters, whatever the tokenizer calls them.
class Places : public Questions {};
TEST_P(Places, OfPiecesAreThoseOfTheirLetters) {
  auto model = predictor();
  const std::string text = "a1 \u00e4pfel \u4e2d\u6587 and1";
  const auto question = model.ask(model.find(text));
  ASSERT_EQ(question.shown.text, text);
  int64_t last = 0, placed = 0;
  for (const auto& token : question.shown.tokens) {
    if (token.special) {
      EXPECT_EQ(token.begin, -1);
      continue;
    }
    EXPECT_GE(token.begin, last) << token.text;
    EXPECT_GT(token.end, token.begin) << token.text;
    EXPECT_LE(token.end, 16) << token.text;  // characters; its bytes are 21
    last = token.begin, ++placed;
  }
  EXPECT_GT(placed, 0);
}
INSTANTIATE_TEST_SUITE_P(OfTexts, Places, testing::Values("class", "labels", "translation"),
                         [](const auto& name) { return name.param; });

INSTANTIATE_TEST_SUITE_P(OfEveryCell, Questions, testing::ValuesIn(test::small_cell_names()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace heed
