#include "core/gzip.h"

#include <algorithm>
#include <new>
#include <utility>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int kGzipOnly = 15 + 16;        // zlib: largest window, gzip header and trailer required
constexpr size_t kFirstGuess = 64 << 10;  // bytes of output before any is known
constexpr size_t kLargestStep = size_t{1} << 30;  // zlib counts what it is given in 32 bits

}  // namespace

bool is_gzip(std::span<const uint8_t> file) noexcept {
  return file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
}

Inflater::Inflater(std::string name) : name_(std::move(name)) {
  if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
}

size_t Inflater::unpack(std::span<const uint8_t>& in, std::span<uint8_t> out) {
  const size_t given = std::min(in.size(), kLargestStep);
  const size_t room = std::min(out.size(), kLargestStep);
  stream_.next_in = const_cast<Bytef*>(in.data());
  stream_.avail_in = static_cast<uInt>(given);
  stream_.next_out = out.data();
  stream_.avail_out = static_cast<uInt>(room);
  const int result = inflate(&stream_, Z_NO_FLUSH);
  in = in.subspan(given - stream_.avail_in);
  const size_t written = room - stream_.avail_out;
  ended_ = result == Z_STREAM_END;
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (!ended_ && result != Z_OK && result != Z_BUF_ERROR) {
    fail(std::string("the gzip stream is damaged: ") +
         (stream_.msg ? stream_.msg : "it needs a dictionary"));
  }
  if (!ended_ && given == 0 && written == 0) fail("the gzip stream is cut short");
  return written;
}

void Inflater::next_member(std::span<const uint8_t> in, uint64_t bytes) {
  if (!is_gzip(in)) fail(std::to_string(bytes) + " bytes follow the gzip stream");
  inflateReset(&stream_);
  ended_ = false;
}

void Inflater::fail(const std::string& what) const {
  throw DataError(name_ + ": " + what + "; download or pack the file again");
}

std::vector<uint8_t> gunzip(std::span<const uint8_t> file, const std::string& name, int64_t count) {
  Inflater inflater(name);
  const auto most = static_cast<size_t>(count);
  std::vector<uint8_t> bytes;
  size_t filled = 0;
  while (filled < most && !(inflater.ended() && file.empty())) {
    if (inflater.ended()) inflater.next_member(file, file.size());
    if (filled == bytes.size()) bytes.resize(std::min(std::max(kFirstGuess, 2 * filled), most));
    filled += inflater.unpack(file, std::span(bytes).subspan(filled));
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace heed
