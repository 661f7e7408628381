// Sparse patterns by position: prefix, global, dilated, strided, fixed, random_blocks. Query i has
// position p = i + offset among the keys j. Work falls with the tiles that nobody sees.
#include "kernels/patterns.h"
#include "kernels/random_blocks.h"

#include "heed/core/error.h"
#include "kernels/masks.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

constexpr double kMostKeys = 1 << 30;

int64_t whole(const OpSpec& op, const char* argument) {
  return static_cast<int64_t>(op.at(argument));
}

kernels::Prefix prefix_of(const OpSpec& op, const CallContext&) { return {whole(op, "length")}; }
kernels::Global global_of(const OpSpec& op, const CallContext&) { return {whole(op, "count")}; }
kernels::Strided strided_of(const OpSpec& op, const CallContext&) { return {whole(op, "stride")}; }
kernels::Fixed fixed_of(const OpSpec& op, const CallContext&) {
  return {whole(op, "stride"), whole(op, "summary")};
}
kernels::Dilated dilated_of(const OpSpec& op, const CallContext&) {
  const int64_t step = whole(op, "step");
  const auto limit = [&](const char* side) {
    const int64_t steps = whole(op, side);
    return steps < 0 ? kernels::kUnlimited / step : steps;
  };
  return {limit("left"), limit("right"), step};
}
kernels::RandomBlocks random_of(const OpSpec& op, const CallContext& context) {
  return {whole(op, "size"), whole(op, "count"), static_cast<uint64_t>(whole(op, "seed")),
          context.offset,    context.sizes.Lq,   context.sizes.Lk};
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_random(const OpSpec& op, const CallContext& context) {
  return std::make_unique<kernels::RandomBlockMask<T>>(random_of(op, context), context.offset);
}

template <class T, auto pattern_of>
std::unique_ptr<kernels::Mask<T>> make_pattern(const OpSpec& op, const CallContext& context) {
  auto pattern = pattern_of(op, context);
  return std::make_unique<kernels::PatternMask<T, decltype(pattern)>>(std::move(pattern),
                                                                      context.offset);
}

at::Tensor hide_all_but(const at::Tensor& seen, const at::Tensor& scores) {
  return scores.masked_fill(~seen, -std::numeric_limits<double>::infinity());
}

at::Tensor hide_prefix(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  return hide_all_but(key_positions(context, scores) < whole(op, "length"), scores);
}

at::Tensor hide_global(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto p = query_positions(context, scores), j = key_positions(context, scores);
  const int64_t count = whole(op, "count");
  return hide_all_but((p < count) | (j < count), scores);
}

at::Tensor hide_dilated(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const int64_t left = whole(op, "left"), right = whole(op, "right");
  const int64_t step = whole(op, "step");
  const auto before = query_positions(context, scores) - key_positions(context, scores);
  auto seen = torch::remainder(before, step) == 0;
  if (left >= 0) seen = seen & (before <= left * step);
  if (right >= 0) seen = seen & (before >= -right * step);
  return hide_all_but(seen, scores);
}

at::Tensor hide_strided(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const int64_t stride = whole(op, "stride");
  const auto before = query_positions(context, scores) - key_positions(context, scores);
  return hide_all_but((before >= 0) & ((before < stride) | (torch::remainder(before, stride) == 0)),
                      scores);
}

at::Tensor hide_fixed(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const int64_t stride = whole(op, "stride"), summary = whole(op, "summary");
  const auto p = query_positions(context, scores), j = key_positions(context, scores);
  const auto block = [&](const at::Tensor& x) { return torch::floor_divide(x, stride); };
  return hide_all_but(
      (j <= p) & ((block(p) == block(j)) | (torch::remainder(j, stride) >= stride - summary)),
      scores);
}

at::Tensor hide_random(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto pattern = random_of(op, context);
  const int64_t rows = scores.size(2), columns = scores.size(3);
  auto seen = torch::empty({rows, columns}, at::kBool);
  auto* at = seen.data_ptr<bool>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      *at++ = pattern.sees(context.row + i + context.offset, context.column + j);
  return hide_all_but(seen.to(scores.device()), scores);
}

void check_dilated(const OpSpec& op, const Attention&) {
  if (op.at("left") < 0 && op.at("right") < 0 && op.at("step") == 1)
    throw UsageError("attention: dilated(left=-1, right=-1, step=1) hides nothing: leave it out");
}

void check_fixed(const OpSpec& op, const Attention&) {
  if (op.at("summary") <= op.at("stride")) return;
  throw UsageError("attention: fixed(summary): expected at most its stride, " +
                   std::to_string(whole(op, "stride")) + ", given " +
                   std::to_string(whole(op, "summary")));
}

template <auto pattern_of>
constexpr std::tuple<MakeMask<float>, MakeMask<double>> kStages = {
    make_pattern<float, pattern_of>, make_pattern<double, pattern_of>};

}  // namespace

OpDefinition op_prefix() {
  return {.kind = {OpKind::Role::mask,
                   "prefix",
                   {{"length", std::nullopt, 0, kMostKeys, true, "how many keys are seen"}},
                   "a query sees the first keys; causal | prefix(n) is a prefix model's mask"},
          .change = hide_prefix,
          .mask = kStages<prefix_of>};
}

OpDefinition op_global() {
  return {.kind = {OpKind::Role::mask,
                   "global",
                   {{"count", std::nullopt, 0, kMostKeys, true, "tokens from the first on"}},
                   "the first tokens see all and are seen by all (Beltagy et al. 2020)"},
          .change = hide_global,
          .mask = kStages<global_of>};
}

OpDefinition op_dilated() {
  return {.kind = {OpKind::Role::mask,
                   "dilated",
                   {{"left", std::nullopt, -1, kMostKeys, true, "steps before; -1: all"},
                    {"right", std::nullopt, -1, kMostKeys, true, "steps after; -1: all"},
                    {"step", std::nullopt, 1, kMostKeys, true, "keys per step"}},
                   "a query sees every step-th key near its position (Beltagy et al. 2020)"},
          .check = check_dilated,
          .change = hide_dilated,
          .mask = kStages<dilated_of>};
}

OpDefinition op_strided() {
  return {.kind = {OpKind::Role::mask,
                   "strided",
                   {{"stride", std::nullopt, 1, kMostKeys, true, "keys seen before the query"}},
                   "the last keys and every stride-th before them (Child et al. 2019)"},
          .change = hide_strided,
          .mask = kStages<strided_of>};
}

OpDefinition op_fixed() {
  return {.kind = {OpKind::Role::mask,
                   "fixed",
                   {{"stride", std::nullopt, 1, kMostKeys, true, "positions a block"},
                    {"summary", 1, 1, kMostKeys, true, "keys at the end of each that all see"}},
                   "the own block so far and the ends of those before (Child et al. 2019)"},
          .check = check_fixed,
          .change = hide_fixed,
          .mask = kStages<fixed_of>};
}

OpDefinition op_random_blocks() {
  return {.kind = {OpKind::Role::mask,
                   "random_blocks",
                   {{"size", 64, 1, kMostKeys, true, "positions a block"},
                    {"count", 3, 1, 1 << 20, true, "key blocks that a query block sees"},
                    {"seed", 0, 0, kMostKeys, true, "of the draw"}},
                   "each block of queries sees a few drawn blocks of keys (Zaheer et al. 2020)"},
          .change = hide_random,
          .mask = {make_random<float>, make_random<double>}};
}

}  // namespace heed::ops
