#include "core/byte_stream.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/gzip.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib: largest window, gzip header and trailer required
constexpr size_t kBuffer = size_t{1} << 18;
constexpr size_t kLargestStep = size_t{1} << 30;  // zlib counts what it is given in 32 bits

}  // namespace

ByteStream::ByteStream(const std::filesystem::path& path)
    : name_(path.string()), file_(path), buffer_(kBuffer) {
  refill();
  packed_ = is_gzip({buffer_.data(), last_});
  if (packed_ && inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
}

ByteStream::~ByteStream() {
  if (packed_) inflateEnd(&stream_);
}

size_t ByteStream::read(std::span<char> out) {
  size_t filled = 0;
  while (filled < out.size() && !ended_) {
    const auto rest = out.subspan(filled);
    filled += packed_ ? inflate_step(rest) : copy(rest);
  }
  return filled;
}

void ByteStream::refill() {
  first_ = 0;
  last_ = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), file_.size() - position_));
  file_.read(buffer_.data(), last_, position_);
  position_ += last_;
}

size_t ByteStream::copy(std::span<char> out) {
  if (first_ == last_) refill();
  const size_t count = std::min(out.size(), last_ - first_);
  std::memcpy(out.data(), buffer_.data() + first_, count);
  first_ += count;
  ended_ = count == 0;
  return count;
}

size_t ByteStream::inflate_step(std::span<char> out) {
  if (first_ == last_) refill();
  const size_t given = last_ - first_, room = std::min(out.size(), kLargestStep);
  stream_.next_in = buffer_.data() + first_;
  stream_.avail_in = static_cast<uInt>(given);
  stream_.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_.avail_out = static_cast<uInt>(room);
  const int result = inflate(&stream_, Z_NO_FLUSH);
  first_ = last_ - stream_.avail_in;
  const size_t written = room - stream_.avail_out;
  if (result == Z_STREAM_END) {
    next_member();
  } else if (result == Z_MEM_ERROR) {
    throw std::bad_alloc();
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    fail(std::string("the gzip stream is damaged: ") +
         (stream_.msg ? stream_.msg : "it needs a dictionary"));
  } else if (given == 0 && written == 0) {
    fail("the gzip stream is cut short");
  }
  return written;
}

void ByteStream::next_member() {
  // The two bytes by which a member is known may lie on both sides of the buffer's end.
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(first_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(last_), buffer_.begin());
  last_ -= first_, first_ = 0;
  const auto more =
      static_cast<size_t>(std::min<uint64_t>(buffer_.size() - last_, file_.size() - position_));
  file_.read(buffer_.data() + last_, more, position_);
  last_ += more, position_ += more;
  ended_ = last_ == 0;
  if (ended_) return;
  if (!is_gzip({buffer_.data(), last_})) {
    fail(std::to_string(last_ + (file_.size() - position_)) + " bytes follow the gzip stream");
  }
  inflateReset(&stream_);
}

void ByteStream::fail(const std::string& what) const {
  throw DataError(name_ + ": " + what + "; download or pack the file again");
}

}  // namespace heed
