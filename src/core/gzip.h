// gzip streams, unpacked within a limit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heed {

/// Does the file begin as a gzip stream does?
bool is_gzip(std::span<const uint8_t> file) noexcept;

/// What the gzip stream of one or more members (RFC 1952) unpacks to, at most its first `count`
/// bytes; what lies behind them is not looked at. Fewer than `count` bytes are the whole: lengths
/// and checksums were verified and nothing follows the last member. Memory grows as bytes are
/// found, to twice the result at most. `name` stands in messages. Throws DataError: no gzip stream,
/// cut short, damaged, a wrong checksum, bytes behind the end.
std::vector<uint8_t> gunzip(std::span<const uint8_t> file, const std::string& name, int64_t count);

}  // namespace heed
