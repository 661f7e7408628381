#include "heed/data/word_features.h"

#include <unicode/uchar.h>

#include "core/lower_case.h"
#include "core/utf8.h"
#include "data/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr uint32_t kFnvStart = 2166136261u, kFnvPrime = 16777619u;
constexpr size_t kShapeRun = 4;

/// FNV-1a, going on from `hash`; bytes are sign-extended as in fastText.
uint32_t fnv(std::string_view text, uint32_t hash = kFnvStart) {
  for (const char byte : text)
    hash = (hash ^ static_cast<uint32_t>(static_cast<int8_t>(byte))) * kFnvPrime;
  return hash;
}

/// Where each character of a text begins, and its end.
std::vector<size_t> character_starts(std::string_view text) {
  std::vector<size_t> starts;
  const size_t size = text.size();
  while (!text.empty()) {
    starts.push_back(size - text.size());
    take_character(text);
  }
  starts.push_back(size);
  return starts;
}

void check_feature(const char* field, int64_t given, int64_t least, int64_t most) {
  if (given < least || given > most)
    throw ModelError(std::string(field) + ": expected " + std::to_string(least) + " to " +
                     std::to_string(most) + ", given " + std::to_string(given));
}

}  // namespace

WordFeatures::WordFeatures(const WordFeatureOptions& options, const std::vector<std::string>& words)
    : options_(options) {
  check_feature("prefix", options.prefix(), 0, 16);
  check_feature("suffix", options.suffix(), 0, 16);
  check_feature("max_ngram", options.max_ngram(), 0, 16);
  if (options.max_ngram() > 0) {
    check_feature("min_ngram", options.min_ngram(), 1, options.max_ngram());
    check_feature("ngrams", options.ngrams(), 1, INT32_MAX);
  }
  check_feature("buckets", options.buckets(), 1, INT32_MAX);
  for (const auto& word : words)
    if (!number_.emplace(word, static_cast<int64_t>(number_.size())).second)
      throw DataError("word features: the known word '" + word + "' stands twice");
}

std::string WordFeatures::form(std::string_view word) const {
  check_utf8(word, "word features");
  return options_.lower() ? lower_case(word) : std::string(word);
}

std::vector<int64_t> WordFeatures::rows_of(std::string_view word) const {
  std::vector<int64_t> rows;
  if (word.empty()) return rows;
  const auto own = form(word);
  if (const auto at = number_.find(own); at != number_.end()) rows.push_back(at->second);
  if (options_.max_ngram() > 0) add_ngrams(own, rows);
  add_affixes(own, rows);
  if (options_.shape()) rows.push_back(bucket(fnv(word_shape(word), fnv("shape "))));
  return rows;
}

void WordFeatures::add_ngrams(std::string_view word, std::vector<int64_t>& rows) const {
  std::string text = "<";
  text.append(word).append(">");
  const auto starts = character_starts(text);
  const auto count = static_cast<int64_t>(starts.size()) - 1;
  const auto most = rows.size() + static_cast<size_t>(options_.ngrams());
  for (int64_t i = 0; i < count; ++i) {
    uint32_t hash = kFnvStart;
    for (int64_t n = 1; n <= std::min(options_.max_ngram(), count - i); ++n) {
      const size_t from = starts[i + n - 1];
      hash = fnv(std::string_view(text).substr(from, starts[i + n] - from), hash);
      const bool boundary_alone = n == 1 && (i == 0 || i == count - 1);
      if (n < options_.min_ngram() || boundary_alone) continue;
      if (rows.size() == most) return;
      rows.push_back(bucket(hash));
    }
  }
}

void WordFeatures::add_affixes(std::string_view word, std::vector<int64_t>& rows) const {
  const auto starts = character_starts(word);
  const auto count = static_cast<int64_t>(starts.size()) - 1;
  const uint32_t prefix = fnv("prefix "), suffix = fnv("suffix ");
  for (int64_t n = 1; n <= std::min(options_.prefix(), count); ++n)
    rows.push_back(bucket(fnv(word.substr(0, starts[n]), prefix)));
  for (int64_t n = 1; n <= std::min(options_.suffix(), count); ++n)
    rows.push_back(bucket(fnv(word.substr(starts[count - n]), suffix)));
}

at::Tensor WordFeatures::padded(const std::vector<std::vector<std::string_view>>& sentences) const {
  std::vector<std::vector<std::vector<int64_t>>> all;
  size_t L = 0, F = 0;
  for (const auto& sentence : sentences) {
    auto& rows = all.emplace_back();
    for (const auto word : sentence) F = std::max(F, rows.emplace_back(rows_of(word)).size());
    L = std::max(L, sentence.size());
  }
  auto ids = torch::full(
      {static_cast<int64_t>(all.size()), static_cast<int64_t>(L), static_cast<int64_t>(F)}, -1,
      at::kLong);
  for (size_t b = 0; b < all.size(); ++b)
    for (size_t l = 0; l < all[b].size(); ++l)
      std::copy(all[b][l].begin(), all[b][l].end(), ids.data_ptr<int64_t>() + (b * L + l) * F);
  return ids;
}

std::string word_shape(std::string_view word) {
  std::string shape;
  uint32_t last = 0;
  size_t run = 0;
  while (!word.empty()) {
    const auto code = take_character(word);
    const auto c = static_cast<UChar32>(code);
    const uint32_t now = u_isupper(c) || u_istitle(c) ? 'X'
                         : u_isalpha(c)               ? 'x'
                         : u_isdigit(c)               ? 'd'
                                                      : code;
    run = now == last ? run + 1 : 1;
    last = now;
    if (run <= kShapeRun) append_utf8(shape, now);
  }
  return shape;
}

}  // namespace heed::data
