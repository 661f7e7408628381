#include "heed/data/feature_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>

#include "core/bytes.h"
#include "core/text.h"
#include "data/npy_header.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kLargestFeatureFile = int64_t{1} << 32;
constexpr size_t kSphinxHeader = 4;

uint32_t word_at(const uint8_t* bytes, bool big_endian) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= uint32_t{bytes[big_endian ? 3 - i : i]} << (8 * i);
  return word;
}

double number_at(const uint8_t* bytes, int64_t size, bool big_endian) {
  if (size == 4) return std::bit_cast<float>(word_at(bytes, big_endian));
  const uint64_t low = word_at(bytes + (big_endian ? 4 : 0), big_endian);
  const uint64_t high = word_at(bytes + (big_endian ? 0 : 4), big_endian);
  return std::bit_cast<double>(high << 32 | low);
}

/// Numbers of a file, and where that of a band and frame stands.
struct StoredNumbers {
  const uint8_t* first;
  int64_t size;  ///< bytes of one
  bool big_endian;
  int64_t bands, frames, band_step, frame_step;
};

SoundFeatures numbers_of_features(const StoredNumbers& stored, const std::string& name) {
  SoundFeatures found{.bands = stored.bands, .frames = stored.frames};
  found.values.resize(static_cast<size_t>(stored.bands * stored.frames));
  for (int64_t c = 0; c < stored.bands; ++c)
    for (int64_t t = 0; t < stored.frames; ++t) {
      const int64_t place = c * stored.band_step + t * stored.frame_step;
      const auto value = static_cast<float>(
          number_at(stored.first + place * stored.size, stored.size, stored.big_endian));
      if (!std::isfinite(value))
        throw DataError(text_of(name, ": number ", c + 1, " of frame ", t + 1,
                                " is not finite; make the features again"));
      found.values[static_cast<size_t>(c * stored.frames + t)] = value;
    }
  return found;
}

SoundFeatures of_sphinx(std::span<const uint8_t> file, const std::string& name,
                        int64_t coefficients) {
  if (file.size() < kSphinxHeader)
    throw DataError(text_of(name, ": has ", file.size(),
                            " bytes; expected an .npy array, or an .mfc file, which begins with "
                            "the number of its numbers in 4 bytes"));
  const uint64_t room = file.size() - kSphinxHeader;
  const uint64_t big = word_at(file.data(), true), little = word_at(file.data(), false);
  if (4 * big != room && 4 * little != room)
    throw DataError(text_of(name, ": no .mfc file that is whole, nor .npy: its header says ", big,
                            " numbers (", little, " if little-endian), and there are ", room,
                            " bytes behind it, room for ", room / 4));
  const bool big_endian = 4 * big == room;
  const auto count = static_cast<int64_t>(room / 4);
  if (count == 0) throw DataError(name + ": holds no frames; expected features of a recording");
  if (count % coefficients != 0)
    throw DataError(text_of(name, ": ", count, " numbers are no whole frames of ", coefficients,
                            "; set input.file.coefficients to the numbers of a frame"));
  return numbers_of_features({.first = file.data() + kSphinxHeader,
                              .size = 4,
                              .big_endian = big_endian,
                              .bands = coefficients,
                              .frames = count / coefficients,
                              .band_step = 1,
                              .frame_step = coefficients},
                             name);
}

SoundFeatures of_npy(std::span<const uint8_t> file, const std::string& name,
                     const FeatureFileOptions& options) {
  const auto header = read_npy_header(file, name);
  const bool frames_first = options.order == FeatureOrder::frames_first;
  const int64_t rows = header.rows, columns = header.columns;
  const int64_t frames = frames_first ? rows : columns, bands = frames_first ? columns : rows;
  if (bands != options.coefficients)
    throw DataError(text_of(name, ": an array of ", rows, " x ", columns, " has ", bands,
                            " numbers a frame, expected ", options.coefficients,
                            "; see input.file.coefficients and input.file.order"));
  if (frames == 0) throw DataError(name + ": holds no frames; expected features of a recording");
  const int64_t row_step = header.fortran ? 1 : columns, column_step = header.fortran ? rows : 1;
  return numbers_of_features({.first = file.data() + header.begin,
                              .size = header.number_size,
                              .big_endian = header.big_endian,
                              .bands = bands,
                              .frames = frames,
                              .band_step = frames_first ? column_step : row_step,
                              .frame_step = frames_first ? row_step : column_step},
                             name);
}

}  // namespace

SoundFeatures read_feature_file(const std::filesystem::path& file,
                                const FeatureFileOptions& options) {
  return decode_feature_file(read_bytes_once(file, kLargestFeatureFile), file.string(), options);
}

SoundFeatures decode_feature_file(std::span<const uint8_t> file, const std::string& name,
                                  const FeatureFileOptions& options) {
  auto found =
      is_npy(file) ? of_npy(file, name, options) : of_sphinx(file, name, options.coefficients);
  if (options.max_frames > 0 && found.frames > options.max_frames)
    throw DataError(text_of(name, ": ", found.frames, " frames, and the model reads ",
                            options.max_frames, " (input.file.max_frames); cut it into parts"));
  return found;
}

}  // namespace heed::data
