// Prefix beam search.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "heed/models/ctc.h"
#include "models/ctc_numbers.h"

namespace heed {
namespace {

constexpr double kNoPath = -std::numeric_limits<double>::infinity();

/// ln(e^a + e^b)
double log_sum(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNoPath ? a : a + std::log1p(std::exp(b - a));
}

/// A prefix that was in the beam once: a node of their tree.
struct Prefix {
  int32_t parent;
  int64_t token;  // -1: the empty prefix
  CtcLanguage::State state;
  double language;  // what it added so far, nats
};

/// A prefix in one frame.
struct Beamed {
  int32_t prefix;  // -1: it was in no beam yet
  int32_t parent;
  int64_t token;
  double language;
  double in_blank = kNoPath, in_token = kNoPath;  // ln p of the paths that end so

  double paths() const { return log_sum(in_blank, in_token); }
  double score() const { return paths() + language; }
};

class PrefixSearch {
 public:
  PrefixSearch(const CtcSearch& options, int64_t vocabulary)
      : options_(options), vocabulary_(vocabulary) {
    if (options.beam_size < 1)
      throw UsageError(text_of("ctc: beam_size: expected at least 1, given ", options.beam_size));
    prefixes_.push_back(
        {-1, -1, options.language ? options.language->begin() : CtcLanguage::State(), 0});
    beam_.push_back({0, -1, -1, 0, 0, kNoPath});
  }

  void step(const double* frame) {
    next_.clear(), places_.clear(), heard_.clear();
    const double least = *std::max_element(frame, frame + vocabulary_) - kCtcNegligible;
    for (int64_t token = 0; token < vocabulary_; ++token)
      if (token != options_.blank && frame[token] >= least) heard_.push_back(token);
    for (const auto& from : beam_) {
      stay(from, frame);
      for (const int64_t token : heard_) grow(from, token, frame[token]);
    }
    keep();
  }

  std::vector<CtcText> texts() {
    std::vector<CtcText> all, ended;
    for (const auto& each : beam_) {
      CtcText text{{}, each.score()};
      for (int32_t at = each.prefix; prefixes_[size_t(at)].token >= 0;
           at = prefixes_[size_t(at)].parent)
        text.tokens.push_back(prefixes_[size_t(at)].token);
      std::reverse(text.tokens.begin(), text.tokens.end());
      all.push_back(text);
      if (options_.language)
        text.score += options_.language->at_end(prefixes_[size_t(each.prefix)].state);
      if (text.score > kNoPath) ended.push_back(std::move(text));
    }
    auto& found = ended.empty() ? all : ended;
    std::stable_sort(found.begin(), found.end(),
                     [](const CtcText& a, const CtcText& b) { return a.score > b.score; });
    return std::move(found);
  }

 private:
  static uint64_t place_key(int32_t parent, int64_t token) {
    return uint64_t{static_cast<uint32_t>(parent)} << 32 | static_cast<uint32_t>(token);
  }

  /// The prefix in the next frame, where it is possible.
  Beamed* placed(const Beamed& made) {
    const auto [at, fresh] = places_.try_emplace(place_key(made.parent, made.token), next_.size());
    if (fresh) next_.push_back(made);
    return &next_[at->second];
  }

  void stay(const Beamed& from, const double* frame) {
    auto& same = *placed({from.prefix, from.parent, from.token, from.language});
    same.in_blank = log_sum(same.in_blank, from.paths() + frame[options_.blank]);
    if (from.token >= 0) same.in_token = log_sum(same.in_token, from.in_token + frame[from.token]);
  }

  void grow(const Beamed& from, int64_t token, double log_p) {
    const double before = token == from.token ? from.in_blank : from.paths();
    if (before == kNoPath) return;
    const auto key = place_key(from.prefix, token);
    auto at = places_.find(key);
    if (at == places_.end()) {
      double language = from.language;
      if (options_.language)
        language += options_.language->added(prefixes_[size_t(from.prefix)].state, token);
      if (language == kNoPath) return;
      const auto known = known_.find(key);
      const int32_t prefix = known == known_.end() ? -1 : known->second;
      placed({prefix, from.prefix, token, language});
      at = places_.find(key);
    }
    auto& grown = next_[at->second];
    grown.in_token = log_sum(grown.in_token, before + log_p);
  }

  void keep() {
    const auto count = std::min<size_t>(next_.size(), size_t(options_.beam_size));
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < next_.size(); ++i) order.emplace_back(-next_[i].score(), i);
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(count), order.end());
    beam_.clear();
    for (size_t i = 0; i < count; ++i) {
      auto kept = next_[order[i].second];
      if (kept.prefix < 0) kept.prefix = add(kept);
      beam_.push_back(kept);
    }
  }

  int32_t add(const Beamed& made) {
    const auto number = static_cast<int32_t>(prefixes_.size());
    CtcLanguage::State state;
    if (options_.language)
      state = options_.language->after(prefixes_[size_t(made.parent)].state, made.token);
    prefixes_.push_back({made.parent, made.token, std::move(state), made.language});
    known_.emplace(place_key(made.parent, made.token), number);
    return number;
  }

  CtcSearch options_;
  int64_t vocabulary_;
  std::vector<Prefix> prefixes_;
  std::unordered_map<uint64_t, int32_t> known_;  // prefixes, by what they grew from
  std::vector<Beamed> beam_, next_;
  std::unordered_map<uint64_t, size_t> places_;  // in next_
  std::vector<int64_t> heard_;
};

}  // namespace

std::vector<CtcText> ctc_search(const at::Tensor& log_p, const CtcSearch& options) {
  const auto numbers = models::ctc_numbers(log_p, options.blank);
  PrefixSearch search(options, numbers.size(1));
  for (int64_t t = 0; t < numbers.size(0); ++t)
    search.step(numbers.data_ptr<double>() + t * numbers.size(1));
  return search.texts();
}

}  // namespace heed
