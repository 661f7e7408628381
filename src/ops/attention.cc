#include "heed/ops/attention.h"

#include <charconv>
#include <functional>
#include <optional>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"
#include "ops/word.h"

namespace heed {
namespace {

/// The shortest text that reads back as the same number.
std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// "tanh, relu or gelu"
std::string one_of(const std::vector<std::string>& names) {
  std::string text = names[0];
  for (size_t i = 1; i < names.size(); ++i)
    text += (i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
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

[[noreturn]] void refuse_argument(const Word& word, std::string_view given) {
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

void check_argument(const Word& word, const Word::Argument& rule, double value) {
  const bool whole_enough = !rule.whole || value == std::floor(value);
  if (value >= rule.low && value <= rule.high && whole_enough) return;
  throw UsageError("attention: " + word.name + "(" + rule.name + "): expected a " +
                   (rule.whole ? "whole " : "") + "number from " + number_text(rule.low) + " to " +
                   number_text(rule.high) + ", given " + number_text(value) + " (" + rule.help +
                   ")");
}

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
    if (p.name == "dense")
      throw UsageError("attention: 'dense' cannot be joined by '|': join it in the mask tensor");
    if (!ops::definition(p.name).learned.empty())
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

std::string_view trimmed(std::string_view text) {
  const char* blank = " \t\r\n";
  const auto begin = text.find_first_not_of(blank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

/// Cuts the next piece before `separator` off `rest`.
std::string_view next_piece(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(piece);
}

template <class Number>
Number parse_number(std::string_view text, const std::string& what) {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size())
    throw UsageError("attention: " + what + ": expected a " +
                     (std::is_integral_v<Number> ? "whole number" : "number") + ", given '" +
                     std::string(text) + "'");
  return value;
}

/// A number, or the name of one of the argument's choices.
double parse_value(std::string_view text, const Word::Argument& rule, const Word& word) {
  for (size_t i = 0; i < rule.choices.size(); ++i)
    if (rule.choices[i] == text) return static_cast<double>(i);
  if (!rule.choices.empty())
    throw UsageError("attention: " + word.name + "(" + rule.name + "): expected " +
                     one_of(rule.choices) + ", given '" + std::string(text) + "'" +
                     suggestion(text, rule.choices));
  return parse_number<double>(text, word.name + "(" + rule.name + ")");
}

/// Gives every argument its declared name and place, and leaves out what is the default.
Part in_declared_order(const Word& word, const std::vector<Part::Argument>& given) {
  Part part{word.name};
  for (const auto& rule : word.arguments)
    for (const auto& a : given)
      if (a.name == rule.name && a.value != rule.initial) part.arguments.push_back(a);
  return part;
}

void parse_arguments(std::string_view text, const Word& word, std::vector<Part::Argument>& given) {
  if (trimmed(text).empty()) return;
  for (bool more = true; more;) {
    more = text.find(',') != text.npos;
    auto piece = next_piece(text, ',');
    const bool named = piece.find('=') != piece.npos;
    const size_t place = given.size();
    std::string name(named ? next_piece(piece, '=') : "");
    if (!named && place >= word.arguments.size())
      throw UsageError("attention: " + word.name + " takes " +
                       std::to_string(word.arguments.size()) + " arguments, given '" +
                       std::string(piece) + "' after them");
    if (!named) name = word.arguments[place].name;
    if (!find_argument(word, name)) refuse_argument(word, name);
    const auto value = parse_value(trimmed(piece), *find_argument(word, name), word);
    given.push_back({name, value});
  }
}

std::string value_text(const Part& part, const Part::Argument& a) {
  const auto* rule = find_argument(ops::definition(part.name).word, a.name);
  const bool named = rule && a.value >= 0 && a.value < static_cast<double>(rule->choices.size());
  return named ? rule->choices[static_cast<size_t>(a.value)] : number_text(a.value);
}

std::string part_text(const Part& part) {
  std::string text = part.name;
  for (const auto& a : part.arguments)
    text += (text.size() == part.name.size() ? "(" : ", ") + a.name + "=" + value_text(part, a);
  if (!part.arguments.empty()) text += ")";
  for (const auto& other : part.alternatives) text += " | " + part_text(other);
  return text;
}

/// Reads one ';'-separated piece into `how`; `seen` collects what may stand once.
void parse_piece(std::string_view piece, Attention& how, std::vector<std::string>& seen) {
  auto rest = piece;
  const auto first = piece.substr(0, piece.find('|'));
  const auto name = first.find('(') == first.npos ? next_piece(rest, '=') : std::string_view{};
  const auto once = [&](const std::string& what) {
    if (std::find(seen.begin(), seen.end(), what) != seen.end())
      throw UsageError("attention: a second " + what + ", '" + std::string(piece) + "', is given");
    seen.push_back(what);
  };
  if (name == "heads") {
    once("heads");
    const bool grouped = rest.find('/') != rest.npos;
    how.heads = parse_number<int64_t>(next_piece(rest, '/'), "heads");
    how.kv_heads = grouped ? parse_number<int64_t>(trimmed(rest), "heads after '/'") : 0;
    if (grouped && how.kv_heads == 0) how.kv_heads = -1;  // "/0" is refused by check()
    return;
  }
  if (name == "dropout") {
    once("dropout");
    how.dropout = parse_number<double>(trimmed(rest), "dropout");
    return;
  }
  const auto word_name = trimmed(first.substr(0, first.find('(')));
  const Word* word = find_word(word_name);
  if (!word) {
    auto known = names_of({Word::Kind::score, Word::Kind::position, Word::Kind::modifier,
                           Word::Kind::mask, Word::Kind::normalizer, Word::Kind::merge});
    known.insert(known.end(), {"heads", "dropout"});
    const auto given = name.empty() ? word_name : name;
    throw UsageError("attention: unknown word '" + std::string(given) + "'" +
                     suggestion(given, known));
  }
  Part part = ops::parse_part(piece, word->kind);
  switch (word->kind) {
    case Word::Kind::modifier:
      how.modifiers.push_back(part);
      return;
    case Word::Kind::mask:
      how.masks.push_back(part);
      return;
    case Word::Kind::score:
      how.score = part;
      break;
    case Word::Kind::position:
      how.position = part;
      break;
    case Word::Kind::normalizer:
      how.normalizer = part;
      break;
    case Word::Kind::merge:
      how.merge = part;
      break;
  }
  once(to_text(word->kind));
}

/// One part without alternatives.
Part parse_one(std::string_view text, Word::Kind kind) {
  const auto open = std::min(text.find('('), text.size());
  const Word& word = known_word(trimmed(text.substr(0, open)), kind);
  std::vector<Part::Argument> given;
  if (open < text.size()) {
    const auto close = text.rfind(')');
    if (close == text.npos || close < open || !trimmed(text.substr(close + 1)).empty())
      throw UsageError("attention: expected one ')' at the end of '" + std::string(text) + "'");
    parse_arguments(text.substr(open + 1, close - open - 1), word, given);
  }
  check_part({word.name, given}, kind);
  return in_declared_order(word, given);
}

}  // namespace

namespace ops {

Part parse_part(std::string_view text, Word::Kind kind) {
  bool more = text.find('|') != text.npos;
  Part part = parse_one(next_piece(text, '|'), kind);
  while (more) {
    more = text.find('|') != text.npos;
    part.alternatives.push_back(parse_one(next_piece(text, '|'), kind));
  }
  return part;
}

bool has(const std::vector<Part>& parts, std::string_view name) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const Part& p) { return p.name == name || has(p.alternatives, name); });
}

std::string to_text(const Part& part) { return part_text(part); }

}  // namespace ops

double Part::at(std::string_view argument) const {
  for (const auto& a : arguments)
    if (a.name == argument) return a.value;
  const Word& word = ops::definition(name).word;
  const auto* rule = find_argument(word, argument);
  if (!rule) refuse_argument(word, argument);
  if (!rule->initial)
    throw UsageError("attention: " + name + " needs " + rule->name + ": " + rule->help);
  return *rule->initial;
}

Attention Attention::parse(std::string_view text) {
  Attention how;
  std::vector<std::string> seen;
  for (auto rest = text; !rest.empty();) {
    const auto piece = next_piece(rest, ';');
    if (!piece.empty()) parse_piece(piece, how, seen);
  }
  how.check();
  if (how.kv_heads == how.heads) how.kv_heads = 0;
  return how;
}

std::string Attention::text() const {
  std::string all = part_text(score);
  const auto add = [&](const std::string& part) { all += "; " + part; };
  if (position != Part{"none"}) add(part_text(position));
  for (const auto& part : modifiers) add(part_text(part));
  for (const auto& part : masks) add(part_text(part));
  add(part_text(normalizer));
  if (merge != Part{"concat"}) add(part_text(merge));
  if (heads != 1 || kv_heads) add("heads=" + std::to_string(heads));
  if (kv_heads) all.append("/").append(std::to_string(kv_heads));
  if (dropout != 0) add("dropout=" + number_text(dropout));
  return all;
}

void Attention::check() const {
  check_parts(score, Word::Kind::score);
  check_parts(position, Word::Kind::position);
  check_list(modifiers, Word::Kind::modifier);
  check_list(masks, Word::Kind::mask);
  check_parts(normalizer, Word::Kind::normalizer);
  check_parts(merge, Word::Kind::merge);
  if (heads < 1 || heads > 4096)
    throw UsageError("attention: heads: expected 1 to 4096, given " + std::to_string(heads));
  if (kv_heads < 0 || (kv_heads > 0 && heads % kv_heads != 0))
    throw UsageError(
        "attention: key-value heads: expected a divisor of heads=" + std::to_string(heads) +
        ", given " + std::to_string(std::max<int64_t>(kv_heads, 0)));
  if (!(dropout >= 0 && dropout < 1))
    throw UsageError("attention: dropout: expected a probability in [0, 1), given " +
                     number_text(dropout));
  const std::function<void(const Part&)> check_word = [&](const Part& part) {
    if (const auto check = ops::definition(part.name).check) check(part, *this);
    for (const auto& other : part.alternatives) check_word(other);
  };
  for (const auto& part : modifiers) check_word(part);
  for (const auto& part : masks) check_word(part);
  for (const auto* part : {&score, &position, &normalizer, &merge}) check_word(*part);
}

bool Attention::has_mask(std::string_view name) const { return ops::has(masks, name); }
bool Attention::has_modifier(std::string_view name) const { return ops::has(modifiers, name); }

}  // namespace heed
