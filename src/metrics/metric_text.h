// How metrics read text: as the Python programs do whose metrics they must give.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace heed::metric {

/// The words of a text, white space being what Python's str.split takes for it.
std::vector<std::string_view> split(std::string_view text);
/// The text without white space at its end.
std::string_view without_end(std::string_view text);

/// Throws UsageError unless there are lines and every reference has as many.
void check_corpus(const char* metric, size_t lines,
                  const std::vector<std::vector<std::string>>& references);

/// The same of references by line, of which each line has at least one.
void check_lines(const char* metric, size_t lines,
                 const std::vector<std::vector<std::string>>& references);
/// Of references in a signature: "5"; 0, where lines have different numbers of them: "var".
std::string count_word(size_t references);

/// Line i of every reference.
std::vector<std::string> references_of(size_t line,
                                       const std::vector<std::vector<std::string>>& references);

/// How often each n-gram of words stands in a text; the words hold no space.
using Counts = std::unordered_map<std::string, int64_t>;
template <class Words>
Counts count_words(const Words& words, size_t n) {
  Counts counts;
  for (size_t i = 0; i + n <= words.size(); ++i) {
    std::string gram(words[i]);
    for (size_t j = 1; j < n; ++j) gram.append(" ").append(words[i + j]);
    ++counts[gram];
  }
  return counts;
}

/// The sum over what both have of the smaller count.
template <class Map>
int64_t shared(const Map& a, const Map& b) {
  int64_t sum = 0;
  for (const auto& [gram, count] : a)
    if (const auto found = b.find(gram); found != b.end()) sum += std::min(count, found->second);
  return sum;
}

}  // namespace heed::metric
