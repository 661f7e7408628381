// The header of a safetensors file: what it may say, read from bytes that nobody vouches for. No
// LibTorch, so that it can be fuzzed alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace heed {

inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit
inline constexpr size_t kMaxTensors = 100'000;
inline constexpr size_t kMaxDimensions = 64;
inline constexpr size_t kHeaderAlignment = 8;
inline constexpr std::string_view kChecksumKey = "xxh3_128";

struct TensorEntry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  ///< of its bytes, counted from the end of the header
  std::string checksum;         ///< hexadecimal XXH3-128 of its bytes; empty: none
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  ///< in the header's order
  std::map<std::string, std::string> metadata;
  bool has_checksums = false;  ///< of itself and of each tensor
};

/// Bytes of an element; 0 for a dtype that LibTorch cannot hold.
uint64_t dtype_bytes(std::string_view dtype) noexcept;

/// The size of the JSON that follows the first eight bytes of a file of `file_bytes`. `file` is for
/// the messages.
uint64_t read_header_size(const unsigned char (&bytes)[8], uint64_t file_bytes,
                          const std::string& file);

/// Reads and checks the JSON of a file whose tensors fill `data_bytes`. Throws ModelError with
/// file, tensor and field for: anything but JSON in UTF-8 that starts with '{'; another structure,
/// an unknown, repeated or missing field; a repeated name; too many tensors or dimensions; an
/// unknown dtype; sizes that overflow; offsets that contradict shape and dtype, overlap, leave
/// holes or do not fill the file; metadata that is not text; checksums that some tensors lack or
/// that the header itself does not fit.
SafetensorsHeader parse_header(std::string_view json, uint64_t data_bytes, const std::string& file);

/// The JSON for those tensors, with the checksum of the header, filled with spaces to
/// kHeaderAlignment.
std::string format_header(const SafetensorsHeader& header);

/// XXH3-128 in hexadecimal.
std::string checksum(std::string_view bytes);

/// A name as it stands in a message: short, one line.
std::string in_quotes(std::string_view name);

}  // namespace heed
