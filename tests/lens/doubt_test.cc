#include "heed/lens/doubt.h"

#include <gmock/gmock.h>

#include <cmath>

#include "explained_models.h"
#include "heed/core/error.h"

namespace heed::lens {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

/// The answer is what tokens' vectors say, token by token: 2 of the third, 1 of the fifth, nothing else. All parts of a
/// share are known.
struct Additive {
  explicit Additive(double interaction = 0) {
    torch::manual_seed(1);
    model = std::make_shared<torch::nn::Module>();
    table = model->register_parameter(
        "table", at::tensor({0.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0}, at::kDouble));
    question.aim = question.share = "the sum";
    question.model = model.get();
    question.batch = {{{"tokens", at::arange(10).unsqueeze(0)}}, at::zeros({1}, at::kLong)};
    test::name_words(question, 10);
    question.of = [this, interaction](const Batch& batch) {
      auto x = table.index_select(0, batch.at("tokens").flatten()).view({batch.size(), 10, 1});
      x = nn::Probe::active() ? nn::Probe::active()->embedded(x) : x;
      const auto sum =
          x.squeeze(2).sum(1) + interaction * x.select(1, 2).squeeze(1) * x.select(1, 4).squeeze(1);
      return Aimed{sum, sum};
    };
  }
  std::shared_ptr<torch::nn::Module> model;
  at::Tensor table;
  Question question;
};

Attribution with_values(const Question& question, std::vector<double> values) {
  Attribution found{Method::input_gradient, question.aim, true, question.shown.tokens,
                    at::tensor(values, at::kDouble)};
  found.gap = 0;
  return found;
}

TEST(Doubt, OfARightOrderIsItsShares) {
  const Additive additive;
  const ExplainOptions options{.method = Method::input_gradient};
  const auto found = explain(additive.question, options);
  const auto doubt = lens::doubt(additive.question, options, found);
  EXPECT_EQ(doubt.parts, 10);
  EXPECT_EQ(doubt.whole, 3);
  EXPECT_EQ(doubt.empty, 0);
  // The first 1, 1, 2 and 5 of 10 words: 2/3, 2/3, 1 and 1 of the effect.
  EXPECT_NEAR(doubt.own.comprehensiveness, (2.0 / 3 + 2.0 / 3 + 1 + 1) / 4, 1e-12);
  EXPECT_NEAR(doubt.own.sufficiency, (2.0 / 3 + 2.0 / 3 + 1 + 1) / 4, 1e-12);
  EXPECT_LT(doubt.random.comprehensiveness, 0.4);
  EXPECT_LE(doubt.p_value.comprehensiveness, 0.05);
  EXPECT_TRUE(std::isnan(doubt.weights.comprehensiveness));  // it has no attention
  EXPECT_THAT(doubt.failures, testing::IsEmpty());
  EXPECT_THAT(doubt.verdict, StartsWith("passes"));
}

TEST(Doubt, OfAWrongOrderSaysSo) {
  const Additive additive;
  const ExplainOptions options{.method = Method::input_gradient};
  const auto found = with_values(additive.question, {5, 4, -9, 3, -8, 2, 1, 1, 1, 1});
  const auto doubt = lens::doubt(additive.question, options, found);
  EXPECT_EQ(doubt.own.comprehensiveness, 0);
  EXPECT_GT(doubt.p_value.comprehensiveness, 0.5);
  EXPECT_THAT(doubt.failures, Contains(HasSubstr("no better than chance")));
  EXPECT_THAT(doubt.verdict, StartsWith("FAILS"));
}

/// An input that lowers the answer: what raises it is still what a number above 0 names.
TEST(Doubt, OfNumbersWithASignGoesByWhatRaisesTheAnswer) {
  Additive additive;
  {
    const at::NoGradGuard no_grad;
    additive.table.copy_(
        at::tensor({0.0, 0.0, 2.0, 0.0, 1.0, -5.0, 0.0, -1.0, 0.0, 0.0}, at::kDouble));
  }
  const ExplainOptions options{.method = Method::input_gradient};
  const auto found = explain(additive.question, options);
  const auto doubt = lens::doubt(additive.question, options, found);
  EXPECT_EQ(doubt.whole, -3);
  EXPECT_NEAR(doubt.own.comprehensiveness, (2.0 / 3 + 2.0 / 3 + 1 + 1) / 4, 1e-12);
  EXPECT_LE(doubt.p_value.comprehensiveness, 0.05);
  EXPECT_THAT(doubt.verdict, StartsWith("passes"));
  // The other way round is as wrong as it can be.
  const auto wrong = lens::doubt(additive.question, options,
                                 with_values(additive.question, {0, 0, -2, 0, -1, 5, 0, 1, 0, 0}));
  EXPECT_LT(wrong.own.comprehensiveness, 0);
  EXPECT_THAT(wrong.verdict, StartsWith("FAILS"));
}

TEST(Doubt, OfFewWordsSaysThatNothingCanBeTested) {
  for (const int64_t length : {1, 2, 4}) {
    const auto explained = test::explained_text("sinusoidal; num_heads=2", true, length);
    const ExplainOptions options{.method = Method::integrated_gradients};
    const auto doubt =
        lens::doubt(explained.question, options, explain(explained.question, options));
    EXPECT_THAT(doubt.untested, HasSubstr("too few")) << length;
    EXPECT_THAT(doubt.failures, testing::IsEmpty()) << length;
  }
}

TEST(Doubt, OfWhatDoesNotAddUpSaysSo) {
  const Additive additive;
  auto found = with_values(additive.question, {0, 0, 2, 0, 1, 0, 0, 0, 0, 0});
  found.gap = 0.2;
  const auto doubt = lens::doubt(additive.question, {.method = Method::input_gradient}, found);
  EXPECT_THAT(doubt.failures, Contains(HasSubstr("20 %")));
}

/// Equal weights of every token, whatever was learned.
TEST(Doubt, OfWhatAShuffledModelSaysTooSaysSo) {
  Additive additive;
  additive.question.of = [&additive](const Batch& batch) {
    auto x = at::arange(10, at::kDouble).view({1, 10, 1}).expand({batch.size(), 10, 1}) +
             0 * additive.table.sum();
    x = nn::Probe::active() ? nn::Probe::active()->embedded(x) : x;
    return Aimed{x.sum(at::IntArrayRef{1, 2}), {}};
  };
  const ExplainOptions options{.method = Method::input_gradient};
  const auto doubt = lens::doubt(additive.question, options, explain(additive.question, options));
  EXPECT_NEAR(doubt.shuffled, 1, 1e-12);
  EXPECT_THAT(doubt.failures, Contains(HasSubstr("shuffled")));
}

TEST(Doubt, OfAnAnswerThatDoesNotMoveSaysThatNothingCanBeTested) {
  Additive additive;
  additive.question.of = [](const Batch& batch) {
    auto x = at::ones({batch.size(), 10, 1}, at::kDouble);
    x = nn::Probe::active() ? nn::Probe::active()->embedded(x) : x;
    return Aimed{5 + 1e-6 * x.sum(at::IntArrayRef{1, 2}), {}};
  };
  const auto doubt = lens::doubt(additive.question, {.method = Method::input_gradient},
                                 with_values(additive.question, std::vector<double>(10, 1)));
  EXPECT_THAT(doubt.untested, HasSubstr("says anything"));
  EXPECT_THAT(doubt.verdict, StartsWith("NOT TESTED"));
}

TEST(Doubt, LeavesTheModelAsItWas) {
  const auto explained = test::explained_text("num_heads=2", true);
  const auto before = explained.model->parameters()[0].clone();
  const auto* where = explained.model->parameters()[0].data_ptr();
  const ExplainOptions options;
  lens::doubt(explained.question, options, explain(explained.question, options), {.orders = 19});
  EXPECT_TRUE(explained.model->parameters()[0].equal(before));
  EXPECT_EQ(explained.model->parameters()[0].data_ptr(), where);
}

TEST(Doubt, IsTheSameForASeed) {
  const Additive additive;
  const ExplainOptions options{.method = Method::input_gradient};
  const auto found = explain(additive.question, options);
  const auto of = [&](uint64_t seed) {
    return lens::doubt(additive.question, options, found, {.orders = 39, .seed = seed});
  };
  EXPECT_EQ(of(1).random.soft_sufficiency, of(1).random.soft_sufficiency);
  EXPECT_NE(of(1).random.soft_sufficiency, of(2).random.soft_sufficiency);
  EXPECT_THROW(lens::doubt(additive.question, options, found, {.orders = 18}), UsageError);
}

}  // namespace
}  // namespace heed::lens
