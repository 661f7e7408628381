// Models of texts by n-grams, as SRILM, KenLM and IRSTLM write them (ARPA).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace heed::data {

inline constexpr int64_t kMostNgramOrder = 20;

/// Word w behind the words h = (h1, ..., hk), k below the order n, has (Katz 1987)
///
///   log10 p(w | h) = that of the n-gram h w, where the model has it
///                    log10 b(h) + log10 p(w | h2, ..., hk) otherwise, b(h) = 1 where it has no h
///
/// Words are what stands there: characters and pieces of text, too. <s> stands before a text, </s> behind it, <unk> (or <UNK>)
/// for words that the model has not; without it these have log10 p = -100, as KenLM takes.
class NgramModel {
 public:
  /// The last words of a text, the oldest first; at most order() - 1.
  using Context = std::vector<int32_t>;

  /// An ARPA file, plain or .gz. Throws FileError, and DataError that names file:line: what LineReader refuses; counts that
  /// do not hold; sections out of order; a line of another number of words; log10 p above 0 or no number; an n-gram twice, or
  /// of words that are no 1-grams; no <s> or </s>; an order over kMostNgramOrder; a file that ends before \end\.
  explicit NgramModel(const std::filesystem::path& path);

  int64_t order() const { return order_; }
  /// All words but <s>, </s> and <unk>, in the file's order.
  std::vector<std::string> words() const;
  /// The number of a word; that of <unk> where the model has not got it.
  int32_t id(std::string_view word) const;
  int32_t unknown() const { return unknown_; }
  int32_t end() const { return end_; }  ///< </s>

  /// What stands before a text: <s>.
  Context begin() const { return order_ > 1 ? Context{begin_} : Context{}; }
  /// log10 p(word | context). Cost: O(order^2) look-ups.
  double log10(const Context& context, int32_t word) const;
  /// The context behind that word.
  Context after(const Context& context, int32_t word) const;

 private:
  class Reader;
  struct Gram {
    float log10_p;  // NaN: the file has longer n-grams that begin so, and not this one
    float backoff;
  };

  /// The number of the n-gram of the last `count` words of the context; -1: the model has it not.
  int32_t find(const Context& context, int64_t count) const;
  int32_t child(int32_t gram, int32_t word) const;

  int64_t order_ = 0;
  int32_t begin_ = -1, end_ = -1, unknown_ = -1;
  std::vector<std::string> words_;
  std::unordered_map<std::string, int32_t> ids_;
  std::vector<Gram> grams_;                       // 1-grams first, by the numbers of their words
  std::unordered_map<uint64_t, int32_t> longer_;  // of a gram and the word behind it
};

}  // namespace heed::data
