#include "data/exif.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "data/formats.h"

namespace heed::data {
namespace {

constexpr uint16_t kOrientation = 0x0112;
constexpr size_t kEntryBytes = 12;

/// Bytes of which those beyond the end are 0.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, bool little) : bytes_(bytes), little_(little) {}

  uint32_t number(size_t at, size_t bytes) const noexcept {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      const size_t place = at + (little_ ? bytes - 1 - i : i);
      value = value << 8 | (place < bytes_.size() ? bytes_[place] : 0u);
    }
    return value;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool little_;
};

bool begins_with(std::span<const uint8_t> bytes, std::string_view with) noexcept {
  return bytes.size() >= with.size() && std::memcmp(bytes.data(), with.data(), with.size()) == 0;
}

/// Of the first directory of a TIFF header.
int orientation_of_tiff(std::span<const uint8_t> tiff) noexcept {
  const bool little = begins_with(tiff, std::string_view("II*\0", 4));
  if (!little && !begins_with(tiff, std::string_view("MM\0*", 4))) return 1;
  const Reader read(tiff, little);
  const size_t directory = read.number(4, 4);
  if (directory >= tiff.size()) return 1;
  const size_t entries =
      std::min<size_t>(read.number(directory, 2), (tiff.size() - directory) / kEntryBytes);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (read.number(entry, 2) != kOrientation) continue;
    const uint32_t type = read.number(entry + 2, 2);  // 3: two bytes, 4: four
    const uint32_t value = type == 3   ? read.number(entry + 8, 2)
                           : type == 4 ? read.number(entry + 8, 4)
                                       : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int orientation_of_jpeg(std::span<const uint8_t> file) noexcept {
  constexpr uint8_t kApp1 = 0xE1, kScan = 0xDA, kEnd = 0xD9;
  constexpr std::string_view kExif("Exif\0\0", 6);
  const Reader read(file, false);
  for (size_t at = 2; at + 4 <= file.size();) {
    if (file[at] != 0xFF) return 1;
    const uint8_t marker = file[at + 1];
    if (marker == 0xFF) {  // a byte that fills
      ++at;
      continue;
    }
    if (marker == kScan || marker == kEnd) return 1;
    const size_t length = read.number(at + 2, 2);  // with its own two bytes
    if (length < 2 || length > file.size() - at - 2) return 1;
    const auto segment = file.subspan(at + 4, length - 2);
    if (marker == kApp1 && begins_with(segment, kExif))
      return orientation_of_tiff(segment.subspan(kExif.size()));
    at += 2 + length;
  }
  return 1;
}

int orientation_of_png(std::span<const uint8_t> file) noexcept {
  constexpr size_t kSignature = 8, kAround = 12;  // length, type and checksum of a chunk
  const Reader read(file, false);
  for (size_t at = kSignature; at + kAround <= file.size();) {
    const size_t length = read.number(at, 4);
    const auto type = file.subspan(at + 4, 4);
    if (begins_with(type, "IDAT") || length > file.size() - at - kAround) return 1;
    if (begins_with(type, "eXIf")) {
      const auto sum = crc32(0, type.data(), static_cast<uInt>(4 + length));
      return sum == read.number(at + 8 + length, 4)
                 ? orientation_of_tiff(file.subspan(at + 8, length))
                 : 1;
    }
    at += kAround + length;
  }
  return 1;
}

}  // namespace

int orientation_of(std::span<const uint8_t> file) noexcept {
  if (is_jpeg(file)) return orientation_of_jpeg(file);
  return is_png(file) ? orientation_of_png(file) : 1;
}

ImageShape oriented(const ImageShape& shape, int orientation) noexcept {
  if (orientation < 5) return shape;
  return {shape.channels, shape.width, shape.height};
}

Image oriented(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool exchanged = orientation >= 5;
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const int64_t height = image.shape.height, width = image.shape.width;
  Image shown{oriented(image.shape, orientation), std::vector<uint8_t>(image.values.size())};
  uint8_t* out = shown.values.data();
  for (int64_t c = 0; c < image.shape.channels; ++c) {
    const uint8_t* plane = image.values.data() + c * height * width;
    for (int64_t y = 0; y < shown.shape.height; ++y) {
      for (int64_t x = 0; x < shown.shape.width; ++x) {
        const int64_t row = exchanged ? x : y, column = exchanged ? y : x;
        *out++ = plane[(from_below ? height - 1 - row : row) * width +
                       (from_right ? width - 1 - column : column)];
      }
    }
  }
  return shown;
}

}  // namespace heed::data
