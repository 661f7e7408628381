#include "core/byte_stream.h"

#include <algorithm>
#include <cstring>

namespace heed {
namespace {

constexpr size_t kBuffer = size_t{1} << 18;

}  // namespace

ByteStream::ByteStream(const std::filesystem::path& path) : file_(path), buffer_(kBuffer) {
  refill();
  if (is_gzip({buffer_.data(), last_})) inflater_.emplace(path.string());
}

size_t ByteStream::read(std::span<char> out) {
  size_t filled = 0;
  while (filled < out.size() && !ended_) {
    const auto rest = out.subspan(filled);
    filled += inflater_ ? unpack(rest) : copy(rest);
  }
  return filled;
}

/// Fills the buffer behind what of it is not yet used.
void ByteStream::refill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(first_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(last_), buffer_.begin());
  last_ -= first_, first_ = 0;
  const auto more =
      static_cast<size_t>(std::min<uint64_t>(buffer_.size() - last_, file_.size() - position_));
  file_.read(buffer_.data() + last_, more, position_);
  last_ += more, position_ += more;
}

size_t ByteStream::copy(std::span<char> out) {
  if (first_ == last_) refill();
  const size_t count = std::min(out.size(), last_ - first_);
  std::memcpy(out.data(), buffer_.data() + first_, count);
  first_ += count;
  ended_ = count == 0;
  return count;
}

size_t ByteStream::unpack(std::span<char> out) {
  if (first_ == last_) refill();
  std::span<const uint8_t> in(buffer_.data() + first_, last_ - first_);
  const size_t written =
      inflater_->unpack(in, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
  first_ = last_ - in.size();
  if (inflater_->ended()) next_member();
  return written;
}

void ByteStream::next_member() {
  refill();  // the two bytes by which a member is known may lie on both sides of the buffer's end
  ended_ = last_ == 0;
  if (!ended_) inflater_->next_member({buffer_.data(), last_}, last_ + file_.size() - position_);
}

}  // namespace heed
