// Modifiers and dropout.
#include "heed/core/random.h"
#include "kernels/bias.h"
#include "kernels/masks.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

// Broadcast over each dimension, each pair, ... : 16 shapes.
TYPED_TEST(Kernels, BiasAndItsGradientBroadcast) {
  using T = TypeParam;
  const Sizes n{2, 4, 2, 70, 400, 8, 8};
  const Inputs<T> in(n, 21);
  const WindowMask<T> causal(kUnlimited, 0, 330);
  std::mt19937 random(22);
  for (int broadcast = 0; broadcast < 16; ++broadcast) {
    SCOPED_TRACE(testing::Message() << "broadcast bits " << broadcast);
    const bool b0 = broadcast & 1, h0 = broadcast & 2, i0 = broadcast & 4, j0 = broadcast & 8;
    Array<T> bias(b0 ? 1 : n.B, h0 ? 1 : n.H, i0 ? 1 : n.Lq, j0 ? 1 : n.Lk);
    bias.randomize(random);
    Array<T> gradient(bias.batches(), bias.heads(), bias.length(), bias.width());
    Array<double> want(bias.batches(), bias.heads(), bias.length(), bias.width());
    const auto stretched = [&](auto view) {
      if (b0) view.batch = 0;
      if (h0) view.head = 0;
      if (i0) view.row = 0;
      if (j0) view.column = 0;
      return view;
    };
    const Array<T>& constant = bias;
    Bias<T> modifier(stretched(constant.view()), stretched(gradient.view()), n);
    auto problem = in.problem();
    problem.modifiers = {&modifier};
    problem.masks = {&causal};
    Rules rules;
    rules.hidden = [](int64_t, int64_t, int64_t i, int64_t j) { return j > i + 330; };
    rules.added = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
      return static_cast<double>(constant(b0 ? 0 : b, h0 ? 0 : h, i0 ? 0 : i, j0 ? 0 : j));
    };
    rules.collect = [&](int64_t b, int64_t h, int64_t i, int64_t j, double ds) {
      want(b0 ? 0 : b, h0 ? 0 : h, i0 ? 0 : i, j0 ? 0 : j) += ds;
    };
    modifier.begin_backward(backward_chunks(problem));
    const auto got = run(problem, in.grad_out);
    modifier.end_backward();
    expect_matches(got, reference(n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
    expect_near(gradient, want, "gradient of the bias", 4);
  }
}

/// y = c tanh(x / c); its gradient needs the tile that forward left.
template <class T>
class Softcap final : public Modifier<T> {
 public:
  explicit Softcap(T cap) : cap_(cap) {}
  void forward(const Tile<T>& scores) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      for (int64_t i = 0; i < scores.rows; ++i) {
        scores(i, j) = cap_ * std::tanh(scores(i, j) / cap_);
      }
    }
  }
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      for (int64_t i = 0; i < scores.rows; ++i) {
        const T y = scores(i, j) / cap_;
        gradient(i, j) *= 1 - y * y;
      }
    }
  }

 private:
  T cap_;
};

// A user's own modifiers, one after another, against differences of the kernel's own output in
// float64.
TEST(Modifiers, AChainPassesTheGradientCheck) {
  const Sizes n{1, 2, 1, 5, 7, 3, 4};
  Inputs<double> in(n, 23);
  const Softcap<double> first(1.5), second(0.8);
  const WindowMask<double> causal(kUnlimited, 0, 2);
  const auto problem = [&] {
    auto p = in.problem();
    p.modifiers = {&first, &second};
    p.masks = {&causal};
    return p;
  };
  const auto loss = [&] {
    const auto r = run(problem(), in.grad_out);
    double sum = 0;
    for (size_t x = 0; x < r.out.memory().size(); ++x) {
      sum += r.out.memory()[x] * in.grad_out.memory()[x];
    }
    return sum;
  };
  const auto got = run(problem(), in.grad_out);
  const auto check = [&](Array<double>& input, const Array<double>& gradient, const char* what) {
    for (size_t x = 0; x < input.memory().size(); ++x) {
      const double saved = input.memory()[x], step = 1e-6;
      input.memory()[x] = saved + step;
      const double up = loss();
      input.memory()[x] = saved - step;
      const double down = loss();
      input.memory()[x] = saved;
      EXPECT_NEAR((up - down) / (2 * step), gradient.memory()[x], 1e-8) << what << " " << x;
    }
  };
  check(in.q, got.grad_q, "q");
  check(in.k, got.grad_k, "k");
  check(in.v, got.grad_v, "v");
}

// A hidden element reaches a modifier's backward as 0 with gradient 0, whatever stood there.
TEST(Modifiers, SeeZeroWhereAMaskHides) {
  struct Probe final : Modifier<float> {
    void forward(const Tile<float>&) const noexcept override {}
    void backward(const Tile<float>& scores, const Tile<float>& gradient) const noexcept override {
      for (int64_t j = 0; j < scores.columns; ++j) {
        for (int64_t i = 0; i < scores.rows; ++i) {
          if (scores.column + j <= scores.row + i) continue;
          EXPECT_EQ(scores(i, j), 0);
          EXPECT_EQ(gradient(i, j), 0);
        }
      }
    }
  } probe;
  Inputs<float> in({1, 1, 1, 70, 70, 8, 8}, 24);
  for (int64_t e = 0; e < 8; ++e) in.k(0, 0, 69, e) = std::numeric_limits<float>::quiet_NaN();
  const WindowMask<float> causal(kUnlimited, 0, 0);
  auto problem = in.problem();
  problem.modifiers = {&probe};
  problem.masks = {&causal};
  run(problem, in.grad_out);
}

TYPED_TEST(Kernels, DropoutMatchesTheReference) {
  using T = TypeParam;
  const Inputs<T> in({2, 4, 2, 70, 203, 16, 16}, 25);
  const WindowMask<T> causal(kUnlimited, 0, 133);
  for (const double p : {0.1, 0.5, 0.99, 1.0}) {
    SCOPED_TRACE(p);
    auto problem = in.problem();
    problem.masks = {&causal};
    problem.dropout = p, problem.seed = 0x123456789ABCDEFull;
    Rules rules;
    rules.hidden = [](int64_t, int64_t, int64_t i, int64_t j) { return j > i + 133; };
    expect_matches(run(problem, in.grad_out),
                   reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules, p, problem.seed),
                   10);
  }
}

TEST(Dropout, IsPhiloxOfItsPlace) {
  uint8_t keep[10];
  dropout_keep(0.5, 42, 3, 2, 1, 5, 10, keep);
  for (uint32_t j = 5; j < 15; ++j) {
    EXPECT_EQ(keep[j - 5], philox<7>(42, {j / 4, 1, 2, 3})[j % 4] >= 0x80000000u);
  }
}

TEST(Dropout, KeepsItsShareAndTheMean) {
  std::vector<uint8_t> keep(1 << 20);
  for (const double p : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    dropout_keep(p, 7, 0, 0, 0, 0, static_cast<int64_t>(keep.size()), keep.data());
    double kept = 0;
    for (const uint8_t one : keep) kept += one;
    const double deviation = std::sqrt(p * (1 - p) / static_cast<double>(keep.size()));
    EXPECT_NEAR(kept / static_cast<double>(keep.size()), 1 - p, 5 * deviation);
  }
  // With values all 1 the output is the sum of the kept weights over 1 - p: 1 on average over rows.
  Inputs<double> in({1, 4, 1, 500, 300, 4, 1}, 26, 0.1);
  std::fill(in.v.memory().begin(), in.v.memory().end(), 1.0);
  auto problem = in.problem();
  problem.dropout = 0.3, problem.seed = 5;
  const auto got = run(problem, in.grad_out);
  double mean = 0;
  for (const double x : got.out.memory()) mean += x / 2000;
  EXPECT_NEAR(mean, 1, 5 * std::sqrt(0.3 / 0.7 / 300 / 2000) * 1.1);
}

TEST(Dropout, AnotherSeedDropsOthers) {
  uint8_t a[64], b[64], c[64];
  dropout_keep(0.5, 1, 0, 0, 0, 0, 64, a);
  dropout_keep(0.5, 2, 0, 0, 0, 0, 64, b);
  dropout_keep(0.5, 1, 0, 0, 1, 0, 64, c);
  EXPECT_NE(std::memcmp(a, b, 64), 0);
  EXPECT_NE(std::memcmp(a, c, 64), 0);
}

}  // namespace
}  // namespace heed::kernels::test
