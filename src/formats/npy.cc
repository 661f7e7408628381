#include "heed/formats/npy.h"

#include <array>

#include "heed/core/error.h"

namespace heed {
namespace {

std::string dtype_of(at::ScalarType type) {
  constexpr std::array<std::pair<at::ScalarType, const char*>, 9> names = {{{at::kDouble, "<f8"},
                                                                            {at::kFloat, "<f4"},
                                                                            {at::kHalf, "<f2"},
                                                                            {at::kLong, "<i8"},
                                                                            {at::kInt, "<i4"},
                                                                            {at::kShort, "<i2"},
                                                                            {at::kChar, "|i1"},
                                                                            {at::kByte, "|u1"},
                                                                            {at::kBool, "|b1"}}};
  for (const auto& [known, name] : names)
    if (known == type) return name;
  throw UsageError(std::string("npy_bytes: NumPy has no dtype ") + at::toString(type));
}

/// As Python writes a tuple: (3,) and (3, 4).
std::string tuple_of(at::IntArrayRef shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

std::string npy_bytes(const at::Tensor& tensor) {
  std::string header = "{'descr': '" + dtype_of(tensor.scalar_type()) +
                       "', 'fortran_order': False, 'shape': " + tuple_of(tensor.sizes()) + ", }";
  // Numbers begin at a multiple of 64; the header ends with a line feed.
  constexpr size_t kBefore = 10;
  header.resize((kBefore + header.size() + 1 + 63) / 64 * 64 - kBefore - 1, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  const auto dense = tensor.detach().to(at::kCPU).contiguous();
  bytes.append(static_cast<const char*>(dense.data_ptr()), dense.nbytes());
  return bytes;
}

}  // namespace heed
