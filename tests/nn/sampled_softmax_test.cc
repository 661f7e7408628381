#include "heed/nn/sampled_softmax.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "heed/core/error.h"
#include "heed/ops/cross_entropy.h"
#include "words.h"

namespace heed::nn {
namespace {

NegativeSamplerOptions sampling(const std::string& distribution, int64_t negatives) {
  return NegativeSamplerOptions().distribution(heed::test::Word{distribution}).negatives(negatives);
}

std::vector<int64_t> some_counts(int64_t V) {
  std::vector<int64_t> counts;
  for (int64_t j = 0; j < V; ++j) counts.push_back(j % 3 == 0 ? 0 : 100 / (j + 1));
  return counts;
}

TEST(NegativeSampler, DrawsEachClassAsOftenAsItExpects) {
  constexpr int64_t V = 20, S = 6, kDraws = 20000;
  for (const std::string name : {"uniform", "log_uniform", "popularity"}) {
    const NegativeSampler sampler(V, sampling(name, S), some_counts(V));
    const auto expected = sampler.log_expected(torch::arange(V, at::kLong)).exp();
    std::vector<double> seen(V);
    for (uint64_t step = 0; step < kDraws; ++step) {
      const auto drawn = sampler.draw(7, step);
      std::set<int64_t> different;
      for (int64_t k = 0; k < drawn.ids.size(0); ++k) {
        const auto id = drawn.ids[k].item<int64_t>();
        different.insert(id), seen[id] += 1.0 / kDraws;
      }
      ASSERT_EQ(static_cast<int64_t>(different.size()), drawn.ids.size(0));
      ASSERT_LE(drawn.ids.size(0), S);
      ASSERT_TRUE(name != "uniform" || drawn.ids.size(0) == S);
      ASSERT_TRUE(drawn.log_expected.equal(sampler.log_expected(drawn.ids)));
    }
    for (int64_t j = 0; j < V; ++j) {  // within five standard deviations
      const double e = expected[j].item<double>();
      EXPECT_NEAR(seen[j], e, 5 * std::sqrt(e * (1 - e) / kDraws)) << name << " " << j;
    }
  }
}

TEST(NegativeSampler, DrawsAStepAgainAndOthersOtherwise) {
  const NegativeSampler sampler(1000, sampling("log_uniform", 50));
  const auto draw = [&](uint64_t seed, uint64_t step) { return sampler.draw(seed, step).ids; };
  EXPECT_TRUE(draw(1, 5).equal(draw(1, 5)));
  EXPECT_FALSE(draw(1, 5).equal(draw(1, 6)));
  EXPECT_FALSE(draw(1, 5).equal(draw(2, 5)));
  EXPECT_FALSE(draw(1, 5).equal(draw(1, 5 + (uint64_t{1} << 32))));
}

TEST(NegativeSampler, RefusesWhatDoesNotFit) {
  EXPECT_THROW(NegativeSampler(10, sampling("uniform", 11)), ModelError);
  EXPECT_THROW(NegativeSampler(10, sampling("uniform", 0)), ModelError);
  EXPECT_THROW(NegativeSampler(0, sampling("uniform", 1)), ModelError);
  EXPECT_THROW(NegativeSampler(10, sampling("popularity", 1)), DataError);
  EXPECT_THROW(NegativeSampler(2, sampling("popularity", 1), {1, -1}), DataError);
  EXPECT_NO_THROW(NegativeSampler(1, sampling("log_uniform", 1)));
}

struct Rows {
  at::Tensor hidden, weight, bias, labels;
};

Rows make_rows(int64_t N = 6, int64_t M = 4, int64_t V = 15, at::ScalarType type = at::kDouble) {
  torch::manual_seed(12);
  Rows r{torch::randn({N, M}, at::kDouble).to(type), torch::randn({V, M}, at::kDouble).to(type),
         torch::randn({V}, at::kDouble).to(type), torch::randint(V, {N}, at::kLong)};
  for (auto* t : {&r.hidden, &r.weight, &r.bias}) t->requires_grad_();
  return r;
}

double score(const Rows& r, int64_t i, int64_t j) {
  return (r.hidden[i] * r.weight[j]).sum().item<double>() + r.bias[j].item<double>();
}

TEST(SampledSoftmax, FollowsTheFormula) {
  for (const std::string name : {"uniform", "log_uniform", "popularity"}) {
    const NegativeSampler sampler(15, sampling(name, 8), some_counts(15));
    auto r = make_rows();
    const auto negatives = sampler.draw(3, 1);
    r.labels[0] = negatives.ids[2];  // a hit
    r.labels[1] = -100;
    r.hidden.data()[1].fill_(std::numeric_limits<double>::quiet_NaN());
    const auto result = sampled_softmax(r.hidden, r.weight, r.bias, r.labels, negatives, sampler);
    double expected = 0;
    for (int64_t i = 0; i < 6; ++i) {
      if (i == 1) continue;
      const auto y = r.labels[i].item<int64_t>();
      const auto own = std::exp(score(r, i, y) - sampler.log_expected(r.labels[i]).item<double>());
      double all = own;
      for (int64_t k = 0; k < negatives.ids.size(0); ++k) {
        const auto j = negatives.ids[k].item<int64_t>();
        if (j != y) all += std::exp(score(r, i, j) - negatives.log_expected[k].item<double>());
      }
      expected -= std::log(own / all);
    }
    EXPECT_EQ(result.count, 5);
    EXPECT_NEAR(result.loss.item<double>(), expected, 1e-10) << name;
    result.loss.backward();
    EXPECT_EQ(r.hidden.grad()[1].abs().sum().item<double>(), 0);
    EXPECT_TRUE(r.weight.grad().isfinite().all().item<bool>());
  }
}

TEST(SampledSoftmax, IsCrossEntropyWithAllClasses) {
  const NegativeSampler sampler(15, sampling("uniform", 15));
  auto r = make_rows(), same = make_rows();
  sampled_softmax(r.hidden, r.weight, r.bias, r.labels, sampler.draw(1, 1), sampler)
      .loss.backward();
  const auto full = linear_cross_entropy(same.hidden, same.weight, same.bias, same.labels);
  full.loss.backward();
  EXPECT_TRUE(r.hidden.grad().allclose(same.hidden.grad(), 1e-10, 1e-12));
  EXPECT_TRUE(r.weight.grad().allclose(same.weight.grad(), 1e-10, 1e-12));
  EXPECT_TRUE(r.bias.grad().allclose(same.bias.grad(), 1e-10, 1e-12));
  // float32, with scores of thousands
  const auto f = make_rows(6, 4, 15, at::kFloat);
  const auto loss =
      sampled_softmax(f.hidden * 1e4, f.weight, f.bias, f.labels, sampler.draw(1, 1), sampler);
  const auto exact = linear_cross_entropy_reference(
      f.hidden.to(at::kDouble) * 1e4, f.weight.to(at::kDouble), f.bias.to(at::kDouble), f.labels);
  EXPECT_NEAR(loss.loss.item<double>() / exact.loss.item<double>(), 1, 1e-5);
}

TEST(SampledSoftmax, GivesZeroWhereTheClassIsTheOnlyNegative) {
  const NegativeSampler sampler(15, sampling("uniform", 1));
  auto r = make_rows(1);
  const auto negatives = sampler.draw(1, 1);
  const auto loss = sampled_softmax(r.hidden, r.weight, {}, negatives.ids, negatives, sampler).loss;
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(r.weight.grad().abs().sum().item<double>(), 0);
}

TEST(Gbce, FollowsTheFormula) {
  for (const double t : {0.0, 0.75, 1.0}) {
    const NegativeSampler sampler(15, sampling("uniform", 8));
    auto r = make_rows();
    const auto negatives = sampler.draw(3, 1);
    r.labels[0] = negatives.ids[2];
    r.labels[1] = -100;
    const auto result = gbce(r.hidden, r.weight, r.bias, r.labels, negatives, t);
    const double a = 8.0 / 14, beta = a * (t * (1 - 1 / a) + 1 / a);
    EXPECT_NEAR(beta, t == 0 ? 1 : t == 1 ? a : beta, 1e-12);
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    double expected = 0;
    for (int64_t i = 0; i < 6; ++i) {
      if (i == 1) continue;
      const auto y = r.labels[i].item<int64_t>();
      double sum = std::log(std::pow(sigmoid(score(r, i, y)), beta));
      int64_t terms = 1;
      for (int64_t k = 0; k < 8; ++k) {
        const auto j = negatives.ids[k].item<int64_t>();
        if (j == y) continue;
        sum += std::log(1 - sigmoid(score(r, i, j))), ++terms;
      }
      expected -= sum / double(terms);
    }
    EXPECT_NEAR(result.loss.item<double>(), expected, 1e-10);
    EXPECT_EQ(result.count, 5);
    result.loss.backward();
    EXPECT_GT(r.weight.grad().abs().sum().item<double>(), 0);
  }
}

TEST(SampledSoftmax, RefusesWhatDoesNotFit) {
  const NegativeSampler sampler(15, sampling("uniform", 8)), other(16, sampling("uniform", 8));
  const auto negatives = sampler.draw(1, 1);
  const auto r = make_rows();
  const auto loss = [&](const Rows& rows, const NegativeSampler& from) {
    return sampled_softmax(rows.hidden, rows.weight, rows.bias, rows.labels, negatives, from);
  };
  EXPECT_NO_THROW(loss(r, sampler));
  EXPECT_THROW(loss(r, other), UsageError);
  EXPECT_THROW(loss({r.hidden.narrow(1, 0, 3), r.weight, r.bias, r.labels}, sampler), UsageError);
  EXPECT_THROW(loss({r.hidden, r.weight, r.bias, r.labels + 15}, sampler), UsageError);
  EXPECT_THROW(loss({r.hidden, r.weight, r.bias, r.labels.narrow(0, 0, 5)}, sampler), UsageError);
  EXPECT_THROW(loss({r.hidden, r.weight, r.bias.narrow(0, 0, 5), r.labels}, sampler), UsageError);
  EXPECT_THROW(gbce(r.hidden, r.weight, r.bias, r.labels, negatives, 1.5), UsageError);
  const auto none = loss({r.hidden, r.weight, r.bias, torch::full({6}, -100, at::kLong)}, sampler);
  EXPECT_EQ(none.loss.item<double>(), 0);
  EXPECT_EQ(none.count, 0);
}

}  // namespace
}  // namespace heed::nn
