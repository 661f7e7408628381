#include "heed/data/idx.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/bytes.h"
#include "core/gzip.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr uint8_t kUnsignedBytes = 0x08;
constexpr int64_t kLargestIdx = int64_t{1} << 40;

[[noreturn]] void fail(const std::string& name, const std::string& field,
                       const std::string& expected, const std::string& found) {
  throw DataError(name + ": IDX " + field + ": expected " + expected + ", found " + found +
                  "; download the file again or name the right one");
}

std::string hex(uint8_t byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

struct Header {
  std::vector<int64_t> sizes;

  int64_t bytes() const { return 4 + 4 * static_cast<int64_t>(sizes.size()); }
};

void check_magic(std::span<const uint8_t> file, const std::string& name, size_t rank) {
  if (file.size() < 4)
    fail(name, "header", "at least 4 bytes", std::to_string(file.size()) + " bytes");
  if (file[0] != 0 || file[1] != 0)
    fail(name, "magic", "two zero bytes", hex(file[0]) + " " + hex(file[1]));
  if (file[2] != kUnsignedBytes) fail(name, "element type", "0x08 (unsigned bytes)", hex(file[2]));
  if (file[3] != rank)
    fail(name, "rank", std::to_string(rank) + (rank == 1 ? " (labels)" : " (images)"),
         std::to_string(file[3]));
}

/// Everything that a header can say wrong; total() below may then multiply without a check.
Header parse_header(std::span<const uint8_t> file, const std::string& name, size_t rank) {
  static constexpr std::array kSizes = {"count", "height", "width"};
  check_magic(file, name, rank);
  Header header{std::vector<int64_t>(rank)};
  if (static_cast<int64_t>(file.size()) < header.bytes())
    fail(name, "header", std::to_string(header.bytes()) + " bytes",
         std::to_string(file.size()) + " bytes");
  int64_t total = 1;
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t* at = &file[4 + 4 * i];
    const int64_t size = int64_t{at[0]} << 24 | at[1] << 16 | at[2] << 8 | at[3];
    if (size == 0) fail(name, kSizes[i], "at least 1", "0");
    if (size > kLargestIdx / total)
      fail(name, "sizes", "a product of at most 2^40 bytes", "a larger one");
    header.sizes[i] = size;
    total *= size;
  }
  return header;
}

int64_t total(const Header& header) {
  int64_t product = 1;
  for (const int64_t size : header.sizes) product *= size;
  return product;
}

struct Parsed {
  Header header;
  std::vector<uint8_t> values;
};

Parsed parse(std::span<const uint8_t> file, const std::string& name, size_t rank) {
  const int64_t header_bytes = 4 + 4 * static_cast<int64_t>(rank);
  Parsed parsed;
  std::vector<uint8_t> unpacked;
  if (is_gzip(file)) {
    parsed.header = parse_header(gunzip(file, name, header_bytes), name, rank);
    // One byte more than the header promises is enough to know that it lies.
    unpacked = gunzip(file, name, header_bytes + total(parsed.header) + 1);
    file = unpacked;
  } else {
    parsed.header = parse_header(file, name, rank);
  }
  const int64_t expected = header_bytes + total(parsed.header);
  const int64_t found = static_cast<int64_t>(file.size());
  if (found < expected)
    fail(name, "length", std::to_string(expected) + " bytes by its header",
         std::to_string(found) + ": it is cut short");
  if (found > expected)
    fail(name, "length", std::to_string(expected) + " bytes by its header", "more");
  parsed.values.assign(file.begin() + header_bytes, file.end());
  return parsed;
}

}  // namespace

IdxImages parse_idx_images(std::span<const uint8_t> file, const std::string& name) {
  Parsed parsed = parse(file, name, 3);
  const auto& sizes = parsed.header.sizes;
  return {sizes[0], sizes[1], sizes[2], std::move(parsed.values)};
}

std::vector<uint8_t> parse_idx_labels(std::span<const uint8_t> file, const std::string& name) {
  return parse(file, name, 1).values;
}

IdxImages read_idx_images(const std::filesystem::path& file) {
  return parse_idx_images(read_bytes(file, kLargestIdx), file.string());
}

std::vector<uint8_t> read_idx_labels(const std::filesystem::path& file) {
  return parse_idx_labels(read_bytes(file, kLargestIdx), file.string());
}

}  // namespace heed::data
