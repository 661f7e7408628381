// One call of the kernels, forward and backward, on random inputs, and its comparison with the
// reference.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "array.h"
#include "reference.h"

namespace heed::kernels::test {

struct Orders {
  Order q = Order::contiguous, k = Order::contiguous, v = Order::contiguous;
  Order out = Order::contiguous;
};

template <class T>
struct Inputs {
  Sizes n;
  Array<T> q, k, v, grad_out;
  double scale;

  Inputs(const Sizes& sizes, uint32_t seed, double size = 1, Orders orders = {}) : n(sizes) {
    std::mt19937 random(seed);
    q = Array<T>(n.B, n.H, n.Lq, n.D, orders.q);
    k = Array<T>(n.B, n.G, n.Lk, n.D, orders.k);
    v = Array<T>(n.B, n.G, n.Lk, n.E, orders.v);
    grad_out = Array<T>(n.B, n.H, n.Lq, n.E, orders.out);
    q.randomize(random, size), k.randomize(random), v.randomize(random);
    grad_out.randomize(random);
    scale = n.D > 0 ? 1 / std::sqrt(static_cast<double>(n.D)) : 1;
  }

  Problem<T> problem() const {
    Problem<T> p;
    p.sizes = n;
    p.q = q.view(), p.k = k.view(), p.v = v.view();
    p.scale = static_cast<T>(scale);
    return p;
  }
};

template <class T>
struct Result4 {
  Array<T> out, grad_q, grad_k, grad_v;
  std::vector<T> lse;
};

/// Memory for the numbers of `count` rows.
template <class T>
struct RowStatsOf {
  std::vector<T> first, second, logsumexp;

  explicit RowStatsOf(int64_t count)
      : first(static_cast<size_t>(count), T{12345}), second(first), logsumexp(first) {}
  RowStats<T> write() { return {first.data(), second.data(), logsumexp.data()}; }
  RowStats<const T> read() const { return {first.data(), second.data()}; }
};

template <class T>
Result4<T> run(const Problem<T>& problem, const Array<T>& grad_out, Orders orders = {}) {
  const Sizes& n = problem.sizes;
  Result4<T> r;
  r.out = Array<T>(n.B, n.H, n.Lq, n.E, orders.out);
  r.grad_q =
      Array<T>(n.B, n.H, n.Lq, n.D, orders.q == Order::one_row ? Order::contiguous : orders.q);
  r.grad_k =
      Array<T>(n.B, n.G, n.Lk, n.D, orders.k == Order::one_row ? Order::contiguous : orders.k);
  r.grad_v =
      Array<T>(n.B, n.G, n.Lk, n.E, orders.v == Order::one_row ? Order::contiguous : orders.v);
  for (auto* a : {&r.out, &r.grad_q, &r.grad_k, &r.grad_v}) {
    std::fill(a->memory().begin(), a->memory().end(), T{12345});  // everything must be written
  }
  RowStatsOf<T> row_stats(n.B * n.H * n.Lq);
  attend_forward(problem, r.out.view(), row_stats.write());
  r.lse = row_stats.logsumexp;
  const Array<T>& out = r.out;
  attend_backward(problem, out.view(), row_stats.read(), grad_out.view(),
                  Gradients<T>{r.grad_q.view(), r.grad_k.view(), r.grad_v.view()});
  return r;
}

/// |x - ref| <= atol + rtol |ref|: float 2e-5 + 2e-4, double 1e-12 + 1e-11, times `loose`.
template <class T>
void expect_near(const Array<T>& x, const Array<double>& ref, const char* what, double loose = 1) {
  const double atol = loose * (sizeof(T) == 4 ? 2e-5 : 1e-12), rtol = 10 * atol;
  for (int64_t b = 0; b < x.batches(); ++b) {
    for (int64_t h = 0; h < x.heads(); ++h) {
      for (int64_t i = 0; i < x.length(); ++i) {
        for (int64_t e = 0; e < x.width(); ++e) {
          const double want = ref(b, h, i, e), got = x(b, h, i, e);
          ASSERT_LE(std::abs(got - want), atol + rtol * std::abs(want))
              << what << "[" << b << ", " << h << ", " << i << ", " << e << "] is " << got
              << ", the reference says " << want;
        }
      }
    }
  }
}

template <class T>
void expect_matches(const Result4<T>& r, const Reference<T>& ref, double loose = 1) {
  expect_near(r.out, ref.out, "out", loose);
  expect_near(r.grad_q, ref.grad_q, "grad_q", loose);
  expect_near(r.grad_k, ref.grad_k, "grad_k", loose);
  expect_near(r.grad_v, ref.grad_v, "grad_v", loose);
  for (size_t i = 0; i < ref.lse.size(); ++i) {
    if (std::isinf(ref.lse[i])) {
      ASSERT_EQ(static_cast<double>(r.lse[i]), ref.lse[i]) << "lse of row " << i;
    } else {
      ASSERT_NEAR(static_cast<double>(r.lse[i]), ref.lse[i],
                  loose * (sizeof(T) == 4 ? 2e-5 : 1e-12) * (1 + 10 * std::abs(ref.lse[i])))
          << "lse of row " << i;
    }
  }
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
void expect_same_bits(const Result4<T>& a, const Result4<T>& b) {
  EXPECT_TRUE(same_bits(a.out.memory(), b.out.memory())) << "out";
  EXPECT_TRUE(same_bits(a.lse, b.lse)) << "lse";
  EXPECT_TRUE(same_bits(a.grad_q.memory(), b.grad_q.memory())) << "grad_q";
  EXPECT_TRUE(same_bits(a.grad_k.memory(), b.grad_k.memory())) << "grad_k";
  EXPECT_TRUE(same_bits(a.grad_v.memory(), b.grad_v.memory())) << "grad_v";
}

template <class T>
class Kernels : public testing::Test {};
using Floats = testing::Types<float, double>;

}  // namespace heed::kernels::test
