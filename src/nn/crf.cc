#include "heed/nn/crf.h"

#include "nn/crf_passes.h"
#include "nn/lengths.h"
#include "ops/call.h"

namespace heed::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// log Z - score of each sequence. As the gradient is known up to the factor that comes from above,
/// it is taken with the forward pass: expected counts minus those of the tags.
class CrfLoss : public torch::autograd::Function<CrfLoss> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& emissions,
                            const at::Tensor& transitions, const at::Tensor& start,
                            const at::Tensor& end, const at::Tensor& tags,
                            const at::Tensor& lengths, bool learns) {
    const CrfInput in{emissions, transitions, start, end, lengths};
    const int64_t B = emissions.size(0), K = emissions.size(2);
    CrfExpected counts;
    if (learns && emissions.requires_grad()) counts.emissions = at::zeros_like(emissions);
    if (learns && (transitions.requires_grad() || start.requires_grad() || end.requires_grad())) {
      counts.transitions = at::zeros({B, K, K}, emissions.options());
      counts.start = at::zeros({B, K}, emissions.options());
      counts.end = at::zeros({B, K}, emissions.options());
    }
    const auto log_z = crf_log_partition(in, counts);
    const auto score = crf_path_score(in, tags, counts);
    ctx->save_for_backward({counts.emissions, counts.transitions, counts.start, counts.end});
    // Without any path, -inf - -inf: no probability is left for the tags.
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return (log_z - score).masked_fill(log_z == -infinity, infinity).to(emissions.dtype());
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    if (torch::GradMode::is_enabled())
      throw UsageError("crf: second derivatives are not available; leave out create_graph");
    const auto counts = ctx->get_saved_variables();
    variable_list grads(7);
    if (counts[0].defined()) grads[0] = counts[0] * grad[0].view({-1, 1, 1});
    for (size_t i = 1; i < 4 && counts[i].defined(); ++i)
      grads[i] =
          (counts[i].flatten(1) * grad[0].unsqueeze(1)).sum(0).view(counts[i].sizes().slice(1));
    return grads;
  }
};

at::Tensor forbidden(const at::Tensor& allowed, const char* name, at::IntArrayRef shape) {
  if (!allowed.defined()) return {};
  if (allowed.scalar_type() != at::kBool || allowed.sizes() != shape)
    throw ModelError(text_of("crf: constraints.", name, ": expected shape ", shape,
                             " of bool, given ", allowed.sizes(), " of ", allowed.dtype()));
  return allowed.logical_not();
}

at::Tensor without(const at::Tensor& scores, const at::Tensor& forbidden) {
  if (!forbidden.defined()) return scores;
  return scores.masked_fill(forbidden, -std::numeric_limits<double>::infinity());
}

at::Tensor lengths_or_all(const at::Tensor& lengths, const at::Tensor& x) {
  if (lengths.defined()) return lengths.cpu().contiguous();
  return at::full({x.size(0)}, x.size(1), at::kLong);
}

void check_emissions(const at::Tensor& x, int64_t K) {
  if (!x.defined() || x.dim() != 3 || x.size(2) != K || !x.is_floating_point())
    throw UsageError(text_of("crf: x: expected floating emissions (B, L, K = ", K, "), given ",
                             x.defined() ? text_of(x.sizes(), " of ", x.dtype()) : "no tensor"));
}

void check_dtype(const at::Tensor& x, const at::Tensor& transitions) {
  const auto type = transitions.scalar_type();
  if (type != at::kFloat && type != at::kDouble)
    throw UsageError(
        text_of("crf: parameters: expected float32 or float64, given ", transitions.dtype()));
  if (x.scalar_type() != type)
    throw UsageError(text_of("crf: x: expected the dtype of the parameters, ", transitions.dtype(),
                             ", given ", x.dtype()));
}

void check_tags(const at::Tensor& tags, const at::Tensor& x, const at::Tensor& lengths) {
  if (!tags.defined() || tags.scalar_type() != at::kLong || tags.dim() != 2 ||
      tags.size(0) != x.size(0) || tags.size(1) != x.size(1))
    throw UsageError(text_of(
        "crf: tags: expected shape (B, L) = [", x.size(0), ", ", x.size(1), "] of int64, given ",
        tags.defined() ? text_of(tags.sizes(), " of ", tags.dtype()) : "no tensor"));
  for (int64_t b = 0; b < tags.size(0); ++b)
    for (int64_t t = 0; t < lengths.data_ptr<int64_t>()[b]; ++t) {
      const int64_t tag = tags.data_ptr<int64_t>()[b * tags.size(1) + t];
      if (tag < 0 || tag >= x.size(2))
        throw UsageError(text_of("crf: tags[", b, ", ", t,
                                 "]: expected 0 to K - 1 = ", x.size(2) - 1, ", given ", tag));
    }
}

}  // namespace

CrfImpl::CrfImpl(const CrfOptions& options) : options(options) { reset(); }

void CrfImpl::reset() {
  const int64_t K = options.tags();
  if (K < 1) throw ModelError(text_of("crf: tags: expected at least 1, given ", K));
  const auto uniform = [](at::IntArrayRef shape) {
    return torch::empty(shape).uniform_(-0.1, 0.1);
  };
  transitions = register_parameter("transitions", uniform({K, K}));
  start = register_parameter("start", uniform({K}));
  end = register_parameter("end", uniform({K}));
  const auto& allowed = options.constraints();
  forbidden_transitions_ = forbidden(allowed.transitions, "transitions", {K, K});
  forbidden_start_ = forbidden(allowed.start, "start", {K});
  forbidden_end_ = forbidden(allowed.end, "end", {K});
}

CrfImpl::Scores CrfImpl::scores() const {
  return {without(transitions.cpu(), forbidden_transitions_).contiguous(),
          without(start.cpu(), forbidden_start_).contiguous(),
          without(end.cpu(), forbidden_end_).contiguous()};
}

void CrfImpl::check_allowed(const at::Tensor& tags, const at::Tensor& lengths) const {
  const auto name = [&](int64_t tag) {
    const auto& names = options.constraints().names;
    const auto k = static_cast<size_t>(tag);
    return k < names.size() ? "'" + names[k] + "'" : std::to_string(tag);
  };
  const auto is = [](const at::Tensor& mask, int64_t at) {
    return mask.defined() && mask.data_ptr<bool>()[at];
  };
  const int64_t K = options.tags();
  for (int64_t b = 0; b < tags.size(0); ++b) {
    const int64_t n = lengths.data_ptr<int64_t>()[b];
    const int64_t* y = tags.data_ptr<int64_t>() + b * tags.size(1);
    for (int64_t t = 0; t < n; ++t) {
      const auto place = text_of("crf: sequence ", b, ", token ", t, ": the tag ", name(y[t]));
      if (t == 0 && is(forbidden_start_, y[t]))
        throw DataError(place + " may not begin a sequence; mend the tags or the constraints");
      if (t > 0 && is(forbidden_transitions_, y[t - 1] * K + y[t]))
        throw DataError(place + " may not follow " + name(y[t - 1]) +
                        "; mend the tags or the constraints");
      if (t == n - 1 && is(forbidden_end_, y[t]))
        throw DataError(place + " may not end a sequence; mend the tags or the constraints");
    }
  }
}

at::Tensor CrfImpl::forward(const at::Tensor& x, const at::Tensor& tags,
                            const at::Tensor& lengths) {
  check_emissions(x, options.tags());
  check_lengths("crf", lengths, x.size(0), x.size(1));
  const auto n = lengths_or_all(lengths, x);
  const auto y = tags.defined() ? tags.cpu().contiguous() : tags;
  check_tags(y, x, n);
  check_allowed(y, n);
  const auto emissions = ops::in_dtype_of(transitions, x);
  check_dtype(emissions, transitions);
  const auto all = scores();
  return CrfLoss::apply(emissions.cpu().contiguous(), all.transitions, all.start, all.end, y, n,
                        torch::GradMode::is_enabled())
      .to(x.device());
}

CrfPaths CrfImpl::decode(const at::Tensor& x, const at::Tensor& lengths) {
  const torch::NoGradGuard no_gradient;
  check_emissions(x, options.tags());
  check_lengths("crf", lengths, x.size(0), x.size(1));
  const auto emissions = ops::in_dtype_of(transitions, x);
  check_dtype(emissions, transitions);
  const auto all = scores();
  const auto best = crf_best_path({emissions.cpu().contiguous(), all.transitions, all.start,
                                   all.end, lengths_or_all(lengths, x)});
  return {best.first.to(x.device()), best.second.to(x.device(), transitions.scalar_type())};
}

at::Tensor CrfImpl::marginals(const at::Tensor& x, const at::Tensor& lengths) {
  const torch::NoGradGuard no_gradient;
  check_emissions(x, options.tags());
  check_lengths("crf", lengths, x.size(0), x.size(1));
  const auto emissions = ops::in_dtype_of(transitions, x);
  check_dtype(emissions, transitions);
  const auto all = scores();
  const auto here = emissions.cpu().contiguous();
  CrfExpected expected;
  expected.emissions = at::zeros_like(here);
  crf_log_partition({here, all.transitions, all.start, all.end, lengths_or_all(lengths, x)},
                    expected);
  return expected.emissions.to(x.device());
}

}  // namespace heed::nn
