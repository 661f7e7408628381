// Files made by the tests: images, IDX and gzip streams, and a folder to put them in.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "files.h"
#include "heed/core/error.h"
#include "heed/data/image.h"

namespace heed::test {

using Bytes = std::vector<uint8_t>;

/// A folder that is gone when the test is over.
class TempFolder : public TemporaryFolder {
 public:
  /// Writes a file, making the folders that it lies in; returns its path.
  std::filesystem::path write(const std::string& name, std::span<const uint8_t> bytes) const;
};

Bytes gzip(std::span<const uint8_t> bytes);

/// An IDX file: magic of unsigned bytes and as many sizes as given, then the values.
Bytes idx(const std::vector<uint32_t>& sizes, std::span<const uint8_t> values);

/// Interleaved samples of the given depth as a PNG; `palette` (r g b ..) and `alpha` (tRNS) where
/// given.
struct PngSample {
  uint32_t height, width;
  int color_type, depth = 8;
  Bytes rows;  ///< packed as PNG packs them
  Bytes palette = {}, alpha = {};
  bool interlaced = false;
};
Bytes png(const PngSample& sample);

struct JpegSample {
  uint32_t height, width;
  int components;  ///< 1 grey, 3 RGB, 4 CMYK
  Bytes rows;
  bool progressive = false;
};
Bytes jpeg(const JpegSample& sample);

/// A PNG (grey for 1 channel, else RGB) of one value.
Bytes plain_png(const ImageShape& shape, uint8_t value);

/// The message of the heed::Error of kind `E` that `call` throws; a failed expectation where it
/// throws none.
template <class E, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace heed::test
