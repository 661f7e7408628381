// Scores, normalizers and score positions on raw memory: lengths around the edges of panels, tiles
// and blocks, against finite differences of their own forward pass in float64, and that pass
// against the formula. (tests/ops holds them to the formulas on tensors; here a sanitizer sees
// every access.)
#include "kernels/adaptive_span.h"

#include <functional>

#include "kernels/blocks.h"
#include "kernels/distance.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

const std::vector<Sizes>& edges() {
  static const std::vector<Sizes> all = {{1, 1, 1, 1, 1, 1, 1},     {1, 2, 1, 15, 17, 3, 5},
                                         {1, 1, 1, 97, 73, 17, 16}, {2, 2, 2, 33, 145, 8, 33},
                                         {1, 1, 1, 2, 300, 64, 64}, {1, 1, 1, 0, 3, 4, 4}};
  return all;
}

/// Loss sum(out . grad_out) of a problem.
double loss(const Problem<double>& problem, const Array<double>& grad_out) {
  const Sizes& n = problem.sizes;
  Array<double> out(n.B, n.H, n.Lq, n.E);
  RowStatsOf<double> row_stats(n.B * n.H * n.Lq);
  attend_forward(problem, out.view(), row_stats.write());
  double sum = 0;
  for (size_t i = 0; i < out.memory().size(); ++i) sum += out.memory()[i] * grad_out.memory()[i];
  return sum;
}

/// A few elements of x moved both ways.
void expect_slope(const std::function<double()>& f, std::vector<double>& x,
                  const std::vector<double>& gradient, const char* what) {
  constexpr double kStep = 1e-6;
  for (size_t i = 0; i < x.size(); i += std::max<size_t>(1, x.size() / 5)) {
    const double kept = x[i];
    x[i] = kept + kStep;
    const double above = f();
    x[i] = kept - kStep;
    const double below = f();
    x[i] = kept;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-6) << what << " " << i;
  }
}

struct Learned {
  std::vector<double> weight, per_head;
};

void expect_gradients(Problem<double> problem, Inputs<double>& in, Learned learned) {
  const Sizes& n = problem.sizes;
  if (!learned.weight.empty()) problem.score_weight = learned.weight.data();
  if (!learned.per_head.empty()) problem.per_head = learned.per_head.data();
  Array<double> out(n.B, n.H, n.Lq, n.E), grad_q(n.B, n.H, n.Lq, n.D), grad_k(n.B, n.G, n.Lk, n.D),
      grad_v(n.B, n.G, n.Lk, n.E);
  RowStatsOf<double> row_stats(n.B * n.H * n.Lq);
  Learned grad{std::vector<double>(learned.weight.size()),
               std::vector<double>(learned.per_head.size())};
  attend_forward(problem, out.view(), row_stats.write());
  Gradients<double> to{grad_q.view(), grad_k.view(), grad_v.view()};
  if (!grad.weight.empty()) to.score_weight = grad.weight.data();
  if (!grad.per_head.empty()) to.per_head = grad.per_head.data();
  const Array<double>& constant = out;
  const Array<double>& grad_out = in.grad_out;
  attend_backward(problem, constant.view(), row_stats.read(), grad_out.view(), to);
  const auto f = [&] { return loss(problem, in.grad_out); };
  expect_slope(f, in.q.memory(), grad_q.memory(), "q");
  expect_slope(f, in.k.memory(), grad_k.memory(), "k");
  expect_slope(f, in.v.memory(), grad_v.memory(), "v");
  expect_slope(f, learned.weight, grad.weight, "weight");
  expect_slope(f, learned.per_head, grad.per_head, "per head");
}

std::vector<double> numbers_of(size_t count, double from, double step) {
  std::vector<double> all(count);
  for (size_t i = 0; i < count; ++i) all[i] = from + step * static_cast<double>(i % 7);
  return all;
}

TEST(Mechanisms, ScoresAndNormalizersAgreeWithTheirSlopes) {
  const auto kinds = {NormalizerKind::softmax, NormalizerKind::sigmoid, NormalizerKind::sparsemax,
                      NormalizerKind::entmax15, NormalizerKind::entmax};
  for (const Sizes& n : edges()) {
    for (const auto score : {ScoreKind::dot, ScoreKind::additive_tanh, ScoreKind::additive_relu}) {
      for (const auto kind : kinds) {
        SCOPED_TRACE(testing::Message()
                     << "Lq " << n.Lq << " Lk " << n.Lk << " score " << static_cast<int>(score)
                     << " normalizer " << static_cast<int>(kind));
        Inputs<double> in(n, 5);
        auto problem = in.problem();
        problem.score = score, problem.normalizer = kind;
        if (score != ScoreKind::dot) problem.scale = 1;
        Learned learned;
        if (score != ScoreKind::dot)
          learned.weight = numbers_of(static_cast<size_t>(n.H * n.D), -0.5, 0.17);
        if (kind == NormalizerKind::entmax || kind == NormalizerKind::softmax)
          learned.per_head = numbers_of(static_cast<size_t>(n.H),
                                        kind == NormalizerKind::entmax ? 0.06 : 1.3, 0.2);
        expect_gradients(problem, in, learned);
      }
    }
  }
}

/// sum_e w_e tanh(q_e + k_e), also where the exponentials of q and k would overflow.
TEST(Mechanisms, AdditiveScoresFollowTheFormula) {
  for (const double size : {1.0, 30.0, 400.0}) {
    const Sizes n{1, 1, 1, 20, 90, 7, 1};
    Inputs<float> in(n, 9, size);
    auto weight = std::vector<float>(7, 0.3F);
    weight[2] = -1;
    auto problem = in.problem();
    problem.scale = 1;
    problem.score = ScoreKind::additive_tanh, problem.score_weight = weight.data();
    Array<float> out(1, 1, 20, 1);
    RowStatsOf<float> row_stats(20);
    attend_forward(problem, out.view(), row_stats.write());
    for (int64_t i = 0; i < 20; ++i) {
      double sum = 0, mean = 0;
      for (int64_t j = 0; j < 90; ++j) {
        double s = 0;
        for (int64_t e = 0; e < 7; ++e)
          s += weight[e] * std::tanh(static_cast<double>(in.q(0, 0, i, e)) + in.k(0, 0, j, e));
        sum += std::exp(s), mean += std::exp(s) * in.v(0, 0, j, 0);
      }
      EXPECT_NEAR(out(0, 0, i, 0), mean / sum, 3e-6) << size << " row " << i;
      EXPECT_NEAR(row_stats.logsumexp[static_cast<size_t>(i)], std::log(sum), 3e-6)
          << size << " row " << i;
    }
  }
}

TEST(Mechanisms, PositionsAndSpansStayWithinTheirMemory) {
  for (const Sizes& n : edges()) {
    const int64_t distances = std::max<int64_t>(n.Lq + n.Lk - 1, 0), width = kAlign;
    Inputs<double> in(n, 6);
    std::mt19937 random(3);
    Array<double> bias(n.B, n.H, 1, distances), grad_bias(n.B, n.H, 1, distances);
    Array<double> queries(n.B, n.H, n.Lq, width), keys(n.B, n.H, distances, width);
    Array<double> turned(n.B, n.H, width, distances + kAlign);
    Array<double> grad_queries(n.B, n.H, n.Lq, width), grad_keys(n.B, n.H, distances, width);
    Array<double> spans(n.B, n.H, 1, 1), grad_spans(n.B, n.H, 1, 1);
    bias.randomize(random), queries.randomize(random), keys.randomize(random, 0.2);
    for (auto& z : spans.memory()) z = 20.3;
    const auto turn = [&] {
      for (int64_t b = 0; b < n.B; ++b)
        for (int64_t h = 0; h < n.H; ++h)
          for (int64_t r = 0; r < distances; ++r)
            for (int64_t e = 0; e < width; ++e) turned(b, h, e, r) = keys(b, h, r, e);
    };
    turn();
    const auto constant = [](const Array<double>& x) { return x.view(); };
    DistanceBias<double> by_bias(constant(bias), grad_bias.view(), n);
    const DistanceDot<double> by_keys({constant(queries), constant(keys), constant(turned),
                                       grad_queries.view(), grad_keys.view(), width, n.Lk});
    const Ramp ramp{9, n.Lk - n.Lq};
    SpanRamp<double> fades(ramp, constant(spans), grad_spans.view(), n);
    const SpanMask<double> hides(ramp, std::vector<double>(static_cast<size_t>(n.H), 20.3));
    auto problem = in.problem();
    problem.modifiers = {&by_bias, &by_keys, &fades};
    problem.masks = {&hides};
    by_bias.begin_backward(1), fades.begin_backward(1);
    const auto result = run(problem, in.grad_out);
    by_bias.end_backward(), fades.end_backward();
    if (n.Lq == 0) continue;
    const auto f = [&] {
      turn();
      return loss(problem, in.grad_out);
    };
    SCOPED_TRACE(testing::Message() << "Lq " << n.Lq << " Lk " << n.Lk);
    expect_slope(f, in.q.memory(), result.grad_q.memory(), "q");
    expect_slope(f, bias.memory(), grad_bias.memory(), "bias");
    expect_slope(f, queries.memory(), grad_queries.memory(), "queries");
    expect_slope(f, keys.memory(), grad_keys.memory(), "keys");
    expect_slope(f, spans.memory(), grad_spans.memory(), "spans");
  }
}

TEST(Mechanisms, HardKeepsTheFirstLargest) {
  const Sizes n{1, 1, 1, 40, 100, 4, 1};
  Inputs<float> in(n, 8);
  for (int64_t j = 50; j < 100; ++j)
    for (int64_t e = 0; e < 4; ++e) in.k(0, 0, j, e) = in.k(0, 0, j - 50, e);
  for (int64_t j = 0; j < 100; ++j) in.v(0, 0, j, 0) = static_cast<float>(j);
  auto problem = in.problem();
  problem.normalizer = NormalizerKind::hard, problem.normalizer_argument = 1;
  Array<float> out(1, 1, 40, 1);
  RowStatsOf<float> keys(40);
  attend_forward(problem, out.view(), keys.write());
  for (int64_t i = 0; i < 40; ++i) {
    EXPECT_LT(out(0, 0, i, 0), 50) << i;
    EXPECT_EQ(out(0, 0, i, 0), keys.logsumexp[static_cast<size_t>(i)]) << i;
  }
}

}  // namespace
}  // namespace heed::kernels::test
