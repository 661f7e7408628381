#include "data/json_tokenizer/pieces.h"

#include <algorithm>

#include "core/utf8.h"

namespace heed::data::json_tokenizer {

void Rewriter::skip(size_t characters) {
  for (; characters > 0 && at_ < from_.size(); --characters) next_character(from_, at_);
}

uint32_t Rewriter::origin_before() const {
  if (at_ > 0) return origins_[at_ - 1];
  return kNowhere | (from_.empty() ? 0 : origin_begin(origins_[0]));
}

void Rewriter::put(uint32_t code, int change) {
  const bool fresh = change > 0 || at_ == from_.size();
  const uint32_t origin = fresh ? origin_before() : origins_[at_];
  if (change <= 0) skip(static_cast<size_t>(1 - change));
  append_utf8(to_.bytes, code);
  to_.origin.resize(to_.bytes.size(), origin);
}

void change(Text& text, const std::vector<Changed>& to, size_t removed) {
  Text changed;
  changed.bytes.reserve(text.bytes.size());
  changed.origin.reserve(text.bytes.size());
  Rewriter rewriter(text.bytes, text.origin.data(), changed, removed);
  for (const auto& [code, how] : to) rewriter.put(code, how);
  text = std::move(changed);
}

namespace {

/// Joins a match with the span before it, unless that is a match, too.
template <class Iterator>
std::vector<Span> merge_matches(Iterator begin, Iterator end) {
  std::vector<Span> merged;
  bool after_match = false;
  for (auto span = begin; span != end; ++span) {
    if (span->match && !after_match && !merged.empty()) {
      merged.back().begin = std::min(merged.back().begin, span->begin);
      merged.back().end = std::max(merged.back().end, span->end);
    } else {
      merged.push_back({span->begin, span->end, false});
    }
    after_match = span->match;
  }
  return merged;
}

std::vector<Span> merge_equal(const std::vector<Span>& spans) {
  std::vector<Span> merged;
  bool before = false;
  for (const auto& span : spans) {
    if (span.match == before && !merged.empty())
      merged.back().end = span.end;
    else
      merged.push_back({span.begin, span.end, false});
    before = span.match;
  }
  return merged;
}

}  // namespace

void apply(Behavior behavior, std::vector<Span>& spans) {
  switch (behavior) {
    case Behavior::removed:
      break;
    case Behavior::isolated:
      for (auto& span : spans) span.match = false;
      break;
    case Behavior::merged_with_previous:
      spans = merge_matches(spans.begin(), spans.end());
      break;
    case Behavior::merged_with_next:
      spans = merge_matches(spans.rbegin(), spans.rend());
      std::reverse(spans.begin(), spans.end());
      break;
    case Behavior::contiguous:
      spans = merge_equal(spans);
      break;
  }
}

}  // namespace heed::data::json_tokenizer
