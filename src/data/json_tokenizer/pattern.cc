#include "data/json_tokenizer/pattern.h"

#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr uint32_t kMostFailures = 10'000'000;  // Oniguruma's retry limit
constexpr uint32_t kNoStar = UINT32_MAX;

}  // namespace

bool Pattern::may_begin(uint32_t first, std::string_view text, uint32_t at) const {
  const auto& expected = firsts_[first];
  if (expected.nothing) return true;
  if (at == text.size()) return false;
  const auto byte = static_cast<uint8_t>(text[at]);
  return (expected.bytes[byte >> 6] >> (byte & 63) & 1) != 0;
}

bool Pattern::is_word(std::string_view text, size_t at) const {
  return sets_[word_].contains(next_character(text, at));
}

bool Pattern::holds(const Run& run, RegexNode::Place place, uint32_t at) const {
  using Place = RegexNode::Place;
  const auto size = run.text.size();
  const auto word_edge = [&] {
    size_t before = at;
    if (at > 0) previous_character(run.text, before);
    return (at > 0 && is_word(run.text, before)) != (at < size && is_word(run.text, at));
  };
  switch (place) {
    case Place::begin:
      return at == 0;
    case Place::end:
      return at == size;
    case Place::last_end:
      return at == size || (at + 1 == size && run.text[at] == '\n');
    case Place::line_begin:
      return at == 0 || (run.text[at - 1] == '\n' && at < size);
    case Place::line_end:
      return at == size || run.text[at] == '\n';
    case Place::word:
      return word_edge();
    case Place::no_word:
      return !word_edge();
    case Place::search_begin:
      return at == run.start;
  }
  return false;
}

/// Takes as many characters of a set as there are; the way back to fewer becomes one frame.
bool Pattern::star(Run& run, const Step& step, uint32_t index, uint32_t& at) const {
  const auto& set = sets_[step.a];
  uint32_t low = at, taken = 0;
  size_t end = at;
  while (taken < step.c && end < run.text.size()) {
    size_t next = end;
    if (!set.contains(next_character(run.text, next))) break;
    end = next;
    if (++taken == step.b) low = static_cast<uint32_t>(end);
  }
  if (taken < step.b) return false;
  at = static_cast<uint32_t>(end);
  if (step.op == Op::star && at > low) run.frames.push_back({index + 1, at, low});
  return true;
}

bool Pattern::look(Run& run, const Step& step, uint32_t index, uint32_t at) const {
  size_t from = at;
  for (uint32_t i = 0; i < step.behind; ++i) {
    if (from == 0) return step.negative;
    previous_character(run.text, from);
  }
  uint32_t end = 0;
  const bool found =
      this->run(run, index + 1, static_cast<uint32_t>(from), end) && (step.b == 0 || end == at);
  return found != step.negative;
}

bool Pattern::run(Run& run, uint32_t index, uint32_t at, uint32_t& end) const {
  const size_t base = run.frames.size();
  const auto go_back = [&] {
    if (run.frames.size() == base) return false;
    if (++run.failures > kMostFailures)
      throw DataError("the regular expression " + text_ + " takes more than 10^7 steps in a text");
    auto& frame = run.frames.back();
    if (frame.low == kNoStar) {
      index = frame.step, at = frame.at;
      run.frames.pop_back();
      return true;
    }
    size_t before = frame.at;
    previous_character(run.text, before);
    index = frame.step, at = frame.at = static_cast<uint32_t>(before);
    if (at == frame.low) run.frames.pop_back();
    return true;
  };
  while (true) {
    const auto& step = steps_[index];
    bool good = true;
    switch (step.op) {
      case Op::stop:
        run.frames.resize(base);
        end = at;
        return true;
      case Op::set: {
        size_t next = at;
        good = at < run.text.size() && sets_[step.a].contains(next_character(run.text, next));
        if (good) at = static_cast<uint32_t>(next), ++index;
        break;
      }
      case Op::star:
      case Op::star_once:
        good = star(run, step, index, at);
        ++index;
        break;
      case Op::fork: {
        const bool first = may_begin(step.c, run.text, at);
        const bool second = may_begin(step.d, run.text, at);
        if (first && second) run.frames.push_back({step.b, at, kNoStar});
        good = first || second;
        index = first ? step.a : step.b;
        break;
      }
      case Op::jump:
        index = step.a;
        break;
      case Op::assertion:
        good = holds(run, static_cast<RegexNode::Place>(step.a), at);
        ++index;
        break;
      case Op::look:
        good = look(run, step, index, at);
        index = step.a;
        break;
      case Op::atomic:
        good = this->run(run, index + 1, at, at);
        index = steps_[index].a;
        break;
    }
    if (!good && !go_back()) return false;
  }
}

bool Pattern::search(Run& run, uint32_t from, uint32_t& begin, uint32_t& end) const {
  run.start = from, run.failures = 0;
  const auto size = static_cast<uint32_t>(run.text.size());
  for (size_t at = from; at <= size;) {
    bool may = first_.nothing;
    if (!may && at < size) {
      const auto byte = static_cast<uint8_t>(run.text[at]);
      may = (first_.bytes[byte >> 6] >> (byte & 63) & 1) != 0;
    }
    begin = static_cast<uint32_t>(at);
    if (may && this->run(run, 0, begin, end)) return true;
    if (at == size) return false;
    next_character(run.text, at);
  }
  return false;
}

void Pattern::spans(std::string_view text, std::vector<Span>& spans) const {
  const auto size = static_cast<uint32_t>(text.size());
  uint32_t last = 0;  // end of the last match
  const auto found = [&](uint32_t begin, uint32_t end) {
    if (last != begin) spans.push_back({last, begin, false});
    spans.push_back({begin, end, true});
    last = end;
  };
  if (size == 0) {
    spans.push_back({0, 0, false});
    return;
  }
  if (is_literal_) {
    if (!text_.empty())
      for (size_t at = text.find(text_); at != text.npos; at = text.find(text_, at + text_.size()))
        found(static_cast<uint32_t>(at), static_cast<uint32_t>(at + text_.size()));
  } else {
    Run run{text};
    bool matched = false;
    uint32_t begin = 0, end = 0;
    for (uint32_t from = 0; from <= size && search(run, from, begin, end);) {
      if (begin == end && matched && end == last) {  // no empty match behind a match
        size_t next = from;
        if (from < size) next_character(text, next);
        from = from < size ? static_cast<uint32_t>(next) : from + 1;
        continue;
      }
      found(begin, end);
      matched = true, from = end;
    }
  }
  if (last != size) spans.push_back({last, size, false});
}

}  // namespace heed::data::json_tokenizer
