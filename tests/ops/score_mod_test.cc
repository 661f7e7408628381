// Modifiers that a program registers: the kernels against their formula.
#include "heed/ops/score_mod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/ops/map.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// s -> s exp(temperature) + slope (batch + 1) + table[min(|distance|, near)], with all that a tile
/// can say.
template <bool kFormula>
struct Nearness final : ScoreModOf<Nearness<kFormula>> {
  static int64_t near(const OpSpec& op) { return static_cast<int64_t>(op.at("near")); }

  std::vector<ScoreMod::Learned> learns(const OpSpec& op, int64_t) const override {
    return {{"temperature"},
            {.name = "table", .shape = {near(op) + 1}, .std = 0.5},
            {.name = "slope", .mean = 0.3}};
  }

  template <class T>
  static int64_t place(const ScoreTile<T>& s, const OpSpec& op, int64_t i, int64_t j) {
    return std::min(std::abs(s.distance(i, j)), near(op));
  }

  template <class T>
  void forward_tile(const ScoreTile<T>& s, const ScoreModInputs<T>& x) const {
    const T factor = std::exp(*x.parameters[0]), *table = x.parameters[1];
    const T more = *x.parameters[2] * static_cast<T>(s.batch + 1);
    for (int64_t j = 0; j < s.columns; ++j)
      for (int64_t i = 0; i < s.rows; ++i)
        s(i, j) = s(i, j) * factor + table[place(s, x.op, i, j)] + more;
  }

  template <class T>
  void backward_tile(const ScoreTile<T>& s, const ScoreTile<T>& g, const ScoreModInputs<T>& x,
                     std::span<T* const> to) const {
    const T factor = std::exp(*x.parameters[0]);
    for (int64_t j = 0; j < s.columns; ++j)
      for (int64_t i = 0; i < s.rows; ++i) {
        if (to[0]) *to[0] += g(i, j) * s(i, j) * factor;
        if (to[1]) to[1][place(s, x.op, i, j)] += g(i, j);
        if (to[2]) *to[2] += g(i, j) * static_cast<T>(s.batch + 1);
        g(i, j) *= factor;
      }
  }

  at::Tensor formula(const OpSpec& op, const ScorePlace& at, const at::Tensor& s,
                     const std::vector<at::Tensor>& given) const override {
    if (!kFormula) return {};
    const auto whole = s.options().dtype(at::kLong);
    const auto query = torch::arange(s.size(2), whole).unsqueeze(1) + (at.row + at.offset);
    const auto key = torch::arange(s.size(3), whole) + at.column;
    const auto places = torch::clamp_max((query - key).abs(), near(op)).flatten();
    const auto table = given[1].index_select(1, places).view({s.size(1), s.size(2), s.size(3)});
    const auto batch = torch::arange(s.size(0), s.options()).view({-1, 1, 1, 1}) + (at.batch + 1);
    return s * torch::exp(given[0]).view({-1, 1, 1}) + table + given[2].view({-1, 1, 1}) * batch;
  }
};

void register_words() {
  static const bool once = [] {
    const std::vector<OpKind::Argument> near = {
        {"near", 3, 0, 100, true, "distances of their own"}};
    register_score_mod("test_nearness", std::make_shared<Nearness<true>>(), near, "for a test");
    register_score_mod("test_by_tiles", std::make_shared<Nearness<false>>(), near, "for a test");
    return true;
  }();
  (void)once;
}

std::vector<Case> cases() {
  return {{.B = 1, .H = 1, .G = 1, .Lq = 1, .Lk = 1, .D = 1, .E = 1},
          {.Lq = 0},
          {.Lk = 0},
          {.H = 4, .G = 2, .Lq = 100, .Lk = 75, .layout = Layout::heads_inside},
          {.Lq = 7, .Lk = 200, .how = "causal", .lengths = true},
          {.Lq = 97, .Lk = 73, .how = "softcap(3); sigmoid"},
          {.Lq = 120, .Lk = 300, .how = "entmax15; window(40,9)", .mask = true},
          {.how = "dropout=0.3; additive"}};
}

/// The same with the word and what it learns.
Tensors with_word(Case c, const std::string& word) {
  c.how += "; " + word;
  auto t = make(c);
  t.inputs.training = true, t.inputs.seed = 4;
  return t;
}

/// That what takes its name from one word is the other's.
Tensors renamed(Tensors t, const std::string& from, const std::string& to) {
  std::map<std::string, at::Tensor> parameters;
  for (const auto& [name, tensor] : t.inputs.parameters) {
    const bool own = name.rfind(from, 0) == 0;
    parameters[own ? to + name.substr(from.size()) : name] = tensor;
  }
  t.inputs.parameters = parameters;
  for (auto& op : t.how.modifiers)
    if (op.name == from) op.name = to;
  return t;
}

at::Tensor own(const Tensors& t) { return attend(t); }

TEST(OwnScoreMod, AgreesWithItsFormula) {
  register_words();
  for (const auto& c : cases()) {
    const auto t = with_word(c, "test_nearness(near=5)");
    const auto weight = torch::randn({c.B, c.H, c.Lq, c.E}, at::kDouble);
    const auto expected = reference(t);
    const auto grads = gradients(reference, t, weight);
    const auto tiles = renamed(t, "test_nearness", "test_by_tiles");
    const std::vector<std::pair<at::Tensor (*)(const Tensors&), Tensors>> ways = {
        {own, t}, {own, tiles}, {reference, tiles}};
    for (const auto& [f, given] : ways) {
      EXPECT_TRUE(close(f(given), expected, 1e-12, 1e-10)) << describe(c);
      const auto found = gradients(f, given, weight);
      for (size_t i = 0; i < grads.size(); ++i) {
        ASSERT_EQ(found[i].defined(), grads[i].defined()) << describe(c) << i;
        if (!found[i].defined()) continue;
        EXPECT_TRUE(close(found[i], grads[i], 1e-11, 1e-9)) << describe(c) << i;
      }
    }
    EXPECT_TRUE(close(attend(t.to(at::kFloat)), expected, 2e-5, 1e-4)) << describe(c);
  }
}

TEST(OwnScoreMod, TheSameBitsForAnyNumberOfThreads) {
  register_words();
  const int before = num_threads();
  const auto t = with_word({.B = 1, .H = 1, .G = 1, .Lq = 300, .Lk = 1500}, "test_nearness; causal")
                     .to(at::kFloat);
  const auto weight = torch::randn({1, 1, 300, 4});
  std::vector<at::Tensor> first;
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const auto grads = gradients(attend, t, weight);
    if (first.empty()) first = grads;
    for (size_t i = 0; i < grads.size(); ++i) EXPECT_TRUE(torch::equal(grads[i], first[i])) << i;
  }
  set_num_threads(before);
}

TEST(OwnScoreMod, OnlyWhatIsWantedIsCollected) {
  register_words();
  auto t = with_word({}, "test_nearness");
  auto& table = t.inputs.parameters.at("test_nearness.table").requires_grad_();
  attend(t).square().sum().backward();
  EXPECT_GT(table.grad().abs().max().item<double>(), 0);
  EXPECT_FALSE(t.inputs.parameters.at("test_nearness.temperature").grad().defined());
}

TEST(OwnScoreMod, MapsShowIt) {
  register_words();
  for (const auto* word : {"test_nearness", "test_by_tiles"}) {
    auto t = with_word({.H = 4, .G = 2, .Lq = 30, .Lk = 40, .how = "causal"}, word);
    const auto [out, row_stats] = attend_with_row_stats(t.q, t.k, t.v, t.how, t.inputs);
    at::Tensor weights;
    attend_reference(t.q, t.k, t.v, t.how, t.inputs, &weights);
    const Map map("map", t.q, t.k, row_stats, t.how, t.inputs);
    EXPECT_TRUE(close(map.dense(1), weights[1], 1e-12, 1e-10)) << word;
    EXPECT_TRUE(close(map.tile({3, 20}, {5, 40}, 1, 3),
                      weights[1][3].slice(0, 3, 20).slice(1, 5, 40), 1e-12, 1e-10))
        << word;
  }
}

std::string second_derivative(const std::string& word) {
  auto t = with_word({}, word);
  t.q.requires_grad_(), t.k.requires_grad_();
  try {
    const auto grads = torch::autograd::grad({attend(t).square().sum()}, {t.q}, {}, true, true);
    torch::autograd::grad({grads[0].square().sum()}, {t.k});
  } catch (const UsageError& e) {
    return e.what();
  }
  return "given";
}

TEST(OwnScoreMod, SecondDerivativesNeedTheFormula) {
  register_words();
  EXPECT_EQ(second_derivative("test_nearness"), "given");
  EXPECT_THAT(second_derivative("test_by_tiles"),
              AllOf(HasSubstr("'test_by_tiles'"), HasSubstr("ScoreMod::formula")));
}

std::string refusal(const std::string& name, std::shared_ptr<const ScoreMod> modifier) {
  try {
    register_score_mod(name, std::move(modifier));
  } catch (const UsageError& e) {
    return e.what();
  }
  return "registered";
}

TEST(OwnScoreMod, IsAWordLikeAnyOther) {
  register_words();
  const auto how = Attention::parse("test_nearness(4); causal; num_heads=2");
  EXPECT_EQ(how.text(), "scaled_dot; test_nearness(near=4); causal; softmax; num_heads=2");
  EXPECT_EQ(Attention::parse(how.text()), how);
  const auto learned = parameters_of(how, 2, 2, 8);
  ASSERT_EQ(learned.size(), 3);
  EXPECT_EQ(learned[1].name, "test_nearness.table");
  EXPECT_EQ(learned[1].shape, (std::vector<int64_t>{2, 5}));
  EXPECT_THROW(Attention::parse("test_nearness(far=4)"), UsageError);
  const auto any = std::make_shared<Nearness<true>>();
  EXPECT_THAT(refusal("test_nearness", any), HasSubstr("taken"));
  EXPECT_THAT(refusal("softmax", any), HasSubstr("taken"));
  EXPECT_THAT(refusal("num_heads", any), HasSubstr("taken"));
  EXPECT_THAT(refusal("Two words", any), HasSubstr("small letters"));
  EXPECT_THAT(refusal("nothing", nullptr), HasSubstr("expected a modifier"));
}

}  // namespace
}  // namespace heed::test
