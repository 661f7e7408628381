// What a word looks like, as numbers of rows of an embedding table.
#pragma once

#include <torch/arg.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heed/core/fields.h"

namespace heed::data {

struct WordFeatureOptions {
  TORCH_ARG(bool, lower) = true;         ///< words, affixes and n-grams in lower case
  TORCH_ARG(int64_t, prefix) = 3;        ///< prefixes of 1 .. this many characters
  TORCH_ARG(int64_t, suffix) = 4;        ///< suffixes of 1 .. this many characters
  TORCH_ARG(bool, shape) = true;         ///< Xxxd
  TORCH_ARG(int64_t, min_ngram) = 3;     ///< n-grams of from ..
  TORCH_ARG(int64_t, max_ngram) = 6;     ///< .. to this many characters; 0: none
  TORCH_ARG(int64_t, ngrams) = 64;       ///< the most that a word has; the first ones stay
  TORCH_ARG(int64_t, buckets) = 100000;  ///< rows that affixes, shapes and n-grams share

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("lower", lower(), "words, affixes and n-grams in lower case; shapes as they stand");
    v("prefix", prefix(), "prefixes of 1 to this many characters; 0: none", between(0, 16));
    v("suffix", suffix(), "suffixes of 1 to this many characters; 0: none", between(0, 16));
    v("shape", shape(), "upper and lower letters and digits as X, x and d");
    v("max_ngram", max_ngram(), "characters of the longest n-gram; 0: none", between(0, 16));
    if (max_ngram() > 0) {
      v("min_ngram", min_ngram(), "characters of the shortest n-gram",
        between(1, static_cast<double>(max_ngram())));
      v("ngrams", ngrams(), "the most n-grams of a word; those that begin later are left out",
        between(1, kMostCount));
    }
    v("buckets", buckets(), "rows that affixes, shapes and n-grams share by their hash",
      between(1, 2147483647));
  }
};

/// The features of a word as rows of a table of W + buckets rows, in this order:
///
///   the word      w where it is word number w of the W that are known; else nothing
///   n-grams       of the characters of '<' word '>', as fastText takes them (Bojanowski et al.
///                 2017): row W + hash % buckets, without '<' and '>' alone
///   prefixes, suffixes   of 1 .. n characters, shorter than the word or the word itself
///   shape         upper case letters as X, other letters x, digits d, other characters as they
///   are,
///                 of more than four alike in a row the first four (as spaCy's)
///
/// The hash is FNV-1a of 32 bits over UTF-8, with fastText's sign extension of bytes; affixes and
/// shapes hash the kind of the feature first, so that equal texts are told apart. With lower,
/// prefix, suffix and shape off, rows are those of fastText's matrix. Characters are code points.
/// An empty word has no features. Const and safe for several threads.
///
/// Throws ModelError for options out of range, DataError for a known word that stands twice and for
/// a word that is no UTF-8.
class WordFeatures {
 public:
  /// `words` are the known words, in lower case where options say so; may be empty.
  explicit WordFeatures(const WordFeatureOptions& options,
                        const std::vector<std::string>& words = {});

  int64_t rows() const { return known() + options_.buckets(); }           ///< W + buckets
  int64_t known() const { return static_cast<int64_t>(number_.size()); }  ///< W
  const WordFeatureOptions& options() const { return options_; }

  /// The form under which a word is known: in lower case, if so.
  std::string form(std::string_view word) const;
  std::vector<int64_t> rows_of(std::string_view word) const;
  /// Sentences of words -> (B, L, F) int64 for nn::NgramEmbedding, L the longest sentence, F the
  /// most features of a word; -1 is nothing.
  at::Tensor padded(const std::vector<std::vector<std::string_view>>& sentences) const;

 private:
  int64_t bucket(uint32_t hash) const {
    return known() + static_cast<int64_t>(hash) % options_.buckets();
  }
  void add_ngrams(std::string_view word, std::vector<int64_t>& rows) const;
  void add_affixes(std::string_view word, std::vector<int64_t>& rows) const;

  WordFeatureOptions options_;
  std::unordered_map<std::string, int64_t> number_;
};

/// The shape of a word: "Xxxx", "dd.dd", "x'x". `word` is UTF-8.
std::string word_shape(std::string_view word);

}  // namespace heed::data
