// Dropout of an array: the same decisions on every SIMD target, and again from their bits.
#include "kernels/dropout_array.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "every_target.h"
#include "heed/core/random.h"

namespace heed::kernels::test {
namespace {

/// The formula of heed/ops/dropout.h for p = 0.3.
bool keeps(uint64_t seed, uint64_t e) {
  const uint64_t counter = 16 * (e / 64) + e % 16;
  const auto words =
      philox(seed, {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 1u, 0u});
  return words[e / 16 % 4] >= std::llround(0.3 * 0x1p32);
}

template <class T>
void expect_decisions(size_t count) {
  std::vector<T> x(count, T{2}), residual(count, T{1}), y(count), again(count);
  std::vector<uint8_t> kept(static_cast<size_t>(kept_bytes(static_cast<int64_t>(count))), 0xFF);
  const auto n = static_cast<int64_t>(count);
  dropout_array(0.3, 9, n, x.data(), residual.data(), y.data(), kept.data());
  keep_array(0.3, n, kept.data(), x.data(), again.data());
  const T value = T{2} * static_cast<T>(1 / 0.7);
  for (size_t e = 0; e < count; ++e) {
    const T expected = keeps(9, e) ? value : T{0};
    ASSERT_NEAR(double(again[e]), double(expected), 1e-6) << e << " of " << count;
    ASSERT_EQ(y[e], T{1} + again[e]) << e << " of " << count;
  }
  dropout_array(0.3, 9, n, x.data(), nullptr, y.data());
  ASSERT_EQ(y, again);
}

TEST(DropoutArray, DecisionsAreThoseOfTheFormulaOnEveryTarget) {
  EXPECT_GT(on_every_target([] {
              for (const size_t count : {0, 1, 7, 16, 100, 255, 256, 257, 1000})
                expect_decisions<float>(count), expect_decisions<double>(count);
            }),
            0);
}

}  // namespace
}  // namespace heed::kernels::test
