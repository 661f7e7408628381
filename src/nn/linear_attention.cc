#include "heed/nn/linear_attention.h"

#include "core/text.h"
#include "nn/linear.h"
#include "ops/beyond.h"

namespace heed::nn {
namespace {

constexpr double kDecayDivisor = 16;

/// (B, L, n * heads) -> (B, heads, L, n), a view.
at::Tensor heads_apart(const at::Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

/// Rows of length 1, however short or long they were; a row of zeros stays. Divided by its largest
/// number first, so that no square vanishes or overflows.
at::Tensor of_length_one(const at::Tensor& x) {
  constexpr double kSmallest = 1e-37;
  const auto near_one = x / x.detach().abs().amax(-1, /*keepdim=*/true).clamp_min(kSmallest);
  return near_one / near_one.norm(2, {-1}, /*keepdim=*/true).clamp_min(kSmallest);
}

}  // namespace

LinearAttentionImpl::LinearAttentionImpl(const LinearAttentionOptions& options) : options(options) {
  reset();
}

int64_t LinearAttentionImpl::states() const {
  return options.num_kv_heads() == 0 ? options.num_heads() : options.num_kv_heads();
}

int64_t LinearAttentionImpl::decays() const {
  const auto& rule = options.attention().rule;
  if (rule != LinearRule::gated && rule != LinearRule::gated_delta) return 0;
  return options.decay() == DecayPer::head ? states()
                                           : states() * (options.width() / options.num_heads());
}

bool LinearAttentionImpl::corrects() const {
  const auto& rule = options.attention().rule;
  return rule == LinearRule::delta || rule == LinearRule::gated_delta;
}

void LinearAttentionImpl::check_options() const {
  const int64_t M = options.width(), H = options.num_heads();
  options.attention().check();
  if (H < 1) throw ModelError(text_of("num_heads: expected at least 1, given ", H));
  if (M < 1 || M % H != 0)
    throw ModelError(text_of("width: expected a multiple of num_heads = ", H, ", given ", M));
  if (states() < 1 || H % states() != 0)
    throw ModelError(text_of("num_kv_heads: expected a divisor of num_heads = ", H, ", given ",
                             options.num_kv_heads()));
  const auto& how = options.attention();
  if (options.decay() == DecayPer::channel && decays() > 0 && how.feature == LinearFeature::favor)
    throw ModelError(
        "decay: expected head with feature favor, whose channels are drawn, given channel");
}

void LinearAttentionImpl::reset() {
  check_options();
  const int64_t M = options.width(), kv = states() * (M / options.num_heads());
  const int64_t rows[] = {M, kv, kv, decays(), corrects() ? states() : 0};
  int64_t all = 0;
  for (const int64_t n : rows) all += n;
  projections = register_module("projections", xavier_linear(M, all));
  int64_t first = 0;
  for (const int64_t n : rows) {
    if (n > 0) xavier_rows(projections->weight, first, n);
    first += n;
  }
  output = register_module("output", xavier_linear(M, M));
}

LinearAttentionImpl::Projected LinearAttentionImpl::project(const at::Tensor& x) {
  const int64_t M = options.width(), G = states(), kv = G * (M / options.num_heads());
  if (!x.defined() || x.dim() != 3 || x.size(2) != M)
    throw UsageError(text_of("linear attention: x: expected shape (B, L, ", M, "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  const auto parts =
      affine(projections, x).split_with_sizes({M, kv, kv, decays(), corrects() ? G : 0}, 2);
  Projected result{heads_apart(parts[0], options.num_heads()),
                   heads_apart(parts[1], G),
                   heads_apart(parts[2], G),
                   {}};
  if (decays() > 0)
    result.inputs.log_decay = heads_apart(torch::log_sigmoid(parts[3]) / kDecayDivisor, G);
  if (corrects()) {
    result.q = of_length_one(result.q), result.k = of_length_one(result.k);
    result.inputs.beta = torch::sigmoid(parts[4]).transpose(1, 2);
  }
  return result;
}

at::Tensor LinearAttentionImpl::merge(const at::Tensor& heads) {
  return affine(output, heads.transpose(1, 2).flatten(2));
}

/// (B, H, L, E), zeros behind an end. What is not causal has neither decays nor betas.
at::Tensor LinearAttentionImpl::attend_by_length(const Projected& p,
                                                 const at::Tensor& lengths) const {
  const int64_t L = p.q.size(2);
  const auto distinct = std::get<0>(at::_unique(lengths)).cpu();
  std::vector<at::Tensor> parts, places;
  for (int64_t i = 0; i < distinct.size(0); ++i) {
    const auto n = distinct[i].item<int64_t>();
    const auto rows = (lengths == n).nonzero().flatten();
    const auto real = [&](const at::Tensor& x) { return x.index_select(0, rows).narrow(2, 0, n); };
    const auto out = linear_attend(real(p.q), real(p.k), real(p.v), options.attention()).out;
    parts.push_back(at::constant_pad_nd(out, {0, 0, 0, L - n})), places.push_back(rows);
  }
  return torch::cat(parts).index_select(0, torch::cat(places).argsort());
}

at::Tensor LinearAttentionImpl::forward(const at::Tensor& x,
                                        const std::optional<at::Tensor>& lengths) {
  const auto p = project(x);
  if (lengths) {
    if (lengths->dim() != 1 || lengths->size(0) != x.size(0) || lengths->scalar_type() != at::kLong)
      throw UsageError(text_of("linear attention: lengths: expected shape (", x.size(0),
                               ") of int64, given ", lengths->sizes(), " of ", lengths->dtype()));
    if (const auto wrong = ops::beyond(*lengths, x.size(1)))
      throw UsageError(
          text_of("linear attention: lengths: expected 0 to L = ", x.size(1), ", given ", *wrong));
  }
  const bool padded = lengths && !lengths->eq(x.size(1)).all().item<bool>();
  if (padded && !options.attention().causal) return merge(attend_by_length(p, *lengths));
  return merge(linear_attend(p.q, p.k, p.v, options.attention(), p.inputs).out);
}

LinearResult LinearAttentionImpl::step(const at::Tensor& x, const at::Tensor& state) {
  const torch::NoGradGuard no_gradient;
  auto p = project(x);
  if (state.defined()) p.inputs.state = state;
  auto result = linear_attend_step(p.q, p.k, p.v, options.attention(), p.inputs);
  result.out = merge(result.out);
  return result;
}

}  // namespace heed::nn
