#include "heed/data/ngram.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/lines.h"

namespace heed::data {
namespace {

constexpr float kUnknownLog10 = -100;
constexpr float kNoGram = std::numeric_limits<float>::quiet_NaN();

uint64_t longer_key(int32_t gram, int32_t word) {
  return uint64_t{static_cast<uint32_t>(gram)} << 32 | static_cast<uint32_t>(word);
}

/// What stands between blanks and tabs; words may hold other white space.
std::vector<std::string_view> parts_of_gram(std::string_view line) {
  std::vector<std::string_view> parts;
  for (size_t at = 0;;) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) return parts;
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    parts.push_back(line.substr(at, end - at));
    at = end;
  }
}

template <class Number>
bool read_whole_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

/// Reads a file into a model.
class NgramModel::Reader {
 public:
  Reader(NgramModel& model, const std::filesystem::path& path) : model_(model), lines_(path) {}

  void read() {
    do next("\\data\\");
    while (parts_.size() != 1 || parts_[0] != "\\data\\");
    read_counts();
    for (int64_t n = 1; n <= model_.order_; ++n) read_section(n);
    if (line_ != "\\end\\") refuse("expected \\end\\, given '" + line_ + "'");
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(lines_.place() + ": " + what);
  }
  /// The next line that is not blank; `wanted` is what it or one behind it should be.
  void next(const char* wanted) {
    do {
      if (!lines_.next(line_))
        throw DataError(lines_.place() + ": the file ends, expected " + wanted +
                        ", as an ARPA file has it");
      parts_ = parts_of_gram(line_);
    } while (parts_.empty());
  }

  /// "ngram 2=1257", with blanks where they please.
  void read_counts() {
    for (next("ngram 1=..."); parts_[0] == "ngram"; next("\\1-grams:")) {
      const std::string_view rest = std::string_view(line_).substr(line_.find("ngram") + 5);
      const size_t equals = rest.find('=');
      int64_t n = 0, count = 0;
      const auto number = [](std::string_view part, int64_t& value) {
        const auto found = parts_of_gram(part);
        return found.size() == 1 && read_whole_number(found[0], value);
      };
      if (equals == std::string_view::npos || !number(rest.substr(0, equals), n) ||
          !number(rest.substr(equals + 1), count) || count < 0)
        refuse("expected the number of n-grams, as ngram 1=5000, given '" + line_ + "'");
      if (n != std::ssize(counts_) + 1)
        refuse(text_of("expected ngram ", counts_.size() + 1, "=, given '", line_, "'"));
      if (n > kMostNgramOrder)
        refuse(text_of("expected n-grams of at most ", kMostNgramOrder, " words, given ", n));
      counts_.push_back(count);
    }
    if (counts_.empty()) refuse("expected ngram 1=..., given '" + line_ + "'");
    if (counts_[0] > std::numeric_limits<int32_t>::max() / 2)
      refuse(text_of("expected fewer than 2^30 words, given ", counts_[0]));
    model_.order_ = std::ssize(counts_);
  }

  void read_section(int64_t n) {
    const auto title = text_of("\\", n, "-grams:");
    if (parts_.size() != 1 || parts_[0] != title)
      refuse("expected " + title + ", given '" + line_ + "'");
    int64_t count = 0;
    for (next("\\end\\"); parts_[0].front() != '\\' || parts_.size() > 1; next("\\end\\"), ++count)
      read_gram(n);
    if (count != counts_[static_cast<size_t>(n - 1)])
      refuse(text_of("expected ", counts_[static_cast<size_t>(n - 1)], " ", n,
                     "-grams before it, as the beginning of the file says, given ", count));
    if (n == 1) end_words();
  }

  void read_gram(int64_t n) {
    const auto size = std::ssize(parts_);
    if (size != n + 1 && size != n + 2)
      refuse(text_of("expected log10 p, ", n, n == 1 ? " word" : " words",
                     " and perhaps log10 of a backoff, given '", line_, "'"));
    Gram gram{0, 0};
    if (!read_whole_number(parts_.front(), gram.log10_p) || !(gram.log10_p <= 0) ||
        !std::isfinite(gram.log10_p))
      refuse("expected log10 of a probability, at most 0, given '" + std::string(parts_.front()) +
             "'");
    if (size == n + 2 &&
        (!read_whole_number(parts_.back(), gram.backoff) || !std::isfinite(gram.backoff)))
      refuse("expected log10 of a backoff, given '" + std::string(parts_.back()) + "'");
    if (n == model_.order_ && gram.backoff != 0)
      refuse(text_of("expected no backoff of the longest n-grams, given '", parts_.back(), "'"));
    if (n == 1)
      add_word(gram);
    else
      add_gram(n, gram);
  }

  void add_word(Gram gram) {
    const auto number = static_cast<int32_t>(model_.words_.size());
    std::string word(parts_[1]);
    if (!model_.ids_.try_emplace(word, number).second)
      refuse("the word '" + word + "' stands there twice");
    model_.words_.push_back(std::move(word));
    model_.grams_.push_back(gram);
  }

  /// Where <s>, </s> and <unk> are.
  void end_words() {
    const auto found = [&](const char* word) {
      const auto at = model_.ids_.find(word);
      return at == model_.ids_.end() ? -1 : at->second;
    };
    model_.begin_ = found("<s>"), model_.end_ = found("</s>");
    if (model_.begin_ < 0 || model_.end_ < 0)
      refuse(
          "expected <s> and </s> among the 1-grams before it, which stand before and behind a "
          "text");
    model_.unknown_ = found("<unk>");
    if (model_.unknown_ < 0) model_.unknown_ = found("<UNK>");
    if (model_.unknown_ >= 0) return;
    model_.unknown_ = static_cast<int32_t>(model_.words_.size());
    model_.words_.emplace_back("<unk>");
    model_.ids_.emplace("<unk>", model_.unknown_);
    model_.grams_.push_back({kUnknownLog10, 0});
  }

  /// Pruned models may lack what longer n-grams begin with: these places are made, without a probability.
  void add_gram(int64_t n, Gram gram) {
    int32_t at = -1;
    for (int64_t i = 1; i <= n; ++i) {
      const auto known = model_.ids_.find(std::string(parts_[static_cast<size_t>(i)]));
      if (known == model_.ids_.end())
        refuse("'" + std::string(parts_[static_cast<size_t>(i)]) + "' is none of the 1-grams");
      if (i == 1) {
        at = known->second;
        continue;
      }
      if (std::ssize(model_.grams_) == std::numeric_limits<int32_t>::max())
        refuse("expected fewer than 2^31 n-grams");
      const auto [place, fresh] = model_.longer_.try_emplace(
          longer_key(at, known->second), static_cast<int32_t>(model_.grams_.size()));
      if (fresh) model_.grams_.push_back({kNoGram, 0});
      at = place->second;
    }
    auto& own = model_.grams_[static_cast<size_t>(at)];
    if (!std::isnan(own.log10_p)) refuse("the n-gram stands there twice");
    own = gram;
  }

  NgramModel& model_;
  LineReader lines_;
  std::string line_;
  std::vector<std::string_view> parts_;
  std::vector<int64_t> counts_;
};

NgramModel::NgramModel(const std::filesystem::path& path) { Reader(*this, path).read(); }

std::vector<std::string> NgramModel::words() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < words_.size(); ++i) {
    const auto number = static_cast<int32_t>(i);
    if (number != begin_ && number != end_ && number != unknown_) all.push_back(words_[i]);
  }
  return all;
}

int32_t NgramModel::id(std::string_view word) const {
  const auto found = ids_.find(std::string(word));
  return found == ids_.end() ? unknown_ : found->second;
}

int32_t NgramModel::child(int32_t gram, int32_t word) const {
  const auto found = longer_.find(longer_key(gram, word));
  return found == longer_.end() ? -1 : found->second;
}

int32_t NgramModel::find(const Context& context, int64_t count) const {
  int32_t gram = *(context.end() - count);
  for (auto word = context.end() - count + 1; gram >= 0 && word != context.end(); ++word)
    gram = child(gram, *word);
  return gram;
}

double NgramModel::log10(const Context& context, int32_t word) const {
  double sum = 0;
  for (int64_t count = std::min<int64_t>(std::ssize(context), order_ - 1); count > 0; --count) {
    const int32_t before = find(context, count);
    if (before < 0) continue;
    const int32_t whole = child(before, word);
    if (whole >= 0 && !std::isnan(grams_[static_cast<size_t>(whole)].log10_p))
      return sum + double(grams_[static_cast<size_t>(whole)].log10_p);
    sum += double(grams_[static_cast<size_t>(before)].backoff);
  }
  return sum + double(grams_.at(static_cast<size_t>(word)).log10_p);
}

NgramModel::Context NgramModel::after(const Context& context, int32_t word) const {
  const int64_t kept = std::min<int64_t>(std::ssize(context), std::max<int64_t>(order_ - 2, 0));
  Context next(context.end() - kept, context.end());
  if (order_ > 1) next.push_back(word);
  return next;
}

}  // namespace heed::data
