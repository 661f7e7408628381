#include "heed/data/lines.h"

#include <cstring>
#include <optional>

#include "core/byte_stream.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/data/tokenizer.h"

namespace heed::data {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

class LineReader::Impl {
 public:
  explicit Impl(const std::filesystem::path& path) : name_(path.string()), stream_(path) {
    begin();
    refuse_empty();
  }
  Impl() : name_("standard input"), stream_(ByteStream::standard_input()) {
    begin();
    refuse_empty();
  }
  Impl(const std::filesystem::path& path, bool is_text)
      : name_(path == "-" ? "standard input" : path.string()),
        stream_(ByteStream::once(path)),
        is_text_(is_text) {
    begin();
  }

  bool next(std::string& line) {
    line.clear();
    bool found = false, ended = false;
    while (!ended && (first_ < last_ || refill())) {
      found = true;
      const char* from = buffer_.data() + first_;
      const auto* end = static_cast<const char*>(std::memchr(from, '\n', last_ - first_));
      const size_t count = end ? static_cast<size_t>(end - from) : last_ - first_;
      line.append(from, count);
      first_ += count;
      if (end) ++first_, ended = true;
      if (line.size() > static_cast<size_t>(kLongestLine)) {
        ++number_;
        fail("the line is longer than " + std::to_string(kLongestLine) + " bytes");
      }
    }
    if (!found) return false;
    ++number_;
    const auto bytes = static_cast<int64_t>(line.size()) + (ended ? 1 : 0);
    ending_ = std::string_view("\r\n").substr(line.ends_with('\r') ? 0 : 1);
    if (!ended) ending_.remove_suffix(1);
    if (line.ends_with('\r')) line.pop_back();
    if (is_text_) check(line);
    offset_ += bytes;
    return true;
  }

  bool ready() const {
    return std::memchr(buffer_.data() + first_, '\n', last_ - first_) || stream_.ready();
  }

  std::string_view ending() const { return ending_; }
  int64_t number() const { return number_; }
  std::string place() const { return name_ + ":" + std::to_string(number_); }

 private:
  void begin() {
    refill();
    if (std::string_view(buffer_.data(), last_).starts_with(kByteOrderMark)) {
      first_ = kByteOrderMark.size();
      offset_ = static_cast<int64_t>(first_);
    }
  }
  void refuse_empty() {
    if (first_ == last_ && !refill())
      throw DataError(name_ + ": the file is empty; expected lines of text");
  }

  bool refill() {
    first_ = 0;
    last_ = stream_.read(buffer_);
    return last_ > 0;
  }

  void check(const std::string& line) const {
    if (const size_t at = invalid_utf8(line); at != std::string::npos) {
      fail("invalid UTF-8 at byte " + at_byte(at) + "; convert the file, for example by iconv");
    }
    if (const size_t at = line.find('\0'); at != std::string::npos) {
      fail("a NUL at byte " + at_byte(at) + "; expected text in UTF-8 (is it binary or UTF-16?)");
    }
  }

  std::string at_byte(size_t at) const {
    return std::to_string(at) + " of the line (byte " +
           std::to_string(offset_ + static_cast<int64_t>(at)) + " of the file)";
  }

  [[noreturn]] void fail(const std::string& what) const { throw DataError(place() + ": " + what); }

  std::string name_;
  ByteStream stream_;
  bool is_text_ = true;
  std::string buffer_ = std::string(kReadBytes, '\0');
  size_t first_ = 0, last_ = 0;  // what of buffer_ was not handed out
  int64_t number_ = 0;
  std::string_view ending_;
  int64_t offset_ = 0;  // of the file, where the line begins
};

LineReader::LineReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
LineReader::LineReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineReader LineReader::standard_input() { return LineReader(std::make_unique<Impl>()); }
LineReader LineReader::once(const std::filesystem::path& path) {
  return LineReader(std::make_unique<Impl>(path, true));
}
LineReader LineReader::names(const std::filesystem::path& path) {
  return LineReader(std::make_unique<Impl>(path, false));
}
LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;

bool LineReader::next(std::string& line) { return impl_->next(line); }
bool LineReader::ready() const { return impl_->ready(); }
std::string_view LineReader::ending() const { return impl_->ending(); }
int64_t LineReader::number() const { return impl_->number(); }
std::string LineReader::place() const { return impl_->place(); }

Lines lines_of(std::vector<std::filesystem::path> files) {
  struct State {
    std::vector<std::filesystem::path> files;
    size_t file = 0;
    std::optional<LineReader> reader = {};
  };
  auto state = std::make_shared<State>(State{std::move(files)});
  return [state](std::string& line) {
    while (true) {
      if (state->reader && state->reader->next(line)) return true;
      if (state->file == state->files.size()) return false;
      state->reader.emplace(state->files[state->file++]);
    }
  };
}

}  // namespace heed::data
