// Log-mel frames against WhisperFeatureExtractor of transformers 5.24.
#include "heed/data/log_mel.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "heed/core/error.h"

namespace heed::data {
namespace {

/// Three seconds: a tone that rises from 200 to 3800 Hz, and a quiet one of 3000 Hz.
std::vector<float> rising_tone() {
  std::vector<float> samples(48000);
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / 16000;
    samples[i] = static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * (200 * t + 600 * t * t)) +
                                    0.01 * std::cos(2 * std::numbers::pi * 3000 * t));
  }
  return samples;
}

TEST(LogMel, EqualsWhispersFeatures) {
  const auto found = log_mel(rising_tone());
  ASSERT_EQ(found.frames, 3000);
  ASSERT_EQ(found.values.size(), 80u * 3000u);
  struct Place {
    size_t band, frame;
    double value;
  };
  constexpr Place kPlaces[] = {{0, 0, 1.0581990480422974},     {5, 10, 0.5646884441375732},
                               {20, 50, 1.2932525873184204},   {40, 100, -0.6526119709014893},
                               {60, 200, -0.6592891216278076}, {79, 299, -0.34657227993011475},
                               {30, 150, -0.6592891216278076}, {79, 2999, -0.6592891216278076}};
  for (const auto& [band, frame, value] : kPlaces)
    EXPECT_NEAR(found.values[band * 3000 + frame], value, 1e-4) << band << ", " << frame;
}

/// The same sums, written as their formula.
TEST(LogMel, IsItsFormulaForOtherSizes) {
  const LogMelOptions options{
      .sampling_rate = 8000, .window = 24, .hop = 7, .mels = 3, .seconds = 0};
  std::vector<float> samples(60);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>(std::sin(0.7 * double(i)) * 0.5);
  const auto found = log_mel(samples, options);
  ASSERT_EQ(found.frames, 60 / 7);
  const auto at = [&](int64_t n) {
    if (n < 0) n = -n;
    if (n >= 60) n = 118 - n;
    return static_cast<double>(samples[static_cast<size_t>(n)]);
  };
  const auto energy = [&](int64_t frame, int64_t bin) {
    double real = 0, imaginary = 0;
    for (int64_t n = 0; n < 24; ++n) {
      const double angle = 2 * std::numbers::pi * double(n) / 24;
      const double x = (0.5 - 0.5 * std::cos(angle)) * at(frame * 7 + n - 12);
      real += x * std::cos(angle * double(bin)), imaginary -= x * std::sin(angle * double(bin));
    }
    return real * real + imaginary * imaginary;
  };
  // Slaney's mel of 4000 Hz is 15 + 27 ln(4) / ln(6.4); the edges of three bands part it in four.
  const double most = 15 + 27 * std::log(4.0) / std::log(6.4);
  const auto edge = [&](int i) {
    const double mel = most * i / 4;
    return mel < 15 ? mel * 200 / 3 : 1000 * std::pow(6.4, (mel - 15) / 27);
  };
  double largest = -10;
  std::vector<double> expected;
  for (int m = 0; m < 3; ++m)
    for (int64_t t = 0; t < 8; ++t) {
      double sum = 0;
      for (int64_t k = 0; k <= 12; ++k) {
        const double hz = 4000.0 * double(k) / 12, low = edge(m), mid = edge(m + 1),
                     high = edge(m + 2);
        const double height = std::min((hz - low) / (mid - low), (high - hz) / (high - mid));
        sum += std::max(height, 0.0) * 2 / (high - low) * energy(t, k);
      }
      expected.push_back(std::log10(std::max(sum, 1e-10)));
      largest = std::max(largest, expected.back());
    }
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found.values[i], (std::max(expected[i], largest - 8) + 4) / 4, 1e-6) << i;
}

TEST(LogMel, BadSoundIsRefused) {
  const std::vector<float> second(16000, 0.1F);
  EXPECT_EQ(log_mel(second, {.seconds = 1}).frames, 100);
  EXPECT_EQ(log_mel({}, {.seconds = 1}).values, std::vector<float>(80 * 100, -1.5F));
  EXPECT_THROW(log_mel(std::vector<float>(16001), {.seconds = 1}), DataError);
  EXPECT_THROW(log_mel(std::vector<float>(200), {.seconds = 0}), DataError);
  EXPECT_EQ(log_mel(std::vector<float>(201), {.seconds = 0}).frames, 1);
  EXPECT_THROW(log_mel(second, {.mels = 202}), UsageError);
  EXPECT_THROW(log_mel(second, {.hop = 0}), UsageError);
  auto broken = second;
  broken[70] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(log_mel(broken), DataError);
}

}  // namespace
}  // namespace heed::data
