#include "data/record_rows.h"

#include <algorithm>

#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr const char* kSpaceOrTab = " \t";

}  // namespace

bool RowReader::next() {
  text_.clear(), ends_.clear();
  if (!next_line()) return false;
  if (rules_.whitespace) {
    split_at_blanks();
    return true;
  }
  for (size_t at = 0;; ++at) {
    const bool quote = rules_.quoting && at < line_.size() && line_[at] == '"';
    at = quote ? quoted(at + 1) : plain(at);
    ends_.push_back(text_.size());
    if (at == line_.size()) return true;
  }
}

std::string_view RowReader::cell(size_t i) const {
  const size_t first = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(text_).substr(first, ends_[i] - first);
}

/// The next line that is not empty; empty ones may stand before the first row and at the end.
bool RowReader::next_line() {
  const auto is_empty = [&] {
    return rules_.whitespace ? line_.find_first_not_of(kSpaceOrTab) == std::string::npos
                             : line_.empty();
  };
  if (!lines_.next(line_)) return false;
  first_line_ = lines_.number();
  first_place_ = lines_.place();
  if (!is_empty()) return begun_ = true;
  while (lines_.next(line_)) {
    if (!is_empty() && !begun_) {
      first_line_ = lines_.number();
      first_place_ = lines_.place();
      return begun_ = true;
    }
    if (!is_empty()) {
      throw DataError(first_place_ +
                      ": an empty line; expected a row (a row with one empty cell is "
                      "written \"\")");
    }
  }
  return false;
}

/// A cell without quotes; returns where it ends.
size_t RowReader::plain(size_t at) {
  const size_t end = std::min(line_.find(rules_.delimiter, at), line_.size());
  const std::string_view cell = std::string_view(line_).substr(at, end - at);
  if (rules_.quoting) {
    if (cell.find('"') != std::string_view::npos) {
      fail(lines_.place(),
           "a quote inside a cell that does not begin with one; write \"..\"\"..\", or set "
           "quoting = false where quotes are characters");
    }
    if (cell.find('\r') != std::string_view::npos) {
      fail(lines_.place(),
           "a carriage return in a cell without quotes; expected lines that end in "
           "LF or CR LF");
    }
  }
  text_ += cell;
  return end;
}

/// A cell in quotes, from behind the first; returns where the delimiter stands.
size_t RowReader::quoted(size_t at) {
  const std::string opened = lines_.place();
  while (true) {
    const size_t quote = line_.find('"', at);
    text_.append(line_, at, quote == std::string::npos ? quote : quote - at);
    if (quote == std::string::npos) {
      text_ += lines_.ending();
      check_length(opened);
      if (!lines_.next(line_)) fail(opened, "a quote opens here and nothing closes it");
      at = 0;
    } else if (quote + 1 < line_.size() && line_[quote + 1] == '"') {
      text_ += '"';
      at = quote + 2;
    } else {
      at = quote + 1;
      if (at == line_.size() || line_[at] == rules_.delimiter) return at;
      fail(lines_.place(), "text behind the closing quote of a cell that opens at " + opened +
                               "; double a quote that is text, or set quoting = false");
    }
  }
}

void RowReader::split_at_blanks() {
  for (size_t at = 0; (at = line_.find_first_not_of(kSpaceOrTab, at)) != std::string::npos;) {
    const size_t end = std::min(line_.find_first_of(kSpaceOrTab, at), line_.size());
    text_.append(line_, at, end - at);
    ends_.push_back(text_.size());
    at = end;
  }
}

void RowReader::check_length(const std::string& place) const {
  if (static_cast<int64_t>(text_.size()) <= kLongestLine) return;
  fail(place, "the row is longer than " + std::to_string(kLongestLine) +
                  " bytes; is the quote that opens here closed?");
}

void RowReader::fail(const std::string& place, const std::string& what) const {
  throw DataError(place + ": column " + std::to_string(ends_.size() + 1) + ": " + what);
}

}  // namespace heed::data
