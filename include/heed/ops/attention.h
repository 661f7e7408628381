// The attention value: how a query is scored against the keys, what position and masks do to the
// scores, how scores become weights, and how heads merge. Kernels compute it, models train through
// it, the lens looks through it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// One named op of an attention with its numbers: `window(256, 0)`, `rope(base=500000)`.
struct OpSpec {
  struct Argument {
    std::string name;  ///< always set: an argument given by its place gets its declared name
    double value = 0;
    bool operator==(const Argument&) const = default;
  };
  std::string name;
  /// What differs from the default, in the declared order (so that equal parts compare equal).
  std::vector<Argument> arguments = {};
  /// Of a mask: a query sees what this part or any of these allows, `causal | prefix(64)`.
  std::vector<OpSpec> alternatives = {};

  /// The value of an argument, given or default; throws UsageError where the word declares none.
  double at(std::string_view argument) const;
  bool operator==(const OpSpec&) const = default;
};

/// An attention. Its words are listed in heed/ops/op_kinds.h.
///
/// Text form (`parse`, `text`): parts in any order, separated by ';'. A part is the name of a
/// score, position, modifier, mask, normalizer or merge with numbers in parentheses (by place or by
/// name), masks joined by '|' where any of them is enough, or one of `num_heads=8`, `num_heads=8/2`
/// (8 query heads, 2 key-value heads), `dropout=0.1`. What is left out has its default:
///
///     auto how = heed::Attention::parse("rope; causal; window(256,0); num_heads=8/2; dropout=0.1");
///
/// TOML form (ops/attention_toml.h): the same words under the keys score, position, modifiers,
/// masks, normalizer, merge, num_heads, num_kv_heads, dropout.
///
/// parse(), of() and check() throw UsageError with the reason when a word is unknown (with the nearest
/// known one), an argument is unknown, missing or out of its range, a part stands twice, or a
/// combination makes no sense.
struct Attention {
  OpSpec score{"scaled_dot"};
  OpSpec position{"none"};
  std::vector<OpSpec> modifiers;  ///< applied in this order: bias, softcap
  std::vector<OpSpec> masks;      ///< all must allow; see docs/mechanisms.md
  OpSpec normalizer{"softmax"};
  OpSpec merge{"concat"};
  int64_t num_heads = 1;
  int64_t num_kv_heads = 0;  ///< 0: as many as num_heads; otherwise it divides num_heads
  double dropout = 0;        ///< probability that a weight is dropped in training, in [0, 1)

  static Attention parse(std::string_view text);
  /// Of parts in any order, as heed/ops/specs.h makes them; what is left out has its default.
  static Attention of(const std::vector<OpSpec>& specs);
  std::string text() const;  ///< canonical; parse(text()) == *this for what parse() made
  void check() const;

  int64_t kv_heads() const { return num_kv_heads ? num_kv_heads : num_heads; }
  bool has_mask(std::string_view name) const;
  bool has_modifier(std::string_view name) const;
  bool operator==(const Attention&) const = default;
};

}  // namespace heed
