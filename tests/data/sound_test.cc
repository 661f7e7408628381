// Recordings as files: their samples, their channels, other rates, and files that are none.
#include "heed/data/sound.h"

#include <gmock/gmock.h>

#include <limits>

#include "data/samples.h"
#include "heed/core/error.h"
#include "sounds.h"

namespace heed::data {
namespace {

using test::message_of;
using testing::AllOf;
using testing::HasSubstr;

class SoundFiles : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& bytes, const std::string& name = "a.wav") {
    test::write_bytes(folder_ / name, bytes);
    return folder_ / name;
  }
  std::string refused(const std::string& bytes) {
    const auto path = file(bytes);
    return message_of<DataError>([&] { read_sound(path); });
  }
  test::TemporaryFolder folder_;
};

TEST_F(SoundFiles, SamplesAreThoseOfTheFile) {
  const auto samples = test::tone(440, 0.1, 8000);
  const auto sound = read_sound(file(test::float_wav(samples, 8000)));
  EXPECT_EQ(sound.sampling_rate, 8000);
  EXPECT_EQ(sound.channels, 1);
  EXPECT_EQ(sound.samples, samples);
  EXPECT_DOUBLE_EQ(sound.seconds(), 0.1);
}

TEST_F(SoundFiles, ChannelsBecomeTheirMean) {
  std::vector<float> frames;
  for (int i = 0; i < 100000; ++i)
    for (int c = 0; c < 8; ++c) frames.push_back(c == 3 ? 0.8F : c == 4 ? -0.4F : 0.0F);
  const auto sound = read_sound(file(test::float_wav(frames, 16000, 8)));
  EXPECT_EQ(sound.channels, 8);
  EXPECT_EQ(sound.samples, std::vector<float>(100000, 0.05F));
}

TEST_F(SoundFiles, WhatIsNoRecordingIsRefusedByItsName) {
  EXPECT_THAT(refused(""), AllOf(HasSubstr("a.wav"), HasSubstr("is empty")));
  EXPECT_THAT(refused("a text, and no sound"), AllOf(HasSubstr("a.wav"), HasSubstr("convert")));
  EXPECT_THAT(refused(test::float_wav({}, 16000)), HasSubstr("holds no samples"));
  auto samples = test::tone(440, 0.1, 16000);
  samples[1000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refused(test::float_wav(samples, 16000)), HasSubstr("sample 1001 is not finite"));
  samples[1000] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refused(test::float_wav(samples, 16000)), HasSubstr("sample 1001 is not finite"));
  auto cut = test::float_wav(test::tone(440, 0.1, 16000), 16000);
  cut.resize(cut.size() - 500);
  EXPECT_THAT(refused(cut), HasSubstr("cut off"));
  EXPECT_THROW(read_sound(folder_ / "absent.wav"), FileError);
  EXPECT_THROW(read_sound(folder_.path()), Error);
}

/// The tone is the same one, but for the first and last samples, which hear silence beside it.
TEST_F(SoundFiles, AnotherRateIsTheSameTone) {
  for (const uint32_t rate : {44100u, 48000u, 8000u, 11025u}) {
    const auto found = resampled({rate, 1, test::tone(440, 1, rate)}, 16000);
    EXPECT_EQ(found.sampling_rate, 16000);
    ASSERT_EQ(found.samples.size(), 16000u) << rate;
    const auto expected = test::tone(440, 1, 16000);
    double far = 0;
    for (size_t i = 500; i < 15500; ++i)
      far = std::max(far, std::abs(double(found.samples[i]) - expected[i]));
    EXPECT_LT(far, 1e-3) << rate;
  }
}

TEST_F(SoundFiles, WhatTheNewRateCannotHoldIsGone) {
  const auto found = resampled({48000, 1, test::tone(11000, 1, 48000)}, 16000);
  double most = 0;
  for (size_t i = 500; i < 15500; ++i) most = std::max(most, std::abs(double(found.samples[i])));
  EXPECT_LT(most, 1e-3);
}

TEST_F(SoundFiles, RatesTooFarApartAreRefused) {
  EXPECT_THAT(message_of<DataError>([] {
                resampled({10, 1, {0.1F}}, 16000);
              }),
              HasSubstr("a sampling rate of 10"));
  const std::vector<float> silence((1 << 23) + 1);  // 128 times as many at the other rate
  EXPECT_THAT(message_of<DataError>([&] {
                resampled({125, 1, silence}, 16000);
              }),
              HasSubstr("more than 1073741824 samples at 16000 a second"));
}

/// A tone with silence of half a second from 8.5 and from 17.1 s: parts of ten seconds at most end there.
TEST_F(SoundFiles, LongOnesAreCutAtPauses) {
  Sound sound{1000, 1, test::tone(100, 25, 1000)};
  for (const int64_t begin : {8500, 17100}) std::fill_n(sound.samples.begin() + begin, 500, 0.0F);
  const auto parts = cut_at_pauses(sound, 10);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts.front().begin, 0);
  EXPECT_EQ(parts.back().end, 25000);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(parts[i].end, parts[i + 1].begin);
    const int64_t pause = i == 0 ? 8500 : 17100;
    EXPECT_GE(parts[i].end, pause);
    EXPECT_LE(parts[i].end, pause + 500);
  }
  EXPECT_EQ(cut_at_pauses(sound, 25), (std::vector<SampleRange>{{0, 25000}}));
  EXPECT_THROW(cut_at_pauses(sound, 0.5), UsageError);
}

/// Where no part is quieter than another, parts are still no longer than they may be, and none is empty.
TEST_F(SoundFiles, PartsAreNeverTooLong) {
  for (const int64_t samples : {1001, 1999, 2000, 2001, 12345})
    for (const float value : {0.0F, 0.5F}) {
      const Sound sound{1000, 1, std::vector<float>(size_t(samples), value)};
      int64_t at = 0;
      for (const auto& [begin, end] : cut_at_pauses(sound, 1)) {
        EXPECT_EQ(begin, at);
        EXPECT_GT(end, begin);
        EXPECT_LE(end - begin, 1000);
        at = end;
      }
      EXPECT_EQ(at, samples);
    }
}

}  // namespace
}  // namespace heed::data
