#include "core/byte_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr size_t kBuffer = size_t{1} << 18;
constexpr uint8_t kMarks[][3] = {{0x1f, 0x8b}, {0xEF, 0xBB, 0xBF}};  // of gzip, of the byte order

/// What is there, at least `least` bytes unless it ends before.
size_t read_what_flows(int descriptor, std::span<uint8_t> out, size_t least) {
  size_t filled = 0;
  while (filled < least) {
    const ssize_t got = ::read(descriptor, out.data() + filled, out.size() - filled);
    if (got == 0) break;
    if (got < 0 && errno != EINTR)
      throw FileError("read", descriptor == STDIN_FILENO ? "standard input" : "a pipe", errno);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return filled;
}

/// May more bytes make it a mark by which a stream is known?
bool may_be_a_mark(std::span<const uint8_t> first) {
  return std::any_of(std::begin(kMarks), std::end(kMarks), [&](const uint8_t(&mark)[3]) {
    return first.size() < 3 && !first.empty() && std::equal(first.begin(), first.end(), mark);
  });
}

}  // namespace

ByteStream::ByteStream(const std::filesystem::path& path) : buffer_(kBuffer) {
  file_.emplace(path);
  begin(path.string());
}

ByteStream::ByteStream() : buffer_(kBuffer) { begin("standard input"); }

ByteStream::ByteStream(const std::filesystem::path& path, Once) : buffer_(kBuffer) {
  if (path == "-") {
    begin("standard input");
    return;
  }
  if (kind_of(path) != PathKind::other) {
    file_.emplace(path);
  } else if (flows_.emplace(path, O_RDONLY); !*flows_) {
    throw FileError("open", path, errno);
  }
  begin(path.string());
}

/// A line that is shorter than a mark is not waited behind.
void ByteStream::begin(const std::string& name) {
  size_t found = 0;
  do {
    found = last_;
    refill(found + 1);
  } while (last_ > found && may_be_a_mark({buffer_.data(), last_}));
  if (is_gzip({buffer_.data(), last_})) inflater_.emplace(name);
}

size_t ByteStream::read(std::span<char> out) {
  size_t filled = 0;
  while (filled < out.size() && !ended_) {
    const auto rest = out.subspan(filled);
    filled += inflater_ ? unpack(rest) : copy(rest);
    if (!file_ && filled > 0) break;
  }
  return filled;
}

/// Fills the buffer behind what of it is not yet used, of what flows with what is there, so that at
/// least `least` bytes are unused.
void ByteStream::refill(size_t least) {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(first_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(last_), buffer_.begin());
  last_ -= first_, first_ = 0;
  const std::span<uint8_t> room = std::span(buffer_).subspan(last_);
  if (!file_) {
    const int from = flows_ ? flows_->number() : STDIN_FILENO;
    last_ += read_what_flows(from, room, least - std::min(least, last_));
    return;
  }
  const auto more = static_cast<size_t>(std::min<uint64_t>(room.size(), file_->size() - position_));
  file_->read(room.data(), more, position_);
  last_ += more, position_ += more;
}

bool ByteStream::ready() const {
  if (file_ || ended_ || first_ < last_) return true;
  pollfd what{flows_ ? flows_->number() : STDIN_FILENO, POLLIN, 0};
  return ::poll(&what, 1, 0) != 0;
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
  refill(2);  // the two bytes by which a member is known may lie on both sides of the buffer's end
  ended_ = last_ == 0;
  const uint64_t unread = file_ ? file_->size() - position_ : 0;
  if (!ended_) inflater_->next_member({buffer_.data(), last_}, last_ + unread);
}

}  // namespace heed
