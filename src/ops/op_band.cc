// Masks by the distance of key j from query i, whose position among the keys is p = i + offset:
// causal (j <= p) and window(left, right) (p - left <= j <= p + right).
#include <limits>

#include "heed/core/error.h"
#include "kernels/masks.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

struct Band {
  int64_t left, right;  ///< -1: no limit
};

Band band_of(const OpSpec& op) {
  if (op.name == "causal") return {-1, 0};
  return {static_cast<int64_t>(op.at("left")), static_cast<int64_t>(op.at("right"))};
}

at::Tensor hide_band(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const Band band = band_of(op);
  const auto p = query_positions(context, scores), j = key_positions(context, scores);
  auto hidden = torch::zeros({}, j.options().dtype(at::kBool));
  if (band.left >= 0) hidden = hidden | (j < p - band.left);
  if (band.right >= 0) hidden = hidden | (j > p + band.right);
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_band(const OpSpec& op, const CallContext& context) {
  const Band band = band_of(op);
  const auto limit = [](int64_t n) { return n < 0 ? kernels::kUnlimited : n; };
  return std::make_unique<kernels::WindowMask<T>>(limit(band.left), limit(band.right),
                                                  context.offset);
}

void check_window(const OpSpec& op, const Attention&) {
  if (op.at("left") < 0 && op.at("right") < 0)
    throw UsageError("attention: window(left=-1, right=-1) hides nothing: leave it out");
}

}  // namespace

OpDefinition op_causal() {
  return {.kind = {OpKind::Role::mask, "causal", {}, "a query sees no key after its own position"},
          .change = hide_band,
          .mask = {make_band<float>, make_band<double>}};
}

OpDefinition op_window() {
  constexpr double kMost = 1 << 30;
  return {.kind = {OpKind::Role::mask,
                   "window",
                   {{"left", std::nullopt, -1, kMost, true, "keys seen before the query; -1: all"},
                    {"right", std::nullopt, -1, kMost, true, "keys seen after it; -1: all"}},
                   "a query sees the keys near its own position"},
          .check = check_window,
          .change = hide_band,
          .mask = {make_band<float>, make_band<double>}};
}

}  // namespace heed::ops
