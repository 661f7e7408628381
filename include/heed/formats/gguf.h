// Models in a file of llama.cpp's format GGUF, versions 2 and 3, little-endian.
//
//   "GGUF"  u32 version  u64 tensors  u64 pairs
//   pairs        key, u32 type, value            a text is u64 bytes and those bytes
//   tensors      name, u32 dimensions, u64 sizes (the last of the shape first), u32 type, u64 offset
//   padding to `general.alignment` (32), then the tensors' bytes
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "heed/formats/safetensors.h"

namespace heed {

/// A value of the metadata; integers of every width are int64, both kinds of float are double.
using GgufValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>>;

struct Gguf {
  std::map<std::string, GgufValue> metadata;
  NamedTensors tensors;  ///< float32, or int8 to int64 and float64 as they lie
};

/// Whether the file begins as a GGUF file does. Throws FileError.
bool is_gguf(const std::filesystem::path& path);

/// Reads a file after checking every claim of its header against the file's size. Tensors of F16,
/// BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K become float32: what llama.cpp's own
/// dequantisation gives, bit for bit. The memory of the others is the file's own pages, to be read
/// alone (map_safetensors). Shapes are LibTorch's: (rows, columns). Throws ModelError that names the
/// file, the key or tensor, what was expected and what was found: also for other types (which name
/// the fix) and big-endian files; FileError when it cannot be read.
Gguf read_gguf(const std::filesystem::path& path);

}  // namespace heed
