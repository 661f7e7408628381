#include "metrics/metric_text.h"

#include <unicode/uchar.h>

#include "core/utf8.h"
#include "heed/core/error.h"

namespace heed::metric {
namespace {

bool is_space(uint32_t code) {
  const bool separator = code >= 0x1C && code <= 0x1F;  // Python's alone
  return separator || u_isUWhiteSpace(static_cast<UChar32>(code));
}

}  // namespace

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  const char* begin = text.data();
  const char* end = text.data() + text.size();
  while (!text.empty()) {
    const char* at = text.data();
    if (!is_space(take_character(text))) continue;
    if (at != begin) words.emplace_back(begin, static_cast<size_t>(at - begin));
    begin = text.data();
  }
  if (begin != end) words.emplace_back(begin, static_cast<size_t>(end - begin));
  return words;
}

std::string_view without_end(std::string_view text) {
  const auto words = split(text);
  if (words.empty()) return {};
  const auto last = words.back();
  return text.substr(0, static_cast<size_t>(last.data() + last.size() - text.data()));
}

void check_corpus(const char* metric, size_t lines,
                  const std::vector<std::vector<std::string>>& references) {
  const std::string name = metric;
  if (lines == 0) throw UsageError(name + ": expected at least one line, given none");
  if (references.empty()) throw UsageError(name + ": expected at least one reference, given none");
  for (size_t r = 0; r < references.size(); ++r) {
    if (references[r].size() == lines) continue;
    throw UsageError(name + ": expected as many lines as the " + std::to_string(lines) +
                     " to measure, given " + std::to_string(references[r].size()) +
                     " in reference " + std::to_string(r + 1));
  }
}

void check_lines(const char* metric, size_t lines,
                 const std::vector<std::vector<std::string>>& references) {
  const std::string name = metric;
  if (lines == 0) throw UsageError(name + ": expected at least one line, given none");
  if (references.size() != lines)
    throw UsageError(name + ": expected references of the " + std::to_string(lines) +
                     " lines to measure, given those of " + std::to_string(references.size()));
  for (size_t i = 0; i < lines; ++i)
    if (references[i].empty())
      throw UsageError(name + ": expected at least one reference, given none of line " +
                       std::to_string(i + 1));
}

std::string count_word(size_t references) {
  return references == 0 ? "var" : std::to_string(references);
}

std::vector<std::string> references_of(size_t line,
                                       const std::vector<std::vector<std::string>>& references) {
  std::vector<std::string> own;
  for (const auto& reference : references) own.push_back(reference[line]);
  return own;
}

}  // namespace heed::metric
