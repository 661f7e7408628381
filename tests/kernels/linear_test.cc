// The kernels of linear attention on every SIMD target, against a step-by-step loop in double.
#include "kernels/linear.h"

#include <gtest/gtest.h>

#include "array.h"
#include "every_target.h"

namespace heed::kernels::test {
namespace {

/// What a call reads and what it or the loop leaves.
template <class T>
struct LinearRun {
  LinearProblem<T> problem;
  Array<T> q, k, v, log_decay, beta, grad_out;
  std::vector<T> initial, grad_last;
  Array<T> out, grad_q, grad_k, grad_v, grad_decay, grad_beta;
  std::vector<T> last, grad_initial;

  LinearRun(const LinearProblem<T>& p, double strength) : problem(p) {
    std::mt19937 random(5);
    const Order turned = Order::columns_first;
    q = Array<T>(p.B, p.H, p.L, p.D, Order::rows_backwards), q.randomize(random);
    k = Array<T>(p.B, p.G, p.L, p.D, turned);
    k.randomize(random, 1 / std::sqrt(static_cast<double>(p.D)));
    v = Array<T>(p.B, p.G, p.L, p.E, Order::batch_length_head), v.randomize(random);
    log_decay = Array<T>(p.B, p.G, p.L, p.decay == Decay::channel ? p.D : 1, turned);
    for (T& x : log_decay.randomize(random, strength).memory()) x = -std::abs(x);
    beta = Array<T>(p.B, p.G, p.L, 1), beta.randomize(random, 0.3);
    for (T& x : beta.memory()) x = std::abs(x);
    grad_out = Array<T>(p.B, p.H, p.L, p.E, turned), grad_out.randomize(random);
    std::normal_distribution<double> normal;
    for (auto* list : {&initial, &grad_last})
      for (int64_t i = 0; i < p.B * p.G * p.D * p.E; ++i)
        list->push_back(static_cast<T>(normal(random)));
    out = Array<T>(p.B, p.H, p.L, p.E, turned);
    grad_q = Array<T>(p.B, p.H, p.L, p.D, turned), grad_k = Array<T>(p.B, p.G, p.L, p.D);
    grad_v = Array<T>(p.B, p.G, p.L, p.E), grad_beta = Array<T>(p.B, p.G, p.L, 1);
    grad_decay = Array<T>(p.B, p.G, p.L, log_decay.width());
    last = grad_initial = initial;
    problem.q = view(q), problem.k = view(k), problem.v = view(v);
    problem.log_decay = view(log_decay), problem.beta = view(beta);
    problem.initial = initial.data();
  }

  void by_kernels() {
    std::vector<T> starts(initial.size() * static_cast<size_t>(problem.chunks()));
    linear_forward(problem, out.view(), starts.data(), last.data());
    const LinearGradients<T> grads{grad_q.view(),     grad_k.view(),    grad_v.view(),
                                   grad_decay.view(), grad_beta.view(), grad_initial.data()};
    linear_backward(problem, starts.data(), view(grad_out), grad_last.data(), grads);
  }

 private:
  static View<const T> view(const Array<T>& x) { return x.view(); }
};

using Rows = std::vector<double>;

/// One state by the formula of kernels/linear.h, a step after the other and back.
template <class T>
class Loop {
 public:
  Loop(LinearRun<T>& run, int64_t b, int64_t g) : run_(run), p_(run.problem), b_(b), g_(g) {}

  void forward() {
    const T* from = run_.initial.data() + (b_ * p_.G + g_) * p_.D * p_.E;
    states_.assign(1, Rows(from, from + p_.D * p_.E));
    for (int64_t t = 0; t < p_.L; ++t) {
      Rows s = states_.back();
      for (int64_t i = 0; i < p_.D * p_.E; ++i) s[i] *= fall(t, i / p_.E);
      decayed_.push_back(s);
      missing_.emplace_back(p_.E);
      for (int64_t e = 0; e < p_.E; ++e) {
        double found = 0;
        for (int64_t d = 0; d < p_.D; ++d) found += run_.k(b_, g_, t, d) * s[d * p_.E + e];
        missing_[t][e] = run_.v(b_, g_, t, e) - (p_.delta ? found : 0);
      }
      for (int64_t i = 0; i < p_.D * p_.E; ++i)
        s[i] += run_.k(b_, g_, t, i / p_.E) * strength(t) * missing_[t][i % p_.E];
      states_.push_back(s);
      for (int64_t h = first_head(); h < first_head() + p_.H / p_.G; ++h)
        for (int64_t e = 0; e < p_.E; ++e) {
          double sum = 0;
          for (int64_t d = 0; d < p_.D; ++d) sum += run_.q(b_, h, t, d) * s[d * p_.E + e];
          run_.out(b_, h, t, e) = static_cast<T>(p_.scale * sum);
        }
    }
    for (int64_t i = 0; i < p_.D * p_.E; ++i)
      run_.last[offset() + i] = static_cast<T>(states_.back()[i]);
  }

  void backward() {
    const T* from = run_.grad_last.data() + offset();
    Rows grad(from, from + p_.D * p_.E);  // of the state
    for (int64_t t = p_.L - 1; t >= 0; --t) {
      from_outputs(t, grad);
      Rows grad_u(p_.E);
      double of_beta = 0;
      for (int64_t e = 0; e < p_.E; ++e) {
        for (int64_t d = 0; d < p_.D; ++d) grad_u[e] += run_.k(b_, g_, t, d) * grad[d * p_.E + e];
        of_beta += grad_u[e] * missing_[t][e];
        run_.grad_v(b_, g_, t, e) = static_cast<T>(strength(t) * grad_u[e]);
      }
      run_.grad_beta(b_, g_, t, 0) = static_cast<T>(of_beta);
      through_state(t, grad, grad_u);
    }
    for (int64_t i = 0; i < p_.D * p_.E; ++i)
      run_.grad_initial[offset() + i] = static_cast<T>(grad[i]);
  }

 private:
  int64_t first_head() const { return g_ * (p_.H / p_.G); }
  int64_t offset() const { return (b_ * p_.G + g_) * p_.D * p_.E; }
  double strength(int64_t t) const { return p_.delta ? run_.beta(b_, g_, t, 0) : 1; }
  double fall(int64_t t, int64_t d) const {
    if (p_.decay == Decay::none) return 1;
    return std::exp(run_.log_decay(b_, g_, t, p_.decay == Decay::channel ? d : 0));
  }

  void from_outputs(int64_t t, Rows& grad) {
    for (int64_t h = first_head(); h < first_head() + p_.H / p_.G; ++h)
      for (int64_t d = 0; d < p_.D; ++d) {
        double sum = 0;
        for (int64_t e = 0; e < p_.E; ++e) {
          const double of_out = p_.scale * run_.grad_out(b_, h, t, e);
          grad[d * p_.E + e] += run_.q(b_, h, t, d) * of_out;
          sum += states_[t + 1][d * p_.E + e] * of_out;
        }
        run_.grad_q(b_, h, t, d) = static_cast<T>(sum);
      }
  }

  void through_state(int64_t t, Rows& grad, const Rows& grad_u) {
    double of_all = 0;
    for (int64_t d = 0; d < p_.D; ++d) {
      double of_key = 0, of_decay = 0;
      for (int64_t e = 0; e < p_.E; ++e) {
        double& g = grad[d * p_.E + e];
        const double state = decayed_[t][d * p_.E + e],
                     found = p_.delta ? strength(t) * grad_u[e] : 0;
        of_key += g * strength(t) * missing_[t][e] - state * found;
        g -= run_.k(b_, g_, t, d) * found;
        of_decay += g * state;
        g *= fall(t, d);
      }
      run_.grad_k(b_, g_, t, d) = static_cast<T>(of_key);
      of_all += of_decay;
      if (p_.decay == Decay::channel) run_.grad_decay(b_, g_, t, d) = static_cast<T>(of_decay);
    }
    if (p_.decay != Decay::channel) run_.grad_decay(b_, g_, t, 0) = static_cast<T>(of_all);
  }

  LinearRun<T>& run_;
  const LinearProblem<T>& p_;
  int64_t b_, g_;
  std::vector<Rows> states_, decayed_, missing_;
};

template <class T>
void expect_near(const std::vector<T>& given, const std::vector<T>& expected, const char* what) {
  const double tolerance = sizeof(T) == 4 ? 3e-4 : 1e-9;
  ASSERT_EQ(given.size(), expected.size());
  for (size_t i = 0; i < given.size(); ++i)
    ASSERT_NEAR(given[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << what << " " << i;
}

template <class T>
void compare_with_loop(const LinearProblem<T>& problem, double strength) {
  LinearRun<T> given(problem, strength), expected(problem, strength);
  given.by_kernels();
  for (int64_t item = 0; item < problem.B * problem.G; ++item) {
    Loop<T> loop(expected, item / problem.G, item % problem.G);
    loop.forward();
    loop.backward();
  }
  expect_near(given.out.memory(), expected.out.memory(), "out");
  expect_near(given.last, expected.last, "last");
  expect_near(given.grad_q.memory(), expected.grad_q.memory(), "grad_q");
  expect_near(given.grad_k.memory(), expected.grad_k.memory(), "grad_k");
  expect_near(given.grad_v.memory(), expected.grad_v.memory(), "grad_v");
  expect_near(given.grad_initial, expected.grad_initial, "grad_initial");
  if (problem.delta)
    expect_near(given.grad_beta.memory(), expected.grad_beta.memory(), "grad_beta");
  if (problem.decay != Decay::none)
    expect_near(given.grad_decay.memory(), expected.grad_decay.memory(), "grad_decay");
}

template <class T>
void every_rule() {
  for (const Decay decay : {Decay::none, Decay::head, Decay::channel})
    for (const bool delta : {false, true})
      for (const double strength : {0.05, 4.0})
        for (const auto& [L, D, E, chunk] : {std::array<int64_t, 4>{1, 1, 1, 64},
                                             {7, 3, 5, 1},
                                             {70, 17, 33, 64},
                                             {66, 100, 8, 64}}) {
          LinearProblem<T> p;
          p.B = 1, p.H = 4, p.G = 2, p.L = L, p.D = D, p.E = E;
          p.decay = decay, p.delta = delta, p.scale = T{0.5}, p.chunk = chunk;
          SCOPED_TRACE(testing::Message() << static_cast<int>(decay) << delta << " " << strength
                                          << " L=" << L << " D=" << D << " E=" << E);
          compare_with_loop(p, strength);
        }
}

TEST(LinearKernels, FollowTheFormulaOnEveryTarget) {
  on_every_target([] {
    every_rule<float>();
    every_rule<double>();
  });
}

}  // namespace
}  // namespace heed::kernels::test
