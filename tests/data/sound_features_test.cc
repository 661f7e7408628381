// Deltas and normalisation of features against their formulas.
#include "heed/data/sound_features.h"

#include <gmock/gmock.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed::data {
namespace {

SoundFeatures some_features() {
  SoundFeatures made{.bands = 2, .frames = 7};
  for (int i = 0; i < 14; ++i) made.values.push_back(float(std::sin(1.3 * i) * (i > 6 ? 5 : 1)));
  return made;
}

TEST(SoundFeatures, DeltasAreKaldis) {
  const auto x = some_features();
  const auto found = with_deltas(x, 2);
  ASSERT_EQ(found.bands, 6);
  ASSERT_EQ(found.values.size(), 42u);
  const auto at = [&](int64_t c, int64_t t) {
    return double(x.at(c, std::clamp<int64_t>(t, 0, 6)));
  };
  for (int64_t c = 0; c < 2; ++c)
    for (int64_t t = 0; t < 7; ++t) {
      double first = 0, second = 0;
      for (int j = -2; j <= 2; ++j) {
        first += j / 10.0 * at(c, t + j);
        for (int k = -2; k <= 2; ++k) second += j * k / 100.0 * at(c, t + j + k);
      }
      EXPECT_EQ(found.at(c, t), x.at(c, t));
      EXPECT_NEAR(found.at(2 + c, t), first, 1e-6);
      EXPECT_NEAR(found.at(4 + c, t), second, 1e-6);
    }
  EXPECT_EQ(with_deltas(x, 0).values, x.values);
  EXPECT_THROW(with_deltas(x, 3), UsageError);
}

TEST(SoundFeatures, ARecordingLosesItsMeanAndDeviation) {
  for (const auto how : {RecordingNormalization::mean, RecordingNormalization::mean_and_std}) {
    auto x = some_features();
    const auto before = x;
    normalize_recording(x, how);
    for (int64_t c = 0; c < 2; ++c) {
      double sum = 0, squares = 0;
      for (int64_t t = 0; t < 7; ++t) sum += x.at(c, t), squares += x.at(c, t) * x.at(c, t);
      EXPECT_NEAR(sum, 0, 1e-5);
      if (how == RecordingNormalization::mean_and_std)
        EXPECT_NEAR(squares / 7, 1, 1e-5);
      else
        EXPECT_NEAR(x.at(c, 3) - x.at(c, 0), before.at(c, 3) - before.at(c, 0), 1e-6);
    }
  }
  SoundFeatures still{.bands = 1, .frames = 3, .values = {2, 2, 2}};
  normalize_recording(still, RecordingNormalization::mean_and_std);
  EXPECT_EQ(still.values, std::vector<float>(3, 0));
}

TEST(SoundFeatures, BandsGetMeansAndDeviationsThatAreGiven) {
  SoundFeatures x{.bands = 2, .frames = 2, .values = {1, 3, 10, 20}};
  standardize(x, {1, 10}, {2, 5});
  EXPECT_EQ(x.values, (std::vector<float>{0, 1, 0, 2}));
  EXPECT_THROW(standardize(x, {1}, {2}), UsageError);
}

}  // namespace
}  // namespace heed::data
