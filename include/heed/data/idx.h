// IDX, the file format of MNIST: a big-endian header and unsigned bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "heed/data/image.h"

namespace heed::data {

/// N images of one size, one after another.
struct IdxImages {
  int64_t count = 0, height = 0, width = 0;
  std::vector<uint8_t> values;  ///< count x height x width
};

/// Reads the bytes of an IDX file of rank 3 (images) or rank 1 (labels), plain or gzipped. `name`
/// stands in messages. Throws DataError with file, field, expected and found: magic, element type,
/// rank, a size of 0, sizes whose product is too large, too few or too many bytes, and whatever is
/// wrong with the gzip stream. Memory is taken as bytes are found, never because a header promises
/// them.
IdxImages parse_idx_images(std::span<const uint8_t> file, const std::string& name);
std::vector<uint8_t> parse_idx_labels(std::span<const uint8_t> file, const std::string& name);

/// The same from a file; FileError where it cannot be read.
IdxImages read_idx_images(const std::filesystem::path& file);
std::vector<uint8_t> read_idx_labels(const std::filesystem::path& file);

}  // namespace heed::data
