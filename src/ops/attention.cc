#include "heed/ops/attention.h"

#include "heed/core/error.h"
#include "ops/attention_text.h"
#include "ops/word.h"

namespace heed {
namespace ops {
namespace {

std::string value_text(const Part& part, const Part::Argument& a) {
  const auto* rule = find_argument(definition(part.name).word, a.name);
  const bool named = rule && a.value >= 0 && a.value < static_cast<double>(rule->choices.size());
  return named ? rule->choices[static_cast<size_t>(a.value)] : number_text(a.value);
}

}  // namespace

std::string to_text(const Part& part) {
  std::string text = part.name;
  for (const auto& a : part.arguments)
    text += (text.size() == part.name.size() ? "(" : ", ") + a.name + "=" + value_text(part, a);
  if (!part.arguments.empty()) text += ")";
  for (const auto& other : part.alternatives) text += " | " + to_text(other);
  return text;
}

bool has(const std::vector<Part>& parts, std::string_view name) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const Part& p) { return p.name == name || has(p.alternatives, name); });
}

}  // namespace ops

double Part::at(std::string_view argument) const {
  for (const auto& a : arguments)
    if (a.name == argument) return a.value;
  const Word& word = ops::definition(name).word;
  const auto* rule = ops::find_argument(word, argument);
  if (!rule) ops::refuse_argument(word, argument);
  if (!rule->initial)
    throw UsageError("attention: " + name + " needs " + rule->name + ": " + rule->help);
  return *rule->initial;
}

std::string Attention::text() const {
  std::string all = ops::to_text(score);
  const auto add = [&](const std::string& part) { all += "; " + part; };
  if (position != Part{"none"}) add(ops::to_text(position));
  for (const auto& part : modifiers) add(ops::to_text(part));
  for (const auto& part : masks) add(ops::to_text(part));
  add(ops::to_text(normalizer));
  if (merge != Part{"concat"}) add(ops::to_text(merge));
  if (num_heads != 1 || num_kv_heads) add("num_heads=" + std::to_string(num_heads));
  if (num_kv_heads) all.append("/").append(std::to_string(num_kv_heads));
  if (dropout != 0) add("dropout=" + ops::number_text(dropout));
  return all;
}

bool Attention::has_mask(std::string_view name) const { return ops::has(masks, name); }
bool Attention::has_modifier(std::string_view name) const { return ops::has(modifiers, name); }

}  // namespace heed
