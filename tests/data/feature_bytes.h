// Files of features, made byte by byte.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heed::test {

inline std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline void put_integer(std::string& bytes, uint64_t value, int size, bool big_endian) {
  for (int i = 0; i < size; ++i)
    bytes += static_cast<char>(value >> (8 * (big_endian ? size - 1 - i : i)) & 0xFF);
}

/// Sphinx's: how many numbers, then the numbers, frame by frame.
inline std::string sphinx_bytes(const std::vector<double>& numbers, bool big_endian) {
  std::string bytes;
  put_integer(bytes, numbers.size(), 4, big_endian);
  for (const double number : numbers)
    put_integer(bytes, std::bit_cast<uint32_t>(static_cast<float>(number)), 4, big_endian);
  return bytes;
}

struct NpyArray {
  size_t rows, columns;
  std::string type = "<f4";
  bool fortran = false;
  int version = 1;
};

/// A .npy file of numbers that are given row by row.
inline std::string npy_array(const NpyArray& array, const std::vector<double>& numbers) {
  std::string header =
      "{'descr': '" + array.type + "', 'fortran_order': " + (array.fortran ? "True" : "False") +
      ", 'shape': (" + std::to_string(array.rows) + ", " + std::to_string(array.columns) + "), }\n";
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(array.version);
  bytes += '\0';
  put_integer(bytes, header.size(), array.version == 1 ? 2 : 4, false);
  bytes += header;
  const bool big = array.type[0] == '>';
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t from = array.fortran ? i % array.rows * array.columns + i / array.rows : i;
    if (array.type[2] == '4')
      put_integer(bytes, std::bit_cast<uint32_t>(static_cast<float>(numbers[from])), 4, big);
    else
      put_integer(bytes, std::bit_cast<uint64_t>(numbers[from]), 8, big);
  }
  return bytes;
}

}  // namespace heed::test
