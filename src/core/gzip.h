// gzip streams (RFC 1952), unpacked a piece at a time or within a limit.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heed {

/// Does the file begin as a gzip stream does?
bool is_gzip(std::span<const uint8_t> file) noexcept;

/// Unpacks the members of a gzip stream. Throws DataError, with `name` in its message, where the
/// stream is cut short or damaged.
class Inflater {
 public:
  explicit Inflater(std::string name);
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Unpacks the front of `in` into the front of `out`; returns how much it wrote, and leaves in
  /// `in` what it did not use. An empty `in` says that the stream ends here.
  size_t unpack(std::span<const uint8_t>& in, std::span<uint8_t> out);
  /// Is the member whole? Its length and checksum were verified then.
  bool ended() const noexcept { return ended_; }
  /// Goes on with the member with which `in` begins, the first of `bytes` bytes; throws DataError
  /// where there is none.
  void next_member(std::span<const uint8_t> in, uint64_t bytes);

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  z_stream stream_{};
  bool ended_ = false;
};

/// What the gzip stream of one or more members unpacks to, at most its first `count` bytes; what
/// lies behind them is not looked at. Fewer than `count` bytes are the whole: lengths and checksums
/// were verified and nothing follows the last member. Memory grows as bytes are found, to twice the
/// result at most. Throws as Inflater does.
std::vector<uint8_t> gunzip(std::span<const uint8_t> file, const std::string& name, int64_t count);

}  // namespace heed
