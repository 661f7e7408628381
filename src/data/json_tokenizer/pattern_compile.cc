#include <algorithm>

#include "core/utf8.h"
#include "data/json_tokenizer/pattern.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

using Kind = RegexNode::Kind;
constexpr size_t kMostSteps = 1 << 16;
constexpr int64_t kNoWidth = -1;

/// How many characters a part matches, where that is one number.
int64_t width_of(const RegexNode& node) {
  int64_t width = 0;
  switch (node.kind) {
    case Kind::set:
      return 1;
    case Kind::look:
    case Kind::assertion:
      return 0;
    case Kind::repeat: {
      const int64_t one = width_of(*node.parts[0]);
      return one == kNoWidth || node.min != node.max ? kNoWidth : one * node.min;
    }
    case Kind::either:
      width = width_of(*node.parts[0]);
      for (const auto& part : node.parts)
        if (width_of(*part) != width) return kNoWidth;
      return width;
    case Kind::sequence:
    case Kind::atomic:
      for (const auto& part : node.parts) {
        const int64_t one = width_of(*part);
        if (one == kNoWidth) return kNoWidth;
        width += one;
      }
  }
  return width;
}

}  // namespace

Pattern Pattern::literal(std::string text) {
  Pattern pattern;
  pattern.text_ = std::move(text), pattern.is_literal_ = true;
  return pattern;
}

Pattern Pattern::regex(const std::string& expression) {
  Pattern pattern;
  pattern.text_ = expression;
  const auto tree = parse_regex(expression);
  pattern.word_ = pattern.set_index(word_set());
  pattern.compile(*tree);
  pattern.emit({Op::stop});
  pattern.first_ = pattern.first_of(*tree);
  pattern.set_sources_.clear();
  return pattern;
}

void Pattern::refuse(const std::string& what) const {
  throw ModelError("the regular expression " + text_ + ": " + what);
}

uint32_t Pattern::set_index(const icu::UnicodeSet& set) {
  const auto found = std::find(set_sources_.begin(), set_sources_.end(), set);
  const auto index = static_cast<uint32_t>(found - set_sources_.begin());
  if (found == set_sources_.end()) {
    set_sources_.push_back(set);
    sets_.emplace_back(set);
  }
  return index;
}

uint32_t Pattern::first_index(const First& first) {
  firsts_.push_back(first);
  return static_cast<uint32_t>(firsts_.size() - 1);
}

Pattern::First Pattern::first_of(const RegexNode& node) const {
  First first;
  const auto join = [&](const First& other) {
    for (size_t i = 0; i < 4; ++i) first.bytes[i] |= other.bytes[i];
  };
  switch (node.kind) {
    case Kind::set: {
      const auto found = std::find(set_sources_.begin(), set_sources_.end(), node.set);
      const bool known = found != set_sources_.end();
      first.bytes = known ? sets_[static_cast<size_t>(found - set_sources_.begin())].first_bytes()
                          : CharSet(node.set).first_bytes();
      return first;
    }
    case Kind::look:
    case Kind::assertion:
      first.nothing = true;
      return first;
    case Kind::repeat:
      first = first_of(*node.parts[0]);
      first.nothing = first.nothing || node.min == 0;
      return first;
    case Kind::either:
      for (const auto& part : node.parts) {
        const auto one = first_of(*part);
        join(one);
        first.nothing = first.nothing || one.nothing;
      }
      return first;
    case Kind::sequence:
    case Kind::atomic:
      first.nothing = true;
      for (const auto& part : node.parts) {
        const auto one = first_of(*part);
        join(one);
        if (one.nothing) continue;
        first.nothing = false;
        break;
      }
  }
  return first;
}

void Pattern::compile(const RegexNode& node) {
  if (steps_.size() > kMostSteps) refuse("more than 65536 steps");
  switch (node.kind) {
    case Kind::set:
      emit({Op::set, set_index(node.set)});
      return;
    case Kind::sequence:
      for (const auto& part : node.parts) compile(*part);
      return;
    case Kind::either:
      compile_either(node);
      return;
    case Kind::repeat:
      compile_repeat(node);
      return;
    case Kind::look:
      compile_look(node);
      return;
    case Kind::assertion:
      emit({Op::assertion, static_cast<uint32_t>(node.place)});
      return;
    case Kind::atomic: {
      const uint32_t step = emit({Op::atomic});
      compile(*node.parts[0]);
      emit({Op::stop});
      steps_[step].a = static_cast<uint32_t>(steps_.size());
      return;
    }
  }
}

void Pattern::compile_either(const RegexNode& node) {
  std::vector<uint32_t> ends;
  for (size_t i = 0; i + 1 < node.parts.size(); ++i) {
    const uint32_t fork = emit({Op::fork});
    First rest;
    for (size_t j = i + 1; j < node.parts.size(); ++j) {
      const auto one = first_of(*node.parts[j]);
      for (size_t k = 0; k < 4; ++k) rest.bytes[k] |= one.bytes[k];
      rest.nothing = rest.nothing || one.nothing;
    }
    steps_[fork].a = fork + 1;
    steps_[fork].c = first_index(first_of(*node.parts[i]));
    steps_[fork].d = first_index(rest);
    compile(*node.parts[i]);
    ends.push_back(emit({Op::jump}));
    steps_[fork].b = static_cast<uint32_t>(steps_.size());
  }
  compile(*node.parts.back());
  for (const uint32_t end : ends) steps_[end].a = static_cast<uint32_t>(steps_.size());
}

void Pattern::compile_repeat(const RegexNode& node) {
  const auto& part = *node.parts[0];
  const bool lazy = node.greed == RegexNode::Greed::lazy;
  const bool once = node.greed == RegexNode::Greed::possessive;
  if (part.kind == Kind::set && !lazy) {
    emit({once ? Op::star_once : Op::star, set_index(part.set), node.min, node.max});
    return;
  }
  uint32_t atomic = 0;
  if (once) atomic = emit({Op::atomic});
  for (uint32_t i = 0; i < node.min; ++i) compile(part);
  compile_optional(part, node.max == kNoLimit ? kNoLimit : node.max - node.min, lazy);
  if (once) {
    emit({Op::stop});
    steps_[atomic].a = static_cast<uint32_t>(steps_.size());
  }
}

/// part{0,times}: a fork in front of each, or one fork and the way back.
void Pattern::compile_optional(const RegexNode& part, uint32_t times, bool lazy) {
  const First first = first_of(part);
  if (times == kNoLimit && first.nothing) refuse("a repetition of what can be nothing");
  const uint32_t inside = first_index(first), outside = first_index({{}, true});
  std::vector<uint32_t> forks;
  for (uint32_t i = 0; i < std::min(times, times == kNoLimit ? 1u : times); ++i) {
    const uint32_t fork = emit({Op::fork});
    forks.push_back(fork);
    compile(part);
    if (times == kNoLimit) emit({Op::jump, fork});
  }
  const auto after = static_cast<uint32_t>(steps_.size());
  for (const uint32_t fork : forks) {
    auto& step = steps_[fork];
    step.a = fork + 1, step.b = after, step.c = inside, step.d = outside;
    if (lazy) std::swap(step.a, step.b), std::swap(step.c, step.d);
  }
}

void Pattern::compile_look(const RegexNode& node) {
  const auto& part = *node.parts[0];
  if (!node.behind) {
    const uint32_t step = emit({Op::look, 0, 0, 0, 0, node.negative});
    compile(part);
    emit({Op::stop});
    steps_[step].a = static_cast<uint32_t>(steps_.size());
    return;
  }
  if (part.kind != Kind::either || node.negative) {
    if (part.kind != Kind::either) return compile_look_behind(part, node.negative);
    for (const auto& one : part.parts) compile_look_behind(*one, true);
    return;
  }
  std::vector<uint32_t> ends;
  const uint32_t any = first_index({{}, true});
  for (size_t i = 0; i < part.parts.size(); ++i) {
    const bool last = i + 1 == part.parts.size();
    const uint32_t fork = last ? 0 : emit({Op::fork});
    compile_look_behind(*part.parts[i], false);
    if (last) break;
    ends.push_back(emit({Op::jump}));
    steps_[fork].a = fork + 1, steps_[fork].b = static_cast<uint32_t>(steps_.size());
    steps_[fork].c = steps_[fork].d = any;
  }
  for (const uint32_t end : ends) steps_[end].a = static_cast<uint32_t>(steps_.size());
}

void Pattern::compile_look_behind(const RegexNode& part, bool negative) {
  const int64_t width = width_of(part);
  if (width == kNoWidth) refuse("a look behind at what has no fixed number of characters");
  const uint32_t step = emit({Op::look, 0, 1, 0, 0, negative, static_cast<uint32_t>(width)});
  compile(part);
  emit({Op::stop});
  steps_[step].a = static_cast<uint32_t>(steps_.size());
}

}  // namespace heed::data::json_tokenizer
