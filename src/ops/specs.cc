#include "heed/ops/specs.h"

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"
#include "ops/op_definition.h"

namespace heed {
namespace {

/// The word with values for its arguments in their declared order; what is the default is left out,
/// as parse() does it.
OpSpec spec_of(const char* name, std::initializer_list<double> values = {}) {
  const OpKind& kind = ops::definition(name).kind;
  OpSpec part{name};
  auto rule = kind.arguments.begin();
  for (const double value : values) {
    if (value != rule->initial) part.arguments.push_back({rule->name, value});
    ++rule;
  }
  ops::check_op(part, kind.role);
  return part;
}

double number(int64_t value) { return static_cast<double>(value); }

/// The number of one of an argument's choices.
double choice(const char* name, const char* argument, const std::string& given) {
  const auto& choices = ops::find_argument(ops::definition(name).kind, argument)->choices;
  const auto found = std::find(choices.begin(), choices.end(), given);
  if (found == choices.end())
    throw UsageError("attention: " + std::string(name) + "(" + argument + "): unknown '" + given +
                     "'" + suggestion(given, choices));
  return static_cast<double>(found - choices.begin());
}

}  // namespace

OpSpec operator|(OpSpec mask, const OpSpec& other) {
  mask.alternatives.push_back(other);
  auto& added = mask.alternatives.back();
  const auto more = std::move(added.alternatives);  // (a | b) | (c | d) has all side by side
  added.alternatives.clear();
  mask.alternatives.insert(mask.alternatives.end(), more.begin(), more.end());
  return mask;
}

namespace specs {

OpSpec scaled_dot(double scale) { return spec_of("scaled_dot", {scale}); }
OpSpec dot() { return spec_of("dot"); }
OpSpec general() { return spec_of("general"); }
OpSpec cosine(double scale) { return spec_of("cosine", {scale}); }
OpSpec additive(int64_t hidden) { return spec_of("additive", {number(hidden)}); }
OpSpec feed_forward(int64_t hidden, const std::string& activation, int64_t layers, bool query) {
  const double act = choice("feed_forward", "activation", activation);
  return spec_of("feed_forward", {number(hidden), act, number(layers), number(query)});
}
OpSpec location(int64_t length) { return spec_of("location", {number(length)}); }
OpSpec uniform() { return spec_of("uniform"); }

OpSpec none() { return spec_of("none"); }
OpSpec sinusoidal(double base, bool halves, bool full, int64_t first) {
  return spec_of("sinusoidal", {base, number(halves), number(full), number(first)});
}
OpSpec learned(int64_t length, int64_t first) {
  return spec_of("learned", {number(length), number(first)});
}
OpSpec rope(const RopeOptions& o) {
  return spec_of("rope",
                 {o.base, number(o.interleaved), number(o.width), number(o.scaling), o.factor,
                  number(o.original), o.beta_fast, o.beta_slow, o.attention, number(o.truncate)});
}
OpSpec sinusoidal_2d(int64_t columns, int64_t first, double base) {
  return spec_of("sinusoidal_2d", {number(columns), number(first), base});
}
OpSpec learned_2d(int64_t columns, int64_t first, int64_t rows) {
  return spec_of("learned_2d", {number(columns), number(first), number(rows)});
}
OpSpec rope_2d(int64_t columns, int64_t first, double base, bool interleaved) {
  return spec_of("rope_2d", {number(columns), number(first), base, number(interleaved)});
}
OpSpec alibi() { return spec_of("alibi"); }
OpSpec relative(int64_t buckets, int64_t distance, bool both) {
  return spec_of("relative", {number(buckets), number(distance), number(both)});
}
OpSpec shaw(int64_t distance, bool values) {
  return spec_of("shaw", {number(distance), number(values)});
}
OpSpec transformer_xl() { return spec_of("transformer_xl"); }

OpSpec bias() { return spec_of("bias"); }
OpSpec softcap(double cap) { return spec_of("softcap", {cap}); }
OpSpec sinks() { return spec_of("sinks"); }
OpSpec talking() { return spec_of("talking"); }
OpSpec gate() { return spec_of("gate"); }

OpSpec causal() { return spec_of("causal"); }
OpSpec window(int64_t left, int64_t right) {
  return spec_of("window", {number(left), number(right)});
}
OpSpec prefix(int64_t length) { return spec_of("prefix", {number(length)}); }
OpSpec global(int64_t count) { return spec_of("global", {number(count)}); }
OpSpec dilated(int64_t left, int64_t right, int64_t step) {
  return spec_of("dilated", {number(left), number(right), number(step)});
}
OpSpec strided(int64_t stride) { return spec_of("strided", {number(stride)}); }
OpSpec fixed(int64_t stride, int64_t summary) {
  return spec_of("fixed", {number(stride), number(summary)});
}
OpSpec random_blocks(int64_t size, int64_t count, int64_t seed) {
  return spec_of("random_blocks", {number(size), number(count), number(seed)});
}
OpSpec key_lengths() { return spec_of("key_lengths"); }
OpSpec segment_ids() { return spec_of("segment_ids"); }
OpSpec block_mask(int64_t size) { return spec_of("block_mask", {number(size)}); }
OpSpec attn_mask() { return spec_of("attn_mask"); }
OpSpec adaptive_span(double most, double ramp, double span) {
  return spec_of("adaptive_span", {most, ramp, span});
}

OpSpec softmax() { return spec_of("softmax"); }
OpSpec sparsemax() { return spec_of("sparsemax"); }
OpSpec entmax15() { return spec_of("entmax15"); }
OpSpec entmax(double alpha) { return spec_of("entmax", {alpha}); }
OpSpec sigmoid(double bias) { return spec_of("sigmoid", {bias}); }
OpSpec hard(double temperature) { return spec_of("hard", {temperature}); }
OpSpec geometric() { return spec_of("geometric"); }

OpSpec concat() { return spec_of("concat"); }
OpSpec sum() { return spec_of("sum"); }

}  // namespace specs
}  // namespace heed
