// A span that each head learns (Sukhbaatar et al. 2019): the exponential of a score is multiplied
// by m = clamp((ramp + z - x) / ramp, 0, 1) of the distance x = |p - j|, z = most clamp(span, 0,
// 1). Where m has just reached 1, its derivative by z is that from below, 1 / ramp, as that of
// torch::clamp when the code was published: at z = 5 the key at distance 5 still pulls at the
// span, and a span of 0 can grow.
#include <limits>

#include "heed/core/error.h"
#include "kernels/adaptive_span.h"
#include "ops/op_definition.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

/// Clamped to 0 .. 1, with the derivative 1 at both ends: that of torch::clamp is 1 there in
/// LibTorch 1.13 and 0 in 2.15.
at::Tensor to_unit(const at::Tensor& x) { return x.masked_fill(x < 0, 0).masked_fill(x > 1, 1); }

/// z, a number per head.
at::Tensor spans_of(const OpSpec& op, const CallContext& context) {
  return to_unit(context.parameter("adaptive_span.span")) * op.at("most");
}

at::Tensor add_span(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const double ramp = op.at("ramp");
  const auto x = (query_positions(context, scores) - key_positions(context, scores)).abs();
  // In float64, as in the kernels: they agree where m is exactly 0 or 1.
  const auto z = spans_of(op, context).view({-1, 1, 1}).to(at::kDouble);
  const auto m = to_unit((ramp + z - x) / ramp);
  const auto hidden = m <= 0;
  return (scores + torch::log(m.masked_fill(hidden, 1)).to(scores.scalar_type()))
      .masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

void prepare_span(const OpSpec& op, Operands& operands) {
  const auto z = spans_of(op, operands.context);
  operands.add("span", z.unsqueeze(0).expand({operands.context.sizes.B, -1}));
}

kernels::Ramp ramp_of(const OpSpec& op, int64_t offset) { return {op.at("ramp"), offset}; }

template <class T>
kernels::View<T> view_of_spans(const at::Tensor& spans) {
  return view_of<T>(spans.detach().unsqueeze(2).unsqueeze(3));
}

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_ramp(const OpSpec& op, const Operands& operands) {
  const auto& spans = *operands.find("span");
  const auto to = spans.grad.defined() ? view_of_spans<T>(spans.grad) : kernels::View<T>{};
  return std::make_unique<kernels::SpanRamp<T>>(ramp_of(op, operands.context.block_offset()),
                                                view_of_spans<const T>(spans.value), to,
                                                operands.sizes());
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_span_mask(const OpSpec& op, const CallContext& context) {
  const auto z = spans_of(op, context).detach().to(at::kDouble).contiguous();
  const auto* first = z.data_ptr<double>();
  return std::make_unique<kernels::SpanMask<T>>(ramp_of(op, context.offset),
                                                std::vector<double>(first, first + z.numel()));
}

double initial_span(const OpSpec& op) { return op.at("span"); }

}  // namespace

OpDefinition op_adaptive_span() {
  return {
      .kind =
          {OpKind::Role::mask,
           "adaptive_span",
           {{"most", std::nullopt, 1, 1 << 30, false, "the largest span, in keys"},
            {"ramp", 32, 1, 1 << 30, false, "keys over which weights fade to 0"},
            {"span", 0.05, 0, 1, false,
             "what the learned share of `most` starts from; it cannot move from beyond 0 and 1"}},
           "each head learns how far it sees; work falls with the span"},
      .learned = {{.name = "span", .shape = number_a_head, .mean = initial_span}},
      .change = add_span,
      .prepare = prepare_span,
      .modifier = {make_ramp<float>, make_ramp<double>},
      .mask = {make_span_mask<float>, make_span_mask<double>}};
}

}  // namespace heed::ops
