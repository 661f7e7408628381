// An attention from its line of text.
#include <charconv>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"
#include "ops/op_definition.h"

namespace heed {
namespace ops {
namespace {

/// "tanh, relu or gelu"
std::string one_of(const std::vector<std::string>& names) {
  std::string text = names[0];
  for (size_t i = 1; i < names.size(); ++i)
    text += (i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
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
double parse_value(std::string_view text, const OpKind::Argument& rule, const OpKind& kind) {
  for (size_t i = 0; i < rule.choices.size(); ++i)
    if (rule.choices[i] == text) return static_cast<double>(i);
  if (!rule.choices.empty())
    throw UsageError("attention: " + kind.name + "(" + rule.name + "): expected " +
                     one_of(rule.choices) + ", given '" + std::string(text) + "'" +
                     suggestion(text, rule.choices));
  return parse_number<double>(text, kind.name + "(" + rule.name + ")");
}

/// Gives every argument its declared name and place, and leaves out what is the default.
OpSpec in_declared_order(const OpKind& kind, const std::vector<OpSpec::Argument>& given) {
  OpSpec op{kind.name};
  for (const auto& rule : kind.arguments)
    for (const auto& a : given)
      if (a.name == rule.name && a.value != rule.initial) op.arguments.push_back(a);
  return op;
}

void parse_arguments(std::string_view text, const OpKind& kind,
                     std::vector<OpSpec::Argument>& given) {
  if (trimmed(text).empty()) return;
  for (bool more = true; more;) {
    more = text.find(',') != text.npos;
    auto piece = next_piece(text, ',');
    const bool named = piece.find('=') != piece.npos;
    const size_t place = given.size();
    std::string name(named ? next_piece(piece, '=') : "");
    if (!named && place >= kind.arguments.size())
      throw UsageError("attention: " + kind.name + " takes " +
                       std::to_string(kind.arguments.size()) + " arguments, given '" +
                       std::string(piece) + "' after them");
    if (!named) name = kind.arguments[place].name;
    if (!find_argument(kind, name)) refuse_argument(kind, name);
    const auto value = parse_value(trimmed(piece), *find_argument(kind, name), kind);
    given.push_back({name, value});
  }
}

/// One part without alternatives.
OpSpec parse_one(std::string_view text, OpKind::Role role) {
  const auto open = std::min(text.find('('), text.size());
  const OpKind& kind = known_op_kind(trimmed(text.substr(0, open)), role);
  std::vector<OpSpec::Argument> given;
  if (open < text.size()) {
    const auto close = text.rfind(')');
    if (close == text.npos || close < open || !trimmed(text.substr(close + 1)).empty())
      throw UsageError("attention: expected one ')' at the end of '" + std::string(text) + "'");
    parse_arguments(text.substr(open + 1, close - open - 1), kind, given);
  }
  check_op({kind.name, given}, role);
  return in_declared_order(kind, given);
}

/// What may stand once, and did.
class Once {
 public:
  void operator()(const std::string& what, std::string_view given) {
    if (std::find(seen_.begin(), seen_.end(), what) != seen_.end())
      throw UsageError("attention: a second " + what + ", '" + std::string(given) + "', is given");
    seen_.push_back(what);
  }

 private:
  std::vector<std::string> seen_;
};

[[noreturn]] void refuse_word(std::string_view given) {
  auto known = names_of({OpKind::Role::score, OpKind::Role::position, OpKind::Role::modifier,
                         OpKind::Role::mask, OpKind::Role::normalizer, OpKind::Role::merge});
  known.insert(known.end(), {"num_heads", "dropout"});
  throw UsageError("attention: unknown word '" + std::string(given) + "'" +
                   suggestion(given, known));
}

void put(OpSpec part, OpKind::Role role, Attention& how, Once& once) {
  if (role == OpKind::Role::modifier) return how.modifiers.push_back(std::move(part));
  if (role == OpKind::Role::mask) return how.masks.push_back(std::move(part));
  once(to_text(role), to_text(part));
  (role == OpKind::Role::score        ? how.score
   : role == OpKind::Role::position   ? how.position
   : role == OpKind::Role::normalizer ? how.normalizer
                                      : how.merge) = std::move(part);
}

/// Reads one ';'-separated piece into `how`.
void parse_piece(std::string_view piece, Attention& how, Once& once) {
  auto rest = piece;
  const auto first = piece.substr(0, piece.find('|'));
  const auto name = first.find('(') == first.npos ? next_piece(rest, '=') : std::string_view{};
  if (name == "num_heads") {
    once("num_heads", piece);
    const bool grouped = rest.find('/') != rest.npos;
    how.num_heads = parse_number<int64_t>(next_piece(rest, '/'), "num_heads");
    how.num_kv_heads = grouped ? parse_number<int64_t>(trimmed(rest), "num_heads after '/'") : 0;
    if (grouped && how.num_kv_heads == 0) how.num_kv_heads = -1;  // "/0" is refused by check()
    return;
  }
  if (name == "dropout") {
    once("dropout", piece);
    how.dropout = parse_number<double>(trimmed(rest), "dropout");
    return;
  }
  const auto word_name = trimmed(first.substr(0, first.find('(')));
  const OpKind* kind = find_op_kind(word_name);
  if (!kind) refuse_word(name.empty() ? word_name : name);
  put(parse_op(piece, kind->role), kind->role, how, once);
}

}  // namespace

OpSpec parse_op(std::string_view text, OpKind::Role role) {
  bool more = text.find('|') != text.npos;
  OpSpec op = parse_one(next_piece(text, '|'), role);
  while (more) {
    more = text.find('|') != text.npos;
    op.alternatives.push_back(parse_one(next_piece(text, '|'), role));
  }
  return op;
}

}  // namespace ops

Attention Attention::parse(std::string_view text) {
  Attention how;
  ops::Once once;
  for (auto rest = text; !rest.empty();) {
    const auto piece = ops::next_piece(rest, ';');
    if (!piece.empty()) ops::parse_piece(piece, how, once);
  }
  how.check();
  if (how.num_kv_heads == how.num_heads) how.num_kv_heads = 0;
  return how;
}

Attention Attention::of(const std::vector<OpSpec>& parts) {
  Attention how;
  ops::Once once;
  for (const auto& part : parts) {
    const OpKind* kind = find_op_kind(part.name);
    if (!kind) ops::refuse_word(part.name);
    ops::put(part, kind->role, how, once);
  }
  how.check();
  return how;
}

}  // namespace heed
