// Whole files as bytes, within a limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace heed {

/// The bytes of a regular file. Throws FileError where it cannot be read, DataError where it holds
/// more than `limit`.
std::vector<uint8_t> read_bytes(const std::filesystem::path& file, int64_t limit);

/// The same of what can be read once, too: a pipe.
std::vector<uint8_t> read_bytes_once(const std::filesystem::path& file, int64_t limit);

/// The first `count` bytes, or all where there are fewer. Throws FileError.
std::vector<uint8_t> read_first_bytes(const std::filesystem::path& file, int64_t count);

}  // namespace heed
