// Features in files of Sphinx and NumPy, in every layout these may have, and files that are none.
#include "heed/data/feature_file.h"

#include <gmock/gmock.h>

#include <bit>
#include <limits>

#include "data/feature_bytes.h"
#include "data/samples.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

using test::message_of;
using testing::AllOf;
using testing::HasSubstr;

SoundFeatures decoded(const std::string& bytes, const FeatureFileOptions& options) {
  return decode_feature_file(test::as_bytes(bytes), "a.mfc", options);
}

std::string refused_features(const std::string& bytes, const FeatureFileOptions& options) {
  return message_of<DataError>([&] { decoded(bytes, options); });
}

/// Frame t, number c is 10 t + c.
std::vector<double> counted(int64_t frames, int64_t bands) {
  std::vector<double> all;
  for (int64_t t = 0; t < frames; ++t)
    for (int64_t c = 0; c < bands; ++c) all.push_back(double(10 * t + c));
  return all;
}

void expect_counted(const SoundFeatures& found, int64_t frames, int64_t bands) {
  ASSERT_EQ(found.frames, frames);
  ASSERT_EQ(found.bands, bands);
  for (int64_t t = 0; t < frames; ++t)
    for (int64_t c = 0; c < bands; ++c) EXPECT_EQ(found.at(c, t), float(10 * t + c)) << c << t;
}

TEST(FeatureFiles, OfSphinxInBothByteOrders) {
  for (const bool big : {true, false})
    expect_counted(decoded(test::sphinx_bytes(counted(4, 3), big), {.coefficients = 3}), 4, 3);
}

TEST(FeatureFiles, OfNumpyInEveryLayout) {
  for (const char* type : {"<f4", ">f4", "<f8", ">f8"})
    for (const bool fortran : {false, true})
      for (const int version : {1, 2, 3}) {
        const auto array = test::npy_array({4, 3, type, fortran, version}, counted(4, 3));
        expect_counted(decoded(array, {.coefficients = 3}), 4, 3);
        const auto turned = decoded(array, {.coefficients = 4, .order = FeatureOrder::bands_first});
        ASSERT_EQ(turned.frames, 3);
        EXPECT_EQ(turned.at(2, 1), 21);
      }
}

TEST(FeatureFiles, BadOnesAreRefusedWithWhatIsWrong) {
  const FeatureFileOptions three{.coefficients = 3};
  const auto good = test::sphinx_bytes(counted(4, 3), true);
  EXPECT_THAT(refused_features("", three), AllOf(HasSubstr("a.mfc"), HasSubstr("0 bytes")));
  EXPECT_THAT(refused_features(good.substr(0, good.size() - 4), three),
              AllOf(HasSubstr("12 numbers"), HasSubstr("room for 11")));
  EXPECT_THAT(refused_features(good + "x", three), HasSubstr("49 bytes"));
  EXPECT_THAT(refused_features(good, {.coefficients = 5}),
              AllOf(HasSubstr("12 numbers are no whole frames of 5"), HasSubstr("coefficients")));
  EXPECT_THAT(refused_features(test::sphinx_bytes({}, true), three), HasSubstr("no frames"));
  EXPECT_THAT(refused_features(good, {.coefficients = 3, .max_frames = 3}),
              AllOf(HasSubstr("4 frames"), HasSubstr("max_frames")));
  auto numbers = counted(4, 3);
  numbers[7] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refused_features(test::sphinx_bytes(numbers, true), three),
              HasSubstr("number 2 of frame 3 is not finite"));
  EXPECT_THROW(read_feature_file("/absent/a.mfc", three), FileError);
}

TEST(FeatureFiles, BadArraysAreRefusedWithWhatIsWrong) {
  const FeatureFileOptions three{.coefficients = 3};
  const auto good = test::npy_array({4, 3}, counted(4, 3));
  const auto with = [&](const std::string& from, const std::string& to) {
    auto bytes = good;
    bytes.replace(bytes.find(from), from.size(), to);
    return refused_features(bytes, three);
  };
  EXPECT_THAT(with("<f4", "<i4"), HasSubstr("dtype '<i4'"));
  EXPECT_THAT(with("(4, 3)", "(12,) "), HasSubstr("shape of 1 axes"));
  EXPECT_THAT(with("(4, 3)", "(5, 3)"), AllOf(HasSubstr("5 x 3"), HasSubstr("48 bytes")));
  EXPECT_THAT(with("False", "Maybe"), HasSubstr("fortran_order"));
  EXPECT_THAT(with("shape", "shade"), HasSubstr("'shade'"));
  EXPECT_THAT(with("'descr'", "'descr "), HasSubstr("header"));
  EXPECT_THAT(refused_features(good.substr(0, 20), three), HasSubstr("ends within its header"));
  EXPECT_THAT(refused_features(good.substr(0, 6), three), HasSubstr("format 0"));
  EXPECT_THAT(refused_features(good, {.coefficients = 4}),
              HasSubstr("3 numbers a frame, expected 4"));
  EXPECT_THAT(refused_features(test::npy_array({0, 3}, {}), three), HasSubstr("no frames"));
}

}  // namespace
}  // namespace heed::data
