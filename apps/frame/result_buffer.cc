#include "result_buffer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace heed::cli {
namespace {

constexpr size_t kBuffer = size_t{1} << 16;

/// Waits where a descriptor that does not block is full. Returns errno, 0 where all is written.
int write_all(const char* from, const char* end) {
  while (from < end) {
    const ssize_t written = ::write(STDOUT_FILENO, from, static_cast<size_t>(end - from));
    if (written >= 0) {
      from += written;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&out, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

ResultBuffer::ResultBuffer(std::ostream& stream)
    : stream_(stream), before_(stream.rdbuf(this)), bytes_(kBuffer) {
  setp(bytes_.data(), bytes_.data() + bytes_.size());
}

ResultBuffer::~ResultBuffer() { stream_.rdbuf(before_); }

int ResultBuffer::sync() {
  if (error_ == 0) error_ = write_all(pbase(), pptr());
  setp(bytes_.data(), bytes_.data() + bytes_.size());
  return error_ == 0 ? 0 : -1;
}

ResultBuffer::int_type ResultBuffer::overflow(int_type character) {
  if (sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(character, traits_type::eof()))
    sputc(traits_type::to_char_type(character));
  return traits_type::not_eof(character);
}

}  // namespace heed::cli
