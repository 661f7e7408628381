#include "ops/linear_call.h"

#include <cmath>
#include <sstream>

#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "ops/call.h"
#include "ops/linear_features.h"

namespace heed {
namespace ops {
namespace {

template <class... Pieces>
[[noreturn]] void refuse_linear(const Pieces&... pieces) {
  std::ostringstream text;
  text << "linear_attend: ";
  (text << ... << pieces);
  throw UsageError(text.str());
}

void check_tensor(const at::Tensor& t, const char* name, const at::Tensor& q) {
  if (!t.defined()) refuse_linear(name, ": expected a tensor, given an undefined one");
  if (t.layout() != at::kStrided)
    refuse_linear(name, ": expected a dense (strided) tensor, given ", t.layout());
  const auto type = t.scalar_type();
  if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16 && type != at::kHalf)
    refuse_linear(name, ": expected dtype float32, float64, bfloat16 or float16, given ",
                  t.dtype());
  if (t.device() != q.device())
    refuse_linear(name, ": expected the device of q, ", q.device(), ", given ", t.device());
}

void check_rows(const at::Tensor& t, const char* name, const char* shape, const at::Tensor& q) {
  check_tensor(t, name, q);
  if (t.dim() != 4) refuse_linear(name, ": expected shape ", shape, ", given ", t.sizes());
  if (t.scalar_type() != q.scalar_type())
    refuse_linear(name, ": expected the dtype of q, ", q.dtype(), ", given ", t.dtype());
  if (t.size(3) < 1) refuse_linear(name, ": expected a width of at least 1, given ", t.sizes());
}

void check_qkv(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
  check_rows(q, "q", "(B, H, L, D)", q);
  check_rows(k, "k", "(B, G, L, D)", q);
  check_rows(v, "v", "(B, G, L, E)", q);
  const int64_t H = q.size(1), G = k.size(1);
  if (k.size(0) != q.size(0))
    refuse_linear("k: expected batch B=", q.size(0), " as in q ", q.sizes(), ", given ", k.sizes());
  if (k.size(3) != q.size(3))
    refuse_linear("k: expected width D=", q.size(3), " as in q ", q.sizes(), ", given ", k.sizes());
  if (G == 0 ? H != 0 : H % G != 0)
    refuse_linear("k: expected a number of heads G that divides the ", H, " heads of q, given ", G);
  if (causal && k.size(2) != q.size(2))
    refuse_linear("k: expected length L=", q.size(2), " as in q ", q.sizes(), ", given ", k.sizes(),
                  "; only causal = false has queries of another length");
  if (v.size(0) != k.size(0) || v.size(1) != k.size(1) || v.size(2) != k.size(2))
    refuse_linear("v: expected (B, G, L) as in k ", k.sizes(), ", given ", v.sizes());
}

/// Expanded over batch and heads, in the dtype of the computation; undefined where it is not used.
at::Tensor step_input(const std::optional<at::Tensor>& given, const char* name, bool used,
                      LinearRule rule, std::vector<std::vector<int64_t>> shapes, const char* shape,
                      const at::Tensor& q, at::ScalarType compute) {
  if (!given && !used) return {};
  if (!given) refuse_linear(name, ": expected for rule ", word_of(rule), ", given none");
  if (!used)
    refuse_linear(name, ": expected none with rule ", word_of(rule), ", given ", given->sizes());
  check_tensor(*given, name, q);
  for (const auto& wanted : shapes) {
    if (given->dim() != static_cast<int64_t>(wanted.size())) continue;
    bool fits = true;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const int64_t size = given->size(static_cast<int64_t>(i));
      fits = fits && (size == wanted[i] || (i < 2 && size == 1));
    }
    if (fits) return given->to(compute).expand(wanted);
  }
  refuse_linear(name, ": expected shape ", shape, " with ", at::IntArrayRef(shapes[0]),
                " (B and G may be 1), given ", given->sizes());
}

at::Tensor state_input(const std::optional<at::Tensor>& given, std::vector<int64_t> shape,
                       int64_t width, const at::Tensor& q, at::ScalarType compute) {
  if (!given) return {};
  check_tensor(*given, "state", q);
  const char* const more[] = {"", " + 1", " + 2"};
  if (given->sizes() != at::IntArrayRef(shape))
    refuse_linear("state: expected shape (B, G, D, E", more[shape[3] - width],
                  ") = ", at::IntArrayRef(shape), ", given ", given->sizes());
  return given->to(compute);
}

bool decays(const LinearAttention& how) {
  return how.rule == LinearRule::gated || how.rule == LinearRule::gated_delta;
}
bool corrects(const LinearAttention& how) {
  return how.rule == LinearRule::delta || how.rule == LinearRule::gated_delta;
}

}  // namespace

LinearPlan plan_linear(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const LinearAttention& how, const LinearInputs& inputs) {
  how.check();
  check_qkv(q, k, v, how.causal);
  const auto compute = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  LinearPlan plan;
  plan.causal = how.causal, plan.normalize = how.normalize;
  plan.out_type = q.scalar_type();
  plan.state_type = inputs.state ? inputs.state->scalar_type() : compute;
  auto& call = plan.call;
  call.q = q.to(compute), call.k = k.to(compute), call.v = v.to(compute);
  if (how.normalize)
    call.v = at::cat(
        {call.v, at::ones({1}, call.v.options()).expand({v.size(0), v.size(1), v.size(2), 1})}, 3);
  const int64_t B = k.size(0), G = k.size(1), L = k.size(2);
  const int64_t D = how.feature != LinearFeature::favor ? k.size(3)
                    : how.features == 0                 ? 4 * k.size(3)
                                                        : how.features;
  call.log_decay =
      step_input(inputs.log_decay, "log_decay", decays(how), how.rule, {{B, G, L, D}, {B, G, L, 1}},
                 "(B, G, L, D) or (B, G, L, 1)", q, compute);
  call.beta = step_input(inputs.beta, "beta", corrects(how), how.rule, {{B, G, L}}, "(B, G, L)", q,
                         compute);
  plan.scaled_state = how.normalize && how.feature != LinearFeature::none;
  const int64_t columns = call.v.size(3) + (plan.scaled_state ? 1 : 0);
  call.state = state_input(inputs.state, {B, G, D, columns}, v.size(3), q, compute);
  const double by_width = 1 / std::sqrt(static_cast<double>(q.size(3)));
  call.scale =
      how.normalize ? 1 : how.scale.value_or(how.feature == LinearFeature::none ? by_width : 1);
  if (how.feature != LinearFeature::none) take_features(plan, how);
  return plan;
}

LinearOperands::LinearOperands(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)
    : q(q), k(k), v(v) {
  if (!autocast_ || !q.defined() || !k.defined() || !v.defined()) return;
  const auto widest =
      c10::promoteTypes(c10::promoteTypes(q.scalar_type(), k.scalar_type()), v.scalar_type());
  for (auto* t : {&this->q, &this->k, &this->v}) *t = t->to(widest);
}

namespace {

at::Tensor finished_out(const LinearPlan& plan, const at::Tensor& out) {
  if (!plan.normalize) return plan.out_log.defined() ? out * same_exp(plan.out_log) : out;
  const int64_t E = out.size(3) - 1;
  return out.narrow(3, 0, E) / out.narrow(3, E, 1);
}

at::Tensor finished_state(const LinearPlan& plan, const at::Tensor& state) {
  if (!plan.state_log.defined()) return state;
  if (!plan.scaled_state) return state * same_exp(plan.state_log);
  // What the logarithm loses as it is stored, its rows get.
  const auto stored = plan.state_log.to(plan.state_type).to(state.scalar_type());
  const auto rows =
      plan.state_type == state.scalar_type() ? state : state * same_exp(plan.state_log - stored);
  return at::cat({rows, stored}, 3);
}

}  // namespace

LinearResult finished(const LinearPlan& plan, const LinearResult& computed) {
  return {finished_out(plan, computed.out).to(plan.out_type),
          finished_state(plan, computed.state).to(plan.state_type)};
}

}  // namespace ops

void LinearAttention::check() const {
  const auto refuse = [](const std::string& text) {
    throw ModelError("linear attention: " + text);
  };
  const std::string named = word_of(rule);
  if (features < 0)
    refuse("features: expected at least 1, or 0 for 4 D, given " + std::to_string(features));
  if (features > 0 && feature != LinearFeature::favor)
    refuse("features: expected with feature favor alone, given " + std::to_string(features) +
           " with " + word_of(feature));
  if (normalize && rule != LinearRule::linear && rule != LinearRule::gated)
    refuse("normalize: expected false with rule " + named +
           ": it keeps no sum of keys, given true");
  if (!causal && rule != LinearRule::linear)
    refuse("causal: expected true with rule " + named + ", whose steps have an order, given false");
  if (scale && !std::isfinite(*scale))
    refuse("scale: expected a finite number, given " + std::to_string(*scale));
}

}  // namespace heed
