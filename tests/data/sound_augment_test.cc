// Random changes of recordings: each does what it says, and the same numbers decide the same changes.
#include "heed/data/sound_augment.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "data/samples.h"
#include "heed/core/error.h"
#include "sounds.h"

namespace heed::data {
namespace {

using test::message_of;
using testing::HasSubstr;

Sound some_tone() { return {8000, 1, test::tone(300, 0.5, 8000)}; }

Sound changed(const SoundAugmentOptions& options, uint32_t example, const NoiseSounds& noise = {}) {
  auto sound = some_tone();
  Random random(1, 2, example);
  augment(sound, options, noise, random);
  return sound;
}

double decibels(const Sound& noisy) {
  const auto clean = some_tone();
  double own = 0, other = 0;
  for (size_t i = 0; i < clean.samples.size(); ++i) {
    own += clean.samples[i] * clean.samples[i];
    other += std::pow(noisy.samples[i] - clean.samples[i], 2);
  }
  return 10 * std::log10(own / other);
}

TEST(SoundAugment, NothingIsChangedByDefaultAndEqualNumbersChangeAlike) {
  EXPECT_EQ(changed({}, 0).samples, some_tone().samples);
  const SoundAugmentOptions all{.speed = 0.1, .shift = 0.1, .noise = 1};
  EXPECT_EQ(changed(all, 5).samples, changed(all, 5).samples);
  EXPECT_NE(changed(all, 5).samples, changed(all, 6).samples);
}

TEST(SoundAugment, SpeedChangesLengthWithinItsBounds) {
  size_t least = 1 << 20, most = 0;
  for (uint32_t i = 0; i < 40; ++i) {
    const auto sound = changed({.speed = 0.1}, i);
    EXPECT_EQ(sound.sampling_rate, 8000);
    least = std::min(least, sound.samples.size()), most = std::max(most, sound.samples.size());
  }
  EXPECT_GE(least, size_t(4000 / 1.101));
  EXPECT_LT(least, 3800u);
  EXPECT_GT(most, 4200u);
  EXPECT_LE(most, size_t(4000 / 0.899));
}

TEST(SoundAugment, ShiftMovesAndBringsSilence) {
  const auto clean = some_tone().samples;
  bool later = false, earlier = false;
  for (uint32_t i = 0; i < 20; ++i) {
    const auto x = changed({.shift = 0.1}, i).samples;
    ASSERT_EQ(x.size(), clean.size());
    int found = 1000;
    for (int by = -800; by <= 800 && found == 1000; ++by) {
      bool same = true;
      for (int n = 0; n < 4000 && same; ++n) {
        const int from = n - by;
        same = x[size_t(n)] == (from < 0 || from >= 4000 ? 0.0F : clean[size_t(from)]);
      }
      if (same) found = by;
    }
    EXPECT_NE(found, 1000) << i;
    (found > 0 ? later : earlier) = true;
  }
  EXPECT_TRUE(later && earlier);
}

TEST(SoundAugment, NoiseHasTheRatioThatIsAsked) {
  const NoiseSounds hum{{8000, 1, test::tone(50, 0.1, 8000)}};
  for (const auto* noise : {static_cast<const NoiseSounds*>(nullptr), &hum})
    for (uint32_t i = 0; i < 10; ++i) {
      const double found = decibels(
          changed({.noise = 1, .least_snr = 3, .most_snr = 9}, i, noise ? *noise : NoiseSounds{}));
      EXPECT_GE(found, 2.99);
      EXPECT_LE(found, 9.01);
    }
  Random one(1), same(1);
  auto white = some_tone(), behind = white;
  add_noise(white.samples, 0, {}, one), add_noise(behind.samples, 0, hum, same);
  EXPECT_NEAR(decibels(white), 0, 0.01);
  EXPECT_NEAR(decibels(behind), 0, 0.01);
  EXPECT_NE(white.samples, behind.samples);
  Sound silent{8000, 1, std::vector<float>(100)};
  Random random(1);
  augment(silent, {.noise = 1}, {}, random);
  EXPECT_EQ(silent.samples, std::vector<float>(100));
  EXPECT_THROW((SoundAugmentOptions{.least_snr = 9, .most_snr = 3}).check(), ModelError);
}

/// Of a recording that is silent but for two samples the part begins with one of them.
TEST(SoundAugment, ThePartOfANoiseIsNoSilence) {
  NoiseSounds click{{8000, 1, std::vector<float>(50000)}};
  click[0].samples[30000] = 1, click[0].samples[30001] = 1;
  for (uint32_t i = 0; i < 10; ++i) {
    auto sound = some_tone();
    Random random(1, i);
    add_noise(sound.samples, 6, click, random);
    EXPECT_NEAR(decibels(sound), 6, 0.01) << i;
  }
}

TEST(SoundAugment, NoiseIsReadOfAFileOrAFolder) {
  test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "noise");
  EXPECT_THAT(message_of<DataError>([&] { read_noise(folder / "noise", 8000); }),
              HasSubstr("holds no recordings"));
  const auto samples = test::tone(50, 0.1, 8000);
  test::write_bytes(folder / "noise/b.wav", test::float_wav(samples, 8000));
  test::write_bytes(folder / "noise/a.wav", test::float_wav(test::tone(60, 0.2, 4000), 4000));
  const auto all = read_noise(folder / "noise", 8000),
             one = read_noise(folder / "noise/b.wav", 8000);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].samples.size(), 1600u) << "by name, at the rate that is asked";
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].samples, samples);
  test::write_bytes(folder / "noise/c.wav", test::float_wav(std::vector<float>(9), 8000));
  EXPECT_THAT(message_of<DataError>([&] { read_noise(folder / "noise", 8000); }),
              testing::AllOf(HasSubstr("c.wav"), HasSubstr("silent")));
}

TEST(SpecAugment, MasksStretchesByTheMeanOfTheirBand) {
  SoundFeatures features{.bands = 6, .frames = 50};
  for (int i = 0; i < 300; ++i) features.values.push_back(float(std::sin(i * i)));
  int masked_bands = 0, masked_frames = 0;
  for (uint32_t example = 0; example < 50; ++example) {
    auto x = features;
    Random random(3, 0, example);
    augment(x,
            {.time_masks = 1, .time_mask = 20, .time_share = 0.2, .band_masks = 1, .band_mask = 1},
            2, random);
    std::vector<int> bands(6, 0), frames(50, 0);
    for (int c = 0; c < 6; ++c)
      for (int t = 0; t < 50; ++t) {
        if (x.at(c, t) == features.at(c, t)) continue;
        ++bands[size_t(c)], ++frames[size_t(t)];
        double mean = 0;
        for (int s = 0; s < 50; ++s) mean += features.at(c, s) / 50;
        EXPECT_NEAR(x.at(c, t), mean, 1e-5);
      }
    for (int c = 0; c < 3; ++c) {
      EXPECT_EQ(bands[size_t(c)] == 50, bands[size_t(c + 3)] == 50);  // groups alike
      masked_bands += bands[size_t(c)] == 50;
    }
    const auto whole = std::count(frames.begin(), frames.end(), 6);
    EXPECT_LE(whole, 10);  // a fifth of the frames
    masked_frames += int(whole);
  }
  EXPECT_GT(masked_bands, 5);
  EXPECT_GT(masked_frames, 50);
}

}  // namespace
}  // namespace heed::data
