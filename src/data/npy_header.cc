#include "data/npy_header.h"

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr char kNpyMagic[] = "\x93NUMPY";
constexpr size_t kNpyMagicSize = 6;
constexpr int64_t kMostOfAxis = int64_t{1} << 32;

/// Reads Python's dict of three keys, character by character.
class NpyDict {
 public:
  NpyDict(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  void read(NpyHeader& header) {
    expect('{');
    while (!take('}')) {
      const auto key = string();
      expect(':');
      if (key == "descr") {
        descr(header, string());
      } else if (key == "fortran_order") {
        header.fortran = boolean();
      } else if (key == "shape") {
        shape(header);
      } else {
        refuse("key '" + key + "'");
      }
      keys_ += key + " ";
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    for (const char* key : {"descr ", "fortran_order ", "shape "})
      if (keys_.find(key) == std::string::npos) refuse(text_of("header without ", key));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(name_ + ": an .npy file with a " + what +
                    "; expected {'descr': '<f4' or '<f8', 'fortran_order': ..., 'shape': (frames, "
                    "bands)}, as numpy.save writes it");
  }
  void skip() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool take(char c) {
    skip();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse(text_of("header that has no '", c, "' where one belongs"));
  }
  std::string string() {
    skip();
    const char quote = text_.empty() ? '\'' : text_[0];
    if (quote != '"')
      expect('\'');
    else
      text_.remove_prefix(1);
    const auto end = text_.find(quote);
    if (end == std::string_view::npos) refuse("header that ends within a text");
    std::string found(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return found;
  }
  bool boolean() {
    skip();
    for (const char* word : {"True", "False"})
      if (text_.starts_with(word)) {
        text_.remove_prefix(std::strlen(word));
        return word[0] == 'T';
      }
    refuse("fortran_order that is neither True nor False");
  }
  void descr(NpyHeader& header, const std::string& given) {
    const bool known = given.size() == 3 && (given[0] == '<' || given[0] == '>') &&
                       given[1] == 'f' && (given[2] == '4' || given[2] == '8');
    if (!known) refuse("dtype '" + given + "'");
    header.big_endian = given[0] == '>', header.number_size = given[2] - '0';
  }
  void shape(NpyHeader& header) {
    expect('(');
    std::vector<int64_t> axes;
    while (!take(')')) {
      skip();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0 || size > kMostOfAxis) refuse("shape of no numbers");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      axes.push_back(size);
      if (axes.size() > 2 || !take(',')) {
        expect(')');
        break;
      }
    }
    if (axes.size() != 2) refuse(text_of("shape of ", axes.size(), " axes"));
    header.rows = axes[0], header.columns = axes[1];
  }

  std::string_view text_;
  const std::string& name_;
  std::string keys_;
};

}  // namespace

bool is_npy(std::span<const uint8_t> file) {
  return file.size() >= kNpyMagicSize && std::memcmp(file.data(), kNpyMagic, kNpyMagicSize) == 0;
}

NpyHeader read_npy_header(std::span<const uint8_t> file, const std::string& name) {
  constexpr size_t kShort = kNpyMagicSize + 4, kLong = kNpyMagicSize + 6;
  const int version = file.size() > kNpyMagicSize ? file[kNpyMagicSize] : 0;
  const size_t before = version == 1 ? kShort : kLong;
  if (version < 1 || version > 3 || file.size() < before)
    throw DataError(text_of(name, ": an .npy file of format ", version, "; expected 1, 2 or 3"));
  size_t length = 0;
  for (size_t i = kNpyMagicSize + 2; i < before; ++i)
    length |= size_t{file[i]} << (8 * (i - kNpyMagicSize - 2));
  if (length > file.size() - before)
    throw DataError(text_of(name, ": an .npy file that ends within its header; copy it again"));
  NpyHeader header;
  NpyDict({reinterpret_cast<const char*>(file.data()) + before, length}, name).read(header);
  header.begin = static_cast<int64_t>(before + length);
  const auto room = static_cast<uint64_t>(std::ssize(file) - header.begin);
  const auto number = static_cast<uint64_t>(header.number_size);
  const auto rows = static_cast<uint64_t>(header.rows),
             columns = static_cast<uint64_t>(header.columns);
  // Each axis is below 2^33, so their product is below 2^66: compared by division.
  const bool fits = rows == 0 || columns == 0
                        ? room == 0
                        : room % (rows * number) == 0 && room / (rows * number) == columns;
  if (!fits)
    throw DataError(text_of(name, ": an .npy array of ", rows, " x ", columns, " numbers of ",
                            number, " bytes, and ", room, " bytes stand behind its header"));
  return header;
}

}  // namespace heed::data
