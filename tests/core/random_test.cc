#include "heed/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace heed {
namespace {

// The known answers that come with Random123 (kat_vectors, philox4x32 with 10 and 7 rounds).
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox(~uint64_t{0}, {kOnes, kOnes, kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(philox<7>(0, {0, 0, 0, 0}), (Words{0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48}));
  EXPECT_EQ(philox<7>(~uint64_t{0}, {kOnes, kOnes, kOnes, kOnes}),
            (Words{0x5207ddc2, 0x45165e59, 0x4d8ee751, 0x8c52f662}));
  EXPECT_EQ(philox<7>(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0x4dfccaba, 0x190a87f0, 0xc47362ba, 0xb6b5242a}));
}

TEST(Random, IsThePhiloxStreamOfItsName) {
  Random random(7, 3, 5);
  for (uint32_t block = 0; block < 3; ++block)
    for (const uint32_t word : philox(7, {block, 0, 3, 5})) EXPECT_EQ(random.bits(), word);
}

TEST(Random, StreamsDiffer) {
  std::set<uint32_t> first;
  for (uint64_t seed : {0, 1})
    for (uint32_t stream : {0, 1})
      for (uint32_t substream : {0, 1}) first.insert(Random(seed, stream, substream).bits());
  EXPECT_EQ(first.size(), 8u);
}

TEST(Random, UniformFillsZeroToOne) {
  Random random(1);
  double sum = 0, low = 1, high = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.uniform();
    sum += x, low = std::min(low, x), high = std::max(high, x);
  }
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
  EXPECT_LT(low, 1e-3);
  EXPECT_GT(high, 1 - 1e-3);
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
}

TEST(Random, BelowIsEvenAndInRange) {
  for (uint32_t n : {1u, 2u, 7u, 1000u}) {
    Random random(2);
    std::vector<int> counts(n);
    constexpr int kDraws = 70000;
    for (int i = 0; i < kDraws; ++i) {
      const uint32_t x = random.below(n);
      ASSERT_LT(x, n);
      ++counts[x];
    }
    double chi = 0;
    const double expected = double(kDraws) / n;
    for (int count : counts) chi += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi, n + 5 * std::sqrt(2.0 * n)) << n;  // five deviations of the chi-square law
  }
  // Where plain multiplication would favour some values: n just over half of the range.
  Random random(3);
  constexpr uint32_t kMost = 0xc0000000;
  int lower = 0;
  for (int i = 0; i < 40000; ++i) lower += random.below(kMost) < kMost / 3;
  EXPECT_NEAR(lower / 40000.0, 1.0 / 3, 0.015);
}

}  // namespace
}  // namespace heed
