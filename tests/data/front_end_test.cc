// Front ends by their presets against kaldi-native-fbank 1.23.0, librosa 0.11.0 and KWT-1's own constants, which
// bench/peers/features.py compares on recordings.
#include "heed/data/front_end.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "heed/core/error.h"

namespace heed::data {
namespace {

using testing::HasSubstr;

/// A tone that rises, and a faster one beside it that folds over.
std::vector<float> two_tones() {
  std::vector<float> samples(9000);
  for (size_t i = 0; i < samples.size(); ++i) {
    const double n = double(i), t = n / 16000;
    samples[i] = float(0.3 * std::sin(2 * std::numbers::pi * (200 * t + 600 * t * t)) +
                       0.1 * std::sin(0.013 * n * n));
  }
  return samples;
}

struct Golden {
  int64_t band, frame;
  double value;
};

void expect_features(const FrontEndOptions& options, const std::vector<float>& samples,
                     int64_t bands, int64_t frames, const std::vector<Golden>& places) {
  EXPECT_EQ(options.bands(), bands);
  EXPECT_EQ(options.frames_of(std::ssize(samples)), frames);
  const auto found = FrontEnd(options)(samples);
  ASSERT_EQ(found.bands, bands);
  ASSERT_EQ(found.frames, frames);
  ASSERT_EQ(std::ssize(found.values), bands * frames);
  for (const auto& [band, frame, value] : places)
    EXPECT_NEAR(found.at(band, frame), value, 1e-4) << band << ", " << frame;
}

TEST(FrontEnd, IsKaldis) {
  FrontEndOptions options;
  expect_features(options, two_tones(), 23, 54,
                  {{0, 0, 18.2293396},
                   {7, 1, 19.781332},
                   {11, 27, 21.8269291},
                   {22, 53, 24.6121025},
                   {1, 18, 17.3509846}});
  options.edges = FrameEdges::symmetric;
  expect_features(options, two_tones(), 23, 56,
                  {{0, 0, 20.6078796},
                   {7, 1, 20.8636723},
                   {11, 28, 22.1833687},
                   {22, 55, 25.126646},
                   {1, 18, 13.74786}});
  options.edges = FrameEdges::whole, options.energy = FrameEnergy::windowed;
  expect_features(
      options, two_tones(), 24, 54,
      {{0, 0, 21.1794434}, {8, 1, 19.781332}, {12, 27, 21.8269291}, {1, 18, 16.3935623}});
}

TEST(FrontEnd, IsKaldisCepstra) {
  expect_features(FrontEndOptions(FrontEndPreset::kaldi, FrontEndKind::mfcc), two_tones(), 13, 54,
                  {{0, 0, 23.8440666},
                   {4, 1, 13.3375006},
                   {6, 27, -28.5060673},
                   {12, 53, 10.4036808},
                   {1, 18, -24.4873524}});
}

TEST(FrontEnd, IsLibrosas) {
  expect_features(FrontEndOptions(FrontEndPreset::librosa), two_tones(), 128, 18,
                  {{0, 0, 3.68872338},
                   {42, 1, -0.557645458},
                   {64, 9, -4.07857236},
                   {127, 17, -4.69138321},
                   {1, 6, -2.29128045}});
  expect_features(FrontEndOptions(FrontEndPreset::librosa, FrontEndKind::mfcc), two_tones(), 20, 18,
                  {{0, 0, -51.4070251},
                   {6, 1, 7.52896107},
                   {10, 9, 16.6342152},
                   {19, 17, -8.4841143},
                   {1, 6, 17.7937584}});
}

TEST(FrontEnd, IsThatOfSpeechCommands) {
  auto second = two_tones();
  second.resize(16000);
  expect_features(FrontEndOptions(FrontEndPreset::speech_commands, FrontEndKind::mfcc), second, 40,
                  98,
                  {{0, 0, 11.6699489},
                   {13, 1, -1.40395888},
                   {20, 27, -0.382304258},
                   {39, 53, 0.619662254},
                   {1, 18, -3.76740779}});
}

TEST(FrontEnd, FramesStandWhereEdgesSay) {
  FrontEndOptions options;
  options.preemphasis = 0, options.remove_dc_offset = false, options.scale = 1;
  options.window = 4, options.fft = 4, options.hop = 2, options.mels = 1, options.low_hz = 0;
  options.window_type = SoundWindow::rectangular, options.energy = FrameEnergy::raw;
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7};
  const auto energies = [&](FrameEdges edges) {
    options.edges = edges;
    const auto found = FrontEnd(options)(x);
    std::vector<double> all;
    for (int64_t t = 0; t < found.frames; ++t) all.push_back(std::round(std::exp(found.at(0, t))));
    return all;
  };
  EXPECT_EQ(energies(FrameEdges::whole), (std::vector<double>{1 + 4 + 9 + 16, 9 + 16 + 25 + 36}));
  // 1 1 2 3, 2 3 4 5, 4 5 6 7, 6 7 7 6
  EXPECT_EQ(energies(FrameEdges::symmetric), (std::vector<double>{15, 54, 126, 170}));
  // 3 2 1 2, 1 2 3 4, 3 4 5 6
  EXPECT_EQ(energies(FrameEdges::reflect), (std::vector<double>{18, 30, 86}));
  // 0 0 1 2, 1 2 3 4, 3 4 5 6, 5 6 7 0
  EXPECT_EQ(energies(FrameEdges::zeros), (std::vector<double>{5, 30, 86, 110}));
}

/// The energy of a frame goes by the same logarithm as its bands.
TEST(FrontEnd, AnEnergyHasTheLogarithmOfTheBands) {
  FrontEndOptions options(FrontEndPreset::kaldi);
  options.energy = FrameEnergy::raw;
  const double natural = FrontEnd(options)(two_tones()).at(0, 3);
  options.log = EnergyLog::decibel;
  EXPECT_NEAR(FrontEnd(options)(two_tones()).at(0, 3), natural * 10 / std::log(10), 1e-4);
}

TEST(FrontEnd, APresetFollowsTheSamplingRate) {
  const FrontEndOptions options(FrontEndPreset::kaldi, FrontEndKind::fbank, 8000);
  EXPECT_EQ(options.window, 200);
  EXPECT_EQ(options.hop, 80);
  EXPECT_EQ(options.fft, 256);
  EXPECT_EQ(options.frames_of(199), 0);
  EXPECT_EQ(options.least_samples(), 200);
}

TEST(FrontEnd, BadSoundAndNumbersAreRefused) {
  const FrontEnd kaldi{FrontEndOptions()};
  EXPECT_THROW(kaldi(std::vector<float>(399)), DataError);
  EXPECT_EQ(kaldi(std::vector<float>(400)).frames, 1);
  for (const float value : kaldi(std::vector<float>(400)).values)
    EXPECT_FLOAT_EQ(value, std::log(std::numeric_limits<float>::epsilon()));  // silence
  std::vector<float> broken(500);
  broken[7] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(kaldi(broken), DataError);
  const auto refused = [](auto&& change) -> std::string {
    FrontEndOptions options(FrontEndPreset::kaldi, FrontEndKind::mfcc);
    change(options);
    try {
      options.check();
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refused([](auto& o) { o.fft = 399; }), HasSubstr("fft"));
  EXPECT_THAT(refused([](auto& o) { o.mels = 300; }), HasSubstr("mels"));
  EXPECT_THAT(refused([](auto& o) { o.high_hz = 8001; }), HasSubstr("high_hz"));
  EXPECT_THAT(refused([](auto& o) { o.low_hz = 8000; }), HasSubstr("low_hz"));
  EXPECT_THAT(refused([](auto& o) { o.cepstra = 24; }), HasSubstr("cepstra"));
}

}  // namespace
}  // namespace heed::data
