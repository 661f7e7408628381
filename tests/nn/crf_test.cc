// The CRF against every path in float64, and against pytorch-crf.
#include "heed/nn/crf.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::nn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct CrfCase {
  std::string name;
  int64_t K = 3, L = 4;
  double scale = 1;             ///< of emissions and parameters
  bool equal = false;           ///< all scores are the same
  bool minus_infinity = false;  ///< some emissions are
  bool constrained = false;
};

std::ostream& operator<<(std::ostream& stream, const CrfCase& c) { return stream << c.name; }

struct CrfTensors {
  Crf crf{nullptr};
  at::Tensor x, tags, lengths;
};

TagConstraints iob2_of_one_type() {
  return span_constraints({"O", "B-X", "I-X"}, SpanScheme::iob2);
}

CrfTensors make_crf(const CrfCase& c, at::ScalarType type = at::kDouble) {
  torch::manual_seed(11);
  CrfTensors t;
  auto options = CrfOptions(c.K);
  if (c.constrained) options.constraints(iob2_of_one_type());
  t.crf = Crf(options);
  t.crf->to(at::kDouble);
  for (auto& p : t.crf->parameters())
    c.equal ? p.data().fill_(0.25 * c.scale) : p.data().normal_(0, c.scale);
  t.x = torch::randn({4, c.L, c.K}, at::kDouble) * c.scale;
  if (c.equal) t.x.fill_(c.scale);
  t.lengths = torch::tensor({c.L, int64_t{1}, c.L - 1, int64_t{0}}, at::kLong);
  t.tags = torch::zeros({4, c.L}, at::kLong);
  if (c.constrained) {
    t.tags.select(1, 0).fill_(1), t.tags.select(1, 1).fill_(2);  // B-X I-X O O
  } else {
    t.tags.random_(0, c.K);
  }
  if (c.minus_infinity) {
    t.x.masked_fill_(torch::rand(t.x.sizes()) < 0.3, -kInfinity);
    t.x.scatter_(2, t.tags.unsqueeze(2), 0.5);  // the path of the tags is possible
  }
  for (int64_t b = 0; b < 4; ++b)  // what stands behind a length
    t.x[b].slice(0, t.lengths[b].item<int64_t>()).fill_(std::numeric_limits<double>::quiet_NaN());
  t.crf->to(type);
  t.x = t.x.to(type).requires_grad_();
  return t;
}

/// Every path of sequence b with its score, in float64 and with gradients; leaves are x and the
/// parameters in float64.
struct AllPaths {
  std::vector<std::vector<int64_t>> paths;
  std::vector<at::Tensor> scores;  // only of possible paths
};

AllPaths all_paths(const at::Tensor& x, const CrfImpl& crf, const std::vector<at::Tensor>& p,
                   int64_t n) {
  AllPaths all;
  const int64_t K = crf.options.tags();
  const auto& allowed = crf.options.constraints();
  int64_t count = 1;
  for (int64_t t = 0; t < n; ++t) count *= K;
  for (int64_t number = 0; number < count; ++number) {
    std::vector<int64_t> y;
    for (int64_t t = 0, rest = number; t < n; ++t, rest /= K) y.push_back(rest % K);
    bool possible = true;
    if (allowed.start.defined()) {
      possible = allowed.start[y[0]].item<bool>() && allowed.end[y.back()].item<bool>();
      for (size_t t = 1; t < y.size(); ++t)
        possible = possible && allowed.transitions[y[t - 1]][y[t]].item<bool>();
    }
    auto score = p[1][y[0]] + p[2][y.back()];
    for (size_t t = 0; t < y.size(); ++t) {
      score = score + x[static_cast<int64_t>(t)][y[t]];
      if (t > 0) score = score + p[0][y[t - 1]][y[t]];
    }
    if (!possible || score.item<double>() == -kInfinity) continue;
    all.paths.push_back(y), all.scores.push_back(score);
  }
  return all;
}

class CrfByEveryPath : public testing::TestWithParam<CrfCase> {};

TEST_P(CrfByEveryPath, LossGradientsMarginalsAndBestPath) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    auto t = make_crf(GetParam(), type);
    const auto loss = t.crf->forward(t.x, t.tags, t.lengths);
    const auto weights = torch::tensor({1.0, -0.5, 2.0, 3.0}, at::kDouble);
    (loss * weights.to(type)).sum().backward();

    const auto x = t.x.detach().to(at::kDouble).requires_grad_();
    std::vector<at::Tensor> p;
    for (const auto& own : {t.crf->transitions, t.crf->start, t.crf->end})
      p.push_back(own.detach().to(at::kDouble).requires_grad_());
    // Scores of 1e4 are themselves rounded to float32 only where they are stored.
    const double bound = type == at::kDouble ? 1e-10 : 2e-5;
    const auto best = t.crf->decode(t.x, t.lengths);
    const auto marginals = t.crf->marginals(t.x, t.lengths);
    auto total = torch::zeros({}, at::kDouble);
    for (int64_t b = 0; b < 4; ++b) {
      const int64_t n = t.lengths[b].item<int64_t>();
      EXPECT_TRUE((best.tags[b].slice(0, n) == -1).all().item<bool>());
      EXPECT_EQ(marginals[b].slice(0, n).abs().sum().item<double>(), 0);
      if (n == 0) {
        EXPECT_EQ(loss[b].item<double>(), 0);
        continue;
      }
      const auto all = all_paths(x[b], *t.crf, p, n);
      const auto scores = torch::stack(all.scores);
      const auto log_z = scores.logsumexp(0);
      std::vector<int64_t> tags;
      for (int64_t i = 0; i < n; ++i) tags.push_back(t.tags[b][i].item<int64_t>());
      auto expected_marginals = torch::zeros({n, GetParam().K}, at::kDouble);
      at::Tensor own;
      for (size_t i = 0; i < all.paths.size(); ++i) {
        if (all.paths[i] == tags) own = all.scores[i];
        for (int64_t s = 0; s < n; ++s)
          expected_marginals[s][all.paths[i][static_cast<size_t>(s)]] +=
              (all.scores[i] - log_z).exp().detach();
      }
      const auto nll = log_z - own;
      total = total + nll * weights[b];
      const double size = std::max(1.0, std::abs(nll.item<double>()));
      EXPECT_NEAR(loss[b].item<double>(), nll.item<double>(), bound * size) << "sequence " << b;
      EXPECT_TRUE(
          marginals[b].narrow(0, 0, n).to(at::kDouble).allclose(expected_marginals, bound, bound));
      const double most = scores.max().item<double>();
      EXPECT_NEAR(best.score[b].item<double>(), most, bound * std::max(1.0, std::abs(most)));
      std::vector<int64_t> found;
      for (int64_t i = 0; i < n; ++i) found.push_back(best.tags[b][i].item<int64_t>());
      const auto at = std::find(all.paths.begin(), all.paths.end(), found) - all.paths.begin();
      ASSERT_LT(at, static_cast<int64_t>(all.paths.size())) << "the best path is forbidden";
      EXPECT_EQ(all.scores[static_cast<size_t>(at)].item<double>(), most);
    }
    total.backward();
    const auto near = [&](const at::Tensor& own, const at::Tensor& reference) {
      return own.to(at::kDouble).allclose(reference.nan_to_num(0), bound, bound);
    };
    EXPECT_TRUE(near(t.x.grad(), x.grad())) << t.x.grad() << x.grad();
    EXPECT_TRUE(near(t.crf->transitions.grad(), p[0].grad()));
    EXPECT_TRUE(near(t.crf->start.grad(), p[1].grad()));
    EXPECT_TRUE(near(t.crf->end.grad(), p[2].grad()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CrfByEveryPath,
    testing::Values(CrfCase{.name = "plain"}, CrfCase{.name = "one_tag", .K = 1},
                    CrfCase{.name = "two_tokens", .K = 5, .L = 2},
                    CrfCase{.name = "longer", .K = 2, .L = 9},
                    CrfCase{.name = "large", .scale = 1e4}, CrfCase{.name = "small", .scale = 1e-4},
                    CrfCase{.name = "hundreds", .L = 6, .scale = 100},
                    CrfCase{.name = "equal", .equal = true},
                    CrfCase{.name = "large_and_equal", .scale = 1e4, .equal = true},
                    CrfCase{.name = "minus_infinity", .minus_infinity = true},
                    CrfCase{.name = "constrained", .constrained = true},
                    CrfCase{.name = "constrained_and_large", .scale = 1e4, .constrained = true}),
    [](const auto& info) { return info.param.name; });

at::Tensor fractions(int64_t n, int64_t a, int64_t b) {
  const auto i = torch::arange(n, at::kLong);
  return (i * a).remainder(b).to(at::kDouble) / static_cast<double>(b) * 4 - 2;
}

TEST(Crf, HasTheNumbersOfPytorchCrf) {
  // pytorch-crf 0.7.2 on torch 1.13: -CRF(x, y, mask, reduction="none") and its gradients.
  Crf crf(3);
  crf->to(at::kDouble);
  crf->transitions.data().copy_(fractions(9, 7, 11).view({3, 3}));
  crf->start.data().copy_(fractions(3, 5, 7)), crf->end.data().copy_(fractions(3, 3, 7));
  const auto x = fractions(24, 13, 23).view({2, 4, 3}).requires_grad_();
  const auto y = torch::tensor({0, 2, 1, 1, 2, 0, 1, 0}, at::kLong).view({2, 4});
  const auto lengths = torch::tensor({4, 3}, at::kLong);
  const auto loss = crf->forward(x, y, lengths);
  loss.sum().backward();
  const auto expect = [](const at::Tensor& given, const std::vector<double>& expected) {
    EXPECT_TRUE(given.flatten().allclose(torch::tensor(expected, at::kDouble), 1e-12, 1e-12))
        << given;
  };
  expect(loss, {8.324017015281662, 0.6799025511862364});
  expect(x.grad()[0],
         {-0.9990131545722006, 0.9615656923155472, 0.03744746225665268, 0.896541843171378,
          0.04046255958605057, -0.9370044027574292, 0.047793099892665364, -0.0741928282895763,
          0.026399728396910134, 0.05858672185434515, -0.23323728715123415, 0.1746505652968886});
  expect(x.grad()[1], {0.013212200489732607, 0.3156423609985625, -0.32885456148829506,
                       -0.08174319722459689, 0.03196982325843558, 0.04977337396616133,
                       0.006124691533146744, -0.19050798895196563, 0.18438329741881881, 0, 0, 0});
  expect(crf->transitions.grad(), {0.013350192029342928, 0.6528155075502091, -0.7893749078225737,
                                   1.2295540157952614, -0.19555255273386907, 0.24144614480762752,
                                   -0.31560104859766613, -0.8827686763646299, 0.04613132533629584});
  expect(crf->start.grad(), {-0.985800954082468, 1.2772080533141097, -0.29140709923164243});
  expect(crf->end.grad(), {0.06471141338749187, -0.42374527610319945, 0.3590338627157075});
  EXPECT_TRUE(crf->decode(x, lengths)
                  .tags.equal(torch::tensor({1, 0, 1, 1, 2, 0, 1, -1}, at::kLong).view({2, 4})));
}

TEST(Crf, SameBitsForAnyThreadsAndNeighbours) {
  torch::manual_seed(2);
  const int before = num_threads();
  Crf crf(9);
  const auto x = torch::randn({13, 31, 9}).requires_grad_();
  const auto y = torch::randint(9, {13, 31}, at::kLong);
  const auto lengths = torch::randint(1, 32, {13}, at::kLong);
  std::vector<std::vector<at::Tensor>> runs;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    crf->zero_grad();
    x.mutable_grad() = at::Tensor();
    const auto loss = crf->forward(x, y, lengths);
    loss.sum().backward();
    runs.push_back({loss.detach(), x.grad().clone(), crf->transitions.grad().clone(),
                    crf->start.grad().clone(), crf->decode(x, lengths).score});
    for (size_t i = 0; i < runs[0].size(); ++i) EXPECT_TRUE(runs[0][i].equal(runs.back()[i]));
  }
  set_num_threads(before);
  const auto alone = crf->forward(x.narrow(0, 4, 1), y.narrow(0, 4, 1), lengths.narrow(0, 4, 1));
  EXPECT_EQ(alone[0].item<float>(), runs[0][0][4].item<float>());
}

TEST(Crf, GivesInfinityWhereTheTagsHaveNoProbability) {
  auto t = make_crf({});
  t.x.data()[0][1].fill_(-kInfinity);  // no path at all
  t.x.data()[2][0][t.tags[2][0].item<int64_t>()] = -kInfinity;
  const auto loss = t.crf->forward(t.x, t.tags, t.lengths);
  loss.sum().backward();
  EXPECT_EQ(loss[0].item<double>(), kInfinity);
  EXPECT_EQ(loss[2].item<double>(), kInfinity);
  EXPECT_TRUE(loss[1].isfinite().item<bool>());
  EXPECT_TRUE(t.x.grad().isfinite().all().item<bool>());
  EXPECT_EQ(t.crf->decode(t.x, t.lengths).score[0].item<double>(), -kInfinity);
  t.x.data()[1][0][0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(t.crf->forward(t.x, t.tags, t.lengths)[1].isnan().item<bool>());
}

TEST(Crf, BestPathsAreAllowedWhateverTheScores) {
  torch::manual_seed(8);
  Crf crf(CrfOptions(3).constraints(iob2_of_one_type()));
  const auto x = torch::randn({50, 12, 3}) * 5;
  const auto tags = crf->decode(x).tags;
  EXPECT_FALSE((tags.select(1, 0) == 2).any().item<bool>());
  const auto from = tags.narrow(1, 0, 11), to = tags.narrow(1, 1, 11);
  EXPECT_FALSE(at::logical_and(from == 0, to == 2).any().item<bool>());
  EXPECT_TRUE(
      (x.argmax(2) == 2).select(1, 0).any().item<bool>());  // which they are not by themselves
}

TEST(Crf, SaysWhichTagsAreForbidden) {
  Crf crf(CrfOptions(3).constraints(iob2_of_one_type()));
  const auto x = torch::zeros({2, 3, 3});
  const auto y = torch::tensor({1, 2, 0, 0, 0, 2}, at::kLong).view({2, 3});
  try {
    crf->forward(x, y);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()),
              "crf: sequence 1, token 2: the tag 'I-X' may not follow 'O'; mend the tags or the "
              "constraints");
  }
  EXPECT_NO_THROW(crf->forward(x, y, torch::tensor({3, 2}, at::kLong)));
  EXPECT_THROW(crf->forward(x.narrow(1, 0, 1), torch::full({2, 1}, 2, at::kLong)), DataError);
}

TEST(Crf, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Crf(0), ModelError);
  EXPECT_THROW(Crf(CrfOptions(4).constraints(iob2_of_one_type())), ModelError);
  Crf crf(3);
  const auto x = torch::zeros({2, 4, 3});
  const auto y = torch::zeros({2, 4}, at::kLong);
  EXPECT_THROW(crf->forward(x.narrow(2, 0, 2), y), UsageError);
  EXPECT_THROW(crf->forward(x.to(at::kDouble), y), UsageError);
  EXPECT_THROW(crf->forward(x, y.narrow(1, 0, 3)), UsageError);
  EXPECT_THROW(crf->forward(x, y.to(at::kInt)), UsageError);
  EXPECT_THROW(crf->forward(x, y + 3), UsageError);
  EXPECT_THROW(crf->forward(x, y - 1), UsageError);
  EXPECT_THROW(crf->forward(x, y, torch::tensor({5, 1}, at::kLong)), UsageError);
  EXPECT_NO_THROW(crf->forward(x, y - 100, torch::zeros({2}, at::kLong)));
  EXPECT_EQ(crf->forward(x.narrow(0, 0, 0), y.narrow(0, 0, 0)).numel(), 0);
}

TEST(TagConstraints, KnowTheSchemes) {
  const std::vector<std::string> iobes = {"O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y"};
  const auto may = span_constraints(iobes, SpanScheme::iobes);
  const auto follows = [&](int64_t i, int64_t j) { return may.transitions[i][j].item<bool>(); };
  EXPECT_TRUE(follows(0, 0) && follows(0, 1) && follows(0, 4) && follows(4, 4));
  EXPECT_TRUE(follows(1, 2) && follows(1, 3) && follows(2, 2) && follows(2, 3) && follows(3, 5));
  EXPECT_FALSE(follows(0, 2) || follows(0, 3) || follows(1, 0) || follows(1, 4) || follows(1, 6));
  EXPECT_FALSE(follows(3, 2) || follows(3, 3) || follows(2, 6) || follows(4, 3) || follows(6, 0));
  EXPECT_TRUE(may.start.equal(torch::tensor({1, 1, 0, 0, 1, 1, 0}).to(at::kBool)));
  EXPECT_TRUE(may.end.equal(torch::tensor({1, 0, 0, 1, 1, 0, 0}).to(at::kBool)));
  const auto bilou =
      span_constraints({"O", "B-X", "I-X", "L-X", "U-X", "B-Y", "I-Y"}, SpanScheme::bilou);
  EXPECT_TRUE(bilou.transitions.equal(may.transitions));
  const auto iob2 = span_constraints({"O", "B-X", "I-X", "B-Y", "I-Y"}, SpanScheme::iob2);
  EXPECT_TRUE(iob2.end.all().item<bool>());
  EXPECT_TRUE(iob2.start.equal(torch::tensor({1, 1, 0, 1, 0}).to(at::kBool)));
  EXPECT_TRUE(iob2.transitions[2][2].item<bool>() && iob2.transitions[1][3].item<bool>());
  EXPECT_FALSE(iob2.transitions[3][2].item<bool>() || iob2.transitions[0][4].item<bool>());
  EXPECT_THROW(span_constraints({"O", "S-X"}, SpanScheme::iob2), DataError);
  EXPECT_THROW(span_constraints({"O", "NOUN"}, SpanScheme::iob2), DataError);
  EXPECT_THROW(span_constraints({"O", "B-"}, SpanScheme::iob2), DataError);
  EXPECT_THROW(span_constraints({"O", "O"}, SpanScheme::iob2), DataError);
}

}  // namespace
}  // namespace heed::nn
