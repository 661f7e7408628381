#include "core/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int kGzipOnly = 15 + 16;        // zlib: largest window, gzip header and trailer required
constexpr size_t kFirstGuess = 64 << 10;  // bytes of output before any is known
constexpr size_t kLargestInput = size_t{1} << 30;  // zlib counts what it is given in 32 bits

class Inflater {
 public:
  Inflater(std::span<const uint8_t> file, const std::string& name) : left_(file), name_(name) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Unpacks into `out`; returns how much. Less than out.size() at the end only.
  size_t read(std::span<uint8_t> out) {
    size_t filled = 0;
    while (filled < out.size() && !ended_) filled += step(out.subspan(filled));
    return filled;
  }

 private:
  size_t step(std::span<uint8_t> out) {
    const size_t given = std::min(left_.size(), kLargestInput);
    const size_t room = std::min(out.size(), kLargestInput);
    stream_.next_in = const_cast<Bytef*>(left_.data());
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    left_ = left_.subspan(given - stream_.avail_in);
    const size_t written = room - stream_.avail_out;
    if (result == Z_STREAM_END) {
      next_member();
    } else if (result == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      fail(std::string("the gzip stream is damaged: ") +
           (stream_.msg ? stream_.msg : "it needs a dictionary"));
    } else if (left_.empty() && written < room) {
      fail("the gzip stream is cut short");
    }
    return written;
  }

  void next_member() {
    ended_ = left_.empty();
    if (ended_) return;
    if (!is_gzip(left_)) fail(std::to_string(left_.size()) + " bytes follow the gzip stream");
    inflateReset(&stream_);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(name_ + ": " + what + "; download or pack the file again");
  }

  std::span<const uint8_t> left_;
  const std::string& name_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

bool is_gzip(std::span<const uint8_t> file) noexcept {
  return file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
}

std::vector<uint8_t> gunzip(std::span<const uint8_t> file, const std::string& name, int64_t count) {
  Inflater inflater(file, name);
  std::vector<uint8_t> bytes;
  size_t filled = 0;
  while (filled == bytes.size() && filled < static_cast<size_t>(count)) {
    bytes.resize(std::min(std::max(kFirstGuess, 2 * filled), static_cast<size_t>(count)));
    filled += inflater.read(std::span(bytes).subspan(filled));
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace heed
