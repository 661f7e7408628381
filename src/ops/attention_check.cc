// Whether an attention is made of known words, each with arguments that it takes.
#include <charconv>
#include <functional>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"
#include "ops/op_definition.h"

namespace heed {
namespace ops {

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::vector<std::string> names_of(std::initializer_list<OpKind::Role> roles) {
  std::vector<std::string> names;
  for (const auto& kind : op_kinds())
    if (std::find(roles.begin(), roles.end(), kind.role) != roles.end()) names.push_back(kind.name);
  return names;
}

const OpKind::Argument* find_argument(const OpKind& kind, std::string_view name) {
  for (const auto& a : kind.arguments)
    if (a.name == name) return &a;
  return nullptr;
}

void refuse_argument(const OpKind& kind, std::string_view given) {
  std::vector<std::string> names;
  for (const auto& a : kind.arguments) names.push_back(a.name);
  const auto hint = names.empty() ? "; it takes none" : suggestion(given, names);
  throw UsageError("attention: " + kind.name + " has no argument '" + std::string(given) + "'" +
                   hint);
}

const OpKind& known_op_kind(std::string_view name, OpKind::Role role) {
  const OpKind* kind = find_op_kind(name);
  if (!kind)
    throw UsageError("attention: unknown " + std::string(to_text(role)) + " '" + std::string(name) +
                     "'" + suggestion(name, names_of({role})));
  if (kind->role != role)
    throw UsageError("attention: expected a " + std::string(to_text(role)) + ", given '" +
                     kind->name + "', which is a " + to_text(kind->role));
  return *kind;
}

namespace {

void check_argument(const OpKind& kind, const OpKind::Argument& rule, double value) {
  const bool whole_enough = !rule.whole || value == std::floor(value);
  if (value >= rule.low && value <= rule.high && whole_enough) return;
  throw UsageError("attention: " + kind.name + "(" + rule.name + "): expected a " +
                   (rule.whole ? "whole " : "") + "number from " + number_text(rule.low) + " to " +
                   number_text(rule.high) + ", given " + number_text(value) + " (" + rule.help +
                   ")");
}

}  // namespace

void check_op(const OpSpec& op, OpKind::Role role) {
  const OpKind& kind = known_op_kind(op.name, role);
  for (size_t i = 0; i < op.arguments.size(); ++i) {
    const auto& given = op.arguments[i];
    const auto* rule = find_argument(kind, given.name);
    if (!rule) refuse_argument(kind, given.name);
    check_argument(kind, *rule, given.value);
    for (size_t j = 0; j < i; ++j)
      if (op.arguments[j].name == given.name)
        throw UsageError("attention: " + kind.name + "(" + given.name + ") is given twice");
  }
  for (const auto& rule : kind.arguments) {
    if (rule.initial) continue;
    const bool given = std::any_of(op.arguments.begin(), op.arguments.end(),
                                   [&](const auto& a) { return a.name == rule.name; });
    if (!given)
      throw UsageError("attention: " + kind.name + " needs " + rule.name + ": " + rule.help);
  }
}

namespace {

std::vector<OpSpec> all_of(const OpSpec& op) {
  std::vector<OpSpec> all = op.alternatives;
  all.push_back(op);
  return all;
}

/// A part and its alternatives.
void check_ops(const OpSpec& op, OpKind::Role role) {
  check_op(op, role);
  if (op.alternatives.empty()) return;
  if (role != OpKind::Role::mask)
    throw UsageError("attention: '|' joins masks, given a " + std::string(to_text(role)) + ", '" +
                     op.name + "'");
  for (const auto& other : op.alternatives) {
    check_op(other, role);
    if (!other.alternatives.empty())
      throw UsageError("attention: '" + other.name + "' has alternatives inside alternatives");
  }
  for (const auto& p : all_of(op)) {
    if (p.name == "attn_mask")
      throw UsageError(
          "attention: 'attn_mask' cannot be joined by '|': join it in the mask tensor");
    if (!definition(p.name).learned.empty())
      throw UsageError("attention: '" + p.name +
                       "' changes weights as it hides, so it cannot be "
                       "joined by '|'");
  }
}

void check_list(const std::vector<OpSpec>& specs, OpKind::Role role) {
  for (size_t i = 0; i < specs.size(); ++i) {
    check_ops(specs[i], role);
    for (size_t j = 0; j < i; ++j)
      if (specs[i].name == specs[j].name && specs[i].alternatives.empty() &&
          specs[j].alternatives.empty())
        throw UsageError("attention: " + std::string(to_text(role)) + " '" + specs[i].name +
                         "' stands twice");
  }
}

}  // namespace
}  // namespace ops

void Attention::check() const {
  ops::check_ops(score, OpKind::Role::score);
  ops::check_ops(position, OpKind::Role::position);
  ops::check_list(modifiers, OpKind::Role::modifier);
  ops::check_list(masks, OpKind::Role::mask);
  ops::check_ops(normalizer, OpKind::Role::normalizer);
  ops::check_ops(merge, OpKind::Role::merge);
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
  const std::function<void(const OpSpec&)> check_word = [&](const OpSpec& op) {
    if (const auto check = ops::definition(op.name).check) check(op, *this);
    for (const auto& other : op.alternatives) check_word(other);
  };
  for (const auto& op : modifiers) check_word(op);
  for (const auto& op : masks) check_word(op);
  for (const auto* op : {&score, &position, &normalizer, &merge}) check_word(*op);
}

}  // namespace heed
