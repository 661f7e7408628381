#include "heed/ops/attention.h"

#include "heed/core/error.h"
#include "ops/attention_text.h"
#include "ops/op_definition.h"

namespace heed {
namespace ops {
namespace {

std::string value_text(const OpSpec& op, const OpSpec::Argument& a) {
  const auto* rule = find_argument(definition(op.name).kind, a.name);
  const bool named = rule && a.value >= 0 && a.value < static_cast<double>(rule->choices.size());
  return named ? rule->choices[static_cast<size_t>(a.value)] : number_text(a.value);
}

}  // namespace

std::string to_text(const OpSpec& op) {
  std::string text = op.name;
  for (const auto& a : op.arguments)
    text += (text.size() == op.name.size() ? "(" : ", ") + a.name + "=" + value_text(op, a);
  if (!op.arguments.empty()) text += ")";
  for (const auto& other : op.alternatives) text += " | " + to_text(other);
  return text;
}

bool has(const std::vector<OpSpec>& specs, std::string_view name) {
  return std::any_of(specs.begin(), specs.end(),
                     [&](const OpSpec& p) { return p.name == name || has(p.alternatives, name); });
}

}  // namespace ops

double OpSpec::at(std::string_view argument) const {
  for (const auto& a : arguments)
    if (a.name == argument) return a.value;
  const OpKind& kind = ops::definition(name).kind;
  const auto* rule = ops::find_argument(kind, argument);
  if (!rule) ops::refuse_argument(kind, argument);
  if (!rule->initial)
    throw UsageError("attention: " + name + " needs " + rule->name + ": " + rule->help);
  return *rule->initial;
}

std::string Attention::text() const {
  std::string all = ops::to_text(score);
  const auto add = [&](const std::string& op) { all += "; " + op; };
  if (position != OpSpec{"none"}) add(ops::to_text(position));
  for (const auto& op : modifiers) add(ops::to_text(op));
  for (const auto& op : masks) add(ops::to_text(op));
  add(ops::to_text(normalizer));
  if (merge != OpSpec{"concat"}) add(ops::to_text(merge));
  const bool grouped = num_kv_heads != 0 && num_kv_heads != num_heads;
  if (num_heads != 1 || grouped) add("num_heads=" + std::to_string(num_heads));
  if (grouped) all.append("/").append(std::to_string(num_kv_heads));
  if (dropout != 0) add("dropout=" + ops::number_text(dropout));
  return all;
}

bool Attention::has_mask(std::string_view name) const { return ops::has(masks, name); }
bool Attention::has_modifier(std::string_view name) const { return ops::has(modifiers, name); }

}  // namespace heed
