// Whether an attention is made of known words, each with arguments that it takes.
#include <charconv>
#include <functional>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"
#include "ops/word.h"

namespace heed {
namespace ops {

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::vector<std::string> names_of(std::initializer_list<Word::Kind> kinds) {
  std::vector<std::string> names;
  for (const auto& word : words())
    if (std::find(kinds.begin(), kinds.end(), word.kind) != kinds.end()) names.push_back(word.name);
  return names;
}

const Word::Argument* find_argument(const Word& word, std::string_view name) {
  for (const auto& a : word.arguments)
    if (a.name == name) return &a;
  return nullptr;
}

void refuse_argument(const Word& word, std::string_view given) {
  std::vector<std::string> names;
  for (const auto& a : word.arguments) names.push_back(a.name);
  const auto hint = names.empty() ? "; it takes none" : suggestion(given, names);
  throw UsageError("attention: " + word.name + " has no argument '" + std::string(given) + "'" +
                   hint);
}

const Word& known_word(std::string_view name, Word::Kind kind) {
  const Word* word = find_word(name);
  if (!word)
    throw UsageError("attention: unknown " + std::string(to_text(kind)) + " '" + std::string(name) +
                     "'" + suggestion(name, names_of({kind})));
  if (word->kind != kind)
    throw UsageError("attention: expected a " + std::string(to_text(kind)) + ", given '" +
                     word->name + "', which is a " + to_text(word->kind));
  return *word;
}

namespace {

void check_argument(const Word& word, const Word::Argument& rule, double value) {
  const bool whole_enough = !rule.whole || value == std::floor(value);
  if (value >= rule.low && value <= rule.high && whole_enough) return;
  throw UsageError("attention: " + word.name + "(" + rule.name + "): expected a " +
                   (rule.whole ? "whole " : "") + "number from " + number_text(rule.low) + " to " +
                   number_text(rule.high) + ", given " + number_text(value) + " (" + rule.help +
                   ")");
}

}  // namespace

void check_part(const Part& part, Word::Kind kind) {
  const Word& word = known_word(part.name, kind);
  for (size_t i = 0; i < part.arguments.size(); ++i) {
    const auto& given = part.arguments[i];
    const auto* rule = find_argument(word, given.name);
    if (!rule) refuse_argument(word, given.name);
    check_argument(word, *rule, given.value);
    for (size_t j = 0; j < i; ++j)
      if (part.arguments[j].name == given.name)
        throw UsageError("attention: " + word.name + "(" + given.name + ") is given twice");
  }
  for (const auto& rule : word.arguments) {
    if (rule.initial) continue;
    const bool given = std::any_of(part.arguments.begin(), part.arguments.end(),
                                   [&](const auto& a) { return a.name == rule.name; });
    if (!given)
      throw UsageError("attention: " + word.name + " needs " + rule.name + ": " + rule.help);
  }
}

namespace {

std::vector<Part> all_of(const Part& part) {
  std::vector<Part> all = part.alternatives;
  all.push_back(part);
  return all;
}

/// A part and its alternatives.
void check_parts(const Part& part, Word::Kind kind) {
  check_part(part, kind);
  if (part.alternatives.empty()) return;
  if (kind != Word::Kind::mask)
    throw UsageError("attention: '|' joins masks, given a " + std::string(to_text(kind)) + ", '" +
                     part.name + "'");
  for (const auto& other : part.alternatives) {
    check_part(other, kind);
    if (!other.alternatives.empty())
      throw UsageError("attention: '" + other.name + "' has alternatives inside alternatives");
  }
  for (const auto& p : all_of(part)) {
    if (p.name == "attn_mask")
      throw UsageError(
          "attention: 'attn_mask' cannot be joined by '|': join it in the mask tensor");
    if (!definition(p.name).learned.empty())
      throw UsageError("attention: '" + p.name +
                       "' changes weights as it hides, so it cannot be "
                       "joined by '|'");
  }
}

void check_list(const std::vector<Part>& parts, Word::Kind kind) {
  for (size_t i = 0; i < parts.size(); ++i) {
    check_parts(parts[i], kind);
    for (size_t j = 0; j < i; ++j)
      if (parts[i].name == parts[j].name && parts[i].alternatives.empty() &&
          parts[j].alternatives.empty())
        throw UsageError("attention: " + std::string(to_text(kind)) + " '" + parts[i].name +
                         "' stands twice");
  }
}

}  // namespace
}  // namespace ops

void Attention::check() const {
  ops::check_parts(score, Word::Kind::score);
  ops::check_parts(position, Word::Kind::position);
  ops::check_list(modifiers, Word::Kind::modifier);
  ops::check_list(masks, Word::Kind::mask);
  ops::check_parts(normalizer, Word::Kind::normalizer);
  ops::check_parts(merge, Word::Kind::merge);
  if (num_heads < 1 || num_heads > 4096)
    throw UsageError("attention: num_heads: expected 1 to 4096, given " +
                     std::to_string(num_heads));
  if (num_kv_heads < 0 || (num_kv_heads > 0 && num_heads % num_kv_heads != 0))
    throw UsageError(
        "attention: key-value heads: expected a divisor of num_heads=" + std::to_string(num_heads) +
        ", given " + std::to_string(std::max<int64_t>(num_kv_heads, 0)));
  if (!(dropout >= 0 && dropout < 1))
    throw UsageError("attention: dropout: expected a probability in [0, 1), given " +
                     ops::number_text(dropout));
  const std::function<void(const Part&)> check_word = [&](const Part& part) {
    if (const auto check = ops::definition(part.name).check) check(part, *this);
    for (const auto& other : part.alternatives) check_word(other);
  };
  for (const auto& part : modifiers) check_word(part);
  for (const auto& part : masks) check_word(part);
  for (const auto* part : {&score, &position, &normalizer, &merge}) check_word(*part);
}

}  // namespace heed
