// Recordings as files: their samples, their channels, other rates, and files that are none.
#include "heed/data/sound.h"

#include <gmock/gmock.h>

#include <cmath>
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
  auto lies = test::float_wav(test::tone(440, 0.1, 16000), 16000);
  lies[41] = '\x7f';  // of the data's size, the second byte; the file's own is right
  EXPECT_THAT(refused(lies), AllOf(HasSubstr("32512 bytes"), HasSubstr("6400")));
  std::fill_n(lies.begin() + 40, 4, '\xff');  // as programs write it that do not know yet
  EXPECT_EQ(read_sound(file(lies)).samples.size(), 1600u);
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

/// The parts of samples that a file holds.
class SoundPartsOf : public SoundFiles {
 protected:
  std::vector<SoundPart> parts_of(const std::vector<float>& samples, double seconds) {
    SoundParts parts(SoundReader(file(test::float_wav(samples, 1000))), seconds);
    std::vector<SoundPart> all;
    while (auto part = parts.next()) all.push_back(std::move(*part));
    EXPECT_FALSE(parts.has_more());
    std::vector<float> together;
    for (const auto& part : all) {
      EXPECT_EQ(part.begin, std::ssize(together));
      EXPECT_GT(part.samples.size(), 0u);
      EXPECT_LE(double(part.samples.size()), std::round(seconds * 1000));
      together.insert(together.end(), part.samples.begin(), part.samples.end());
    }
    EXPECT_EQ(together, samples);
    return all;
  }
};

/// A tone with silence of half a second from 8.5 and from 17.1 s: parts of ten seconds at most end there.
TEST_F(SoundPartsOf, LongOnesAreCutAtPauses) {
  auto samples = test::tone(100, 25, 1000);
  for (const int64_t begin : {8500, 17100}) std::fill_n(samples.begin() + begin, 500, 0.0F);
  const auto parts = parts_of(samples, 10);
  ASSERT_EQ(parts.size(), 3u);
  for (size_t i = 0; i < 2; ++i) {
    const int64_t pause = i == 0 ? 8500 : 17100;
    EXPECT_GE(parts[i + 1].begin, pause);
    EXPECT_LE(parts[i + 1].begin, pause + 500);
  }
  EXPECT_EQ(parts_of(samples, 25).size(), 1u);
  EXPECT_THROW(SoundParts(SoundReader(folder_ / "a.wav"), 0.5), UsageError);
}

/// 1.001 times 1000 is 1000.9999999999999 in float64.
TEST_F(SoundPartsOf, SecondsAreWholeSamples) {
  EXPECT_EQ(parts_of(test::tone(100, 1.001, 1000), 1.001).size(), 1u);
}

/// Where no part is quieter than another, parts are still no longer than they may be, and none is empty.
TEST_F(SoundPartsOf, PartsAreNeverTooLong) {
  for (const int64_t samples : {1, 999, 1000, 1001, 1999, 2000, 2001, 12345})
    for (const float value : {0.0F, 0.5F})
      EXPECT_EQ(parts_of(std::vector<float>(size_t(samples), value), 1).size() > 1, samples > 1000);
}

TEST_F(SoundFiles, OneChannelCanBeChosen) {
  const std::vector<float> frames = {0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F};
  const auto path = file(test::float_wav(frames, 8000, 2));
  EXPECT_EQ(read_sound(path, {.channel = 2}).samples, (std::vector<float>{0.2F, 0.4F, 0.6F}));
  EXPECT_THAT(message_of<DataError>([&] { read_sound(path, {.channel = 3}); }),
              AllOf(HasSubstr("a.wav"), HasSubstr("has 2 channels"), HasSubstr("input.channel")));
}

/// Read in pieces of any size, at any rate, the samples are those of the whole.
TEST_F(SoundFiles, PiecesAreTheWhole) {
  const auto path = file(test::float_wav(test::tone(440, 2, 44100), 44100));
  for (const int64_t rate : {0, 8000, 16000, 48000}) {
    const auto whole = read_sound(path, {.sampling_rate = rate});
    const auto expected =
        rate == 0 ? whole : resampled({44100, 1, test::tone(440, 2, 44100)}, rate);
    ASSERT_EQ(whole.samples.size(), expected.samples.size()) << rate;
    for (size_t i = 0; i < whole.samples.size(); ++i)
      ASSERT_NEAR(whole.samples[i], expected.samples[i], 1e-6) << rate << ' ' << i;
    SoundReader reader(path, {.sampling_rate = rate});
    std::vector<float> pieces;
    for (size_t before = 1; before != pieces.size();) {
      before = pieces.size();
      reader.read(pieces, 777);
    }
    ASSERT_EQ(pieces.size(), whole.samples.size()) << rate;
    for (size_t i = 0; i < pieces.size(); ++i) ASSERT_NEAR(pieces[i], whole.samples[i], 1e-6);
  }
}

}  // namespace
}  // namespace heed::data
