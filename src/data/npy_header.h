// What stands before the numbers of a .npy file.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace heed::data {

/// An array of two axes.
struct NpyHeader {
  int64_t rows = 0, columns = 0;
  bool fortran = false;     ///< columns one behind the other
  bool big_endian = false;  ///< numbers are
  int64_t number_size = 4;  ///< bytes: float32 or float64
  int64_t begin = 0;        ///< of the numbers, in the file
};

/// Whether a file begins as .npy files do.
bool is_npy(std::span<const uint8_t> file);

/// NumPy's formats 1, 2 and 3 (numpy.lib.format): a Python dict with descr, fortran_order and shape. Throws DataError that names
/// the file for another header, another dtype or number of axes, and where the file holds more or fewer numbers than it says.
NpyHeader read_npy_header(std::span<const uint8_t> file, const std::string& name);

}  // namespace heed::data
