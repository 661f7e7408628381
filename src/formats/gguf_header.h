// The header of a GGUF file: what it may say, read from bytes that nobody vouches for. No LibTorch,
// so that it can be fuzzed alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace heed {

/// A way to store numbers: blocks of `numbers` in `bytes`.
struct GgufType {
  uint32_t id;
  std::string_view name;
  uint64_t numbers, bytes;
};

/// The type of that id; null: not one that can be read.
const GgufType* find_gguf_type(uint32_t id) noexcept;

struct GgufTensor {
  std::string name;
  const GgufType* type = nullptr;
  std::vector<int64_t> shape;     ///< the first varies slowest
  uint64_t begin = 0, bytes = 0;  ///< counted from the file's first byte
};

struct GgufHeader {
  /// As GgufValue of heed/formats/gguf.h.
  std::map<std::string, std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                                     std::vector<double>, std::vector<std::string>>>
      metadata;
  std::vector<GgufTensor> tensors;
};

/// Reads and checks the header at the front of a file's `bytes`. Throws ModelError with file, key or tensor: another magic or version, big-endian, a text or list that is
/// longer than what is left, a key or tensor given twice, an unknown type, more than four
/// dimensions, sizes that overflow, rows that are no whole blocks, offsets that are not aligned or
/// lead outside the file, an alignment that is no power of two.
GgufHeader parse_gguf_header(std::string_view bytes, const std::string& file);

}  // namespace heed
