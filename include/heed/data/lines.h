// Text files, a line at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace heed::data {

inline constexpr int64_t kLongestLine = int64_t{1} << 28;  ///< bytes

/// Reads a file of UTF-8 text, plain or gzipped (by its first bytes, not its name), in constant
/// memory besides the line. A line ends at a line feed; one carriage return before it, or at the
/// end of the file, is left out, and so is a byte order mark at the file's beginning. The last line
/// may lack its end. Every other character is text, other separators too.
///
/// Throws FileError where the file cannot be read; DataError that names file:line: invalid UTF-8
/// (with the offset of the byte in the line and in the file, unpacked), a NUL byte (binary data or
/// UTF-16), a line over kLongestLine bytes; a damaged gzip stream; a file without a byte of text.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path);
  /// The same of standard input, which may be a pipe; places are "standard input:17".
  static LineReader standard_input();
  /// The same of what can be read once: "-", standard input; a pipe; a file. It may have no line.
  static LineReader once(const std::filesystem::path& path);
  /// As once(), of lines that are names of files: any bytes but a line feed.
  static LineReader names(const std::filesystem::path& path);
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;

  /// Puts the next line into `line`; false at the end.
  bool next(std::string& line);

  /// Is a line, or the end, there without waiting for whoever writes? Always of a file.
  bool ready() const;

  /// How the line that next() gave last ended: a line feed, with or without a carriage return
  /// before it, a carriage return at the end of the file, or nothing.
  std::string_view ending() const;
  int64_t number() const;     ///< of the line that next() gave last, from 1; 0 before
  std::string place() const;  ///< "corpus.de:17"

 private:
  class Impl;
  explicit LineReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace heed::data
