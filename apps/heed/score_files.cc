#include "score_files.h"

#include <charconv>
#include <cmath>

#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::cli {
namespace {

std::vector<std::string> cut(const std::string& line, const char* separators, bool merge) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find_first_of(separators, at), line.size());
    if (end > at || !merge) parts.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string shown(const std::string& file) { return file == "-" ? "standard input" : file; }

/// A line of CoNLL-U that is no word of its own.
bool is_no_word(const std::vector<std::string>& columns) {
  return columns[0].find_first_of("-.") != std::string::npos;
}

}  // namespace

std::vector<std::string> lines_of_file(const std::string& file) {
  auto reader = data::LineReader::once(file);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) lines.push_back(std::move(line));
  if (lines.empty()) throw DataError(shown(file) + ": the file is empty; expected lines of text");
  return lines;
}

double parsed_number(const std::string& text, const std::string& place) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw DataError(place + ": expected a number, given '" + text + "'");
  return value;
}

NumberTable numbers_of_file(const std::string& file) {
  auto reader = data::LineReader::once(file);
  NumberTable table;
  table.file = shown(file);
  for (std::string line; reader.next(line); ++table.rows) {
    const auto parts = cut(line, " \t,", true);
    if (table.rows == 0) table.columns = parts.size();
    if (parts.empty() || parts.size() != table.columns) {
      throw DataError(
          reader.place() + ": expected " +
          (table.columns == 0 ? "a number" : std::to_string(table.columns) + " numbers") +
          ", as on line 1, given " + std::to_string(parts.size()));
    }
    for (const auto& part : parts) table.values.push_back(parsed_number(part, reader.place()));
  }
  if (table.rows == 0) throw DataError(table.file + ": the file is empty; expected numbers");
  return table;
}

std::vector<double> column_of(const NumberTable& table) {
  if (table.columns != 1)
    throw DataError(table.file + ": expected one number a line, given " +
                    std::to_string(table.columns));
  return table.values;
}

std::vector<int64_t> indices_of(const NumberTable& table) {
  constexpr double kMost = 1e15;
  std::vector<int64_t> indices;
  for (const double value : column_of(table)) {
    if (!(value >= 0 && value <= kMost) || value != std::floor(value)) {
      throw DataError(table.file + ":" + std::to_string(indices.size() + 1) +
                      ": expected a whole number from 0, given " + std::to_string(value));
    }
    indices.push_back(static_cast<int64_t>(value));
  }
  return indices;
}

std::vector<SentenceRows> sentences_of_file(const std::string& file, Columns columns) {
  auto reader = data::LineReader::once(file);
  std::vector<SentenceRows> sentences;
  bool inside = false;
  for (std::string line; reader.next(line);) {
    const bool tabbed = columns == Columns::kTabbed;
    const auto parts = tabbed ? cut(line, "\t", false) : cut(line, " \t", true);
    if (line.empty() || parts.empty()) {
      inside = false;
      continue;
    }
    if (tabbed && !inside && line[0] == '#') continue;
    if (!inside) sentences.push_back({reader.place(), {}});
    inside = true;
    if (tabbed && is_no_word(parts)) continue;
    sentences.back().rows.push_back(parts);
  }
  if (sentences.empty()) throw DataError(shown(file) + ": no sentence");
  return sentences;
}

void check_same_length(const std::string& file, size_t size, const std::string& other,
                       size_t other_size, const char* what) {
  if (size == other_size) return;
  const std::string one = std::string(what).substr(0, std::string(what).size() - 1);
  throw DataError(file + " has " + std::to_string(size) + " " + what + ", but " + other + " has " +
                  std::to_string(other_size) + "; expected as many, " + one +
                  " n of one belonging to " + one + " n of the other");
}

}  // namespace heed::cli
