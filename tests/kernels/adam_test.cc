// A step of Adam against its formula in float64.
#include "kernels/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "every_target.h"
#include "heed/core/threads.h"

namespace heed::kernels::test {
namespace {

constexpr int64_t kCount = 40'003;  // several tasks and a rest

template <class T>
struct AdamNumbers {
  std::vector<T> p, g, m, v;

  AdamNumbers() {
    for (int64_t i = 0; i < kCount; ++i) {
      const double x = std::sin(static_cast<double>(i));
      p.push_back(T(x)), g.push_back(T(0.3 * std::cos(7 * x))), m.push_back(T(0.1 * x));
      v.push_back(T(0.02 + 0.01 * x));
    }
  }
  void step(int64_t first, int64_t count) {
    adam_step(AdamStep<T>{count, g.data() + first, p.data() + first, m.data() + first,
                          v.data() + first, 0.9, 0.98, 1e-6, 0.999, 0.01, 0.7});
  }
};

template <class T>
void expect_step() {
  const AdamNumbers<T> before;
  AdamNumbers<T> whole = before, parts = before;
  whole.step(0, kCount);
  const double near = sizeof(T) == 4 ? 1e-6 : 1e-14;
  for (size_t i = 0; i < kCount; ++i) {
    const double g = before.g[i], m = 0.9 * before.m[i] + 0.1 * g;
    const double v = 0.98 * before.v[i] + 0.02 * g * g;
    ASSERT_NEAR(whole.m[i], m, near) << i;
    ASSERT_NEAR(whole.v[i], v, near) << i;
    ASSERT_NEAR(whole.p[i], 0.999 * before.p[i] - 0.01 * m / (std::sqrt(v) / 0.7 + 1e-6), near)
        << i;
  }
  for (int64_t first = 0; first < kCount; first += 997)
    parts.step(first, std::min<int64_t>(997, kCount - first));
  EXPECT_EQ(parts.p, whole.p) << "a number's place has no part in it";
  const int threads = num_threads();
  set_num_threads(3);
  AdamNumbers<T> shared = before;
  shared.step(0, kCount);
  set_num_threads(threads);
  EXPECT_EQ(shared.p, whole.p);
}

TEST(AdamStep, IsTheFormulaOnEveryTarget) {
  EXPECT_GT(on_every_target([] { expect_step<float>(), expect_step<double>(); }), 0);
}

}  // namespace
}  // namespace heed::kernels::test
