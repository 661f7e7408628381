// Checks, autograd and the formula of linear_cross_entropy; the chunks are in loss_pass.cc.
#include "heed/ops/cross_entropy.h"

#include <ATen/record_function.h>

#include <sstream>

#include "heed/core/error.h"
#include "ops/call.h"
#include "ops/loss_pass.h"
#include "ops/torch_version.h"
#include "ops/zeros.h"

namespace heed {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = ops::TorchOptional<at::Tensor>;

template <class... Pieces>
[[noreturn]] void refuse_loss(const Pieces&... pieces) {
  std::ostringstream text;
  text << "linear_cross_entropy: ";
  (text << ... << pieces);
  throw UsageError(text.str());
}

void check_loss_matrix(const at::Tensor& t, const char* name, const char* shape, int64_t dims,
                       const at::Tensor& hidden) {
  if (!t.defined()) refuse_loss(name, ": expected a tensor ", shape, ", given an undefined one");
  if (t.layout() != at::kStrided)
    refuse_loss(name, ": expected a dense (strided) tensor, given ", t.layout());
  if (t.dim() != dims) refuse_loss(name, ": expected shape ", shape, ", given ", t.sizes());
  if (t.scalar_type() != at::kFloat && t.scalar_type() != at::kDouble)
    refuse_loss(name, ": expected dtype float32 or float64, given ", t.dtype());
  if (t.scalar_type() != hidden.scalar_type())
    refuse_loss(name, ": expected the dtype of hidden, ", hidden.dtype(), ", given ", t.dtype());
  if (t.device() != hidden.device())
    refuse_loss(name, ": expected the device of hidden, ", hidden.device(), ", given ", t.device());
}

void check_loss_labels(const at::Tensor& labels, const at::Tensor& hidden, int64_t V,
                       int64_t ignore) {
  if (!labels.defined()) refuse_loss("labels: expected a tensor (N), given an undefined one");
  if (labels.scalar_type() != at::kLong)
    refuse_loss("labels: expected dtype int64, given ", labels.dtype());
  if (labels.dim() != 1 || labels.size(0) != hidden.size(0))
    refuse_loss("labels: expected shape (N) = [", hidden.size(0), "], given ", labels.sizes());
  const auto here = labels.cpu().contiguous();
  const int64_t* label = here.data_ptr<int64_t>();
  for (int64_t i = 0; i < here.size(0); ++i)
    if (label[i] != ignore && (label[i] < 0 || label[i] >= V))
      refuse_loss("labels[", i, "]: expected 0 to V - 1 = ", V - 1, ", or ", ignore,
                  " to ignore the row, given ", label[i]);
}

void check_loss(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                const at::Tensor& labels, const CrossEntropyOptions& options) {
  check_loss_matrix(hidden, "hidden", "(N, M)", 2, hidden);
  check_loss_matrix(weight, "weight", "(V, M)", 2, hidden);
  if (weight.size(1) != hidden.size(1))
    refuse_loss("weight: expected shape (V, M) with M=", hidden.size(1), " as in hidden, given ",
                weight.sizes());
  const int64_t V = weight.size(0);
  if (V < 1) refuse_loss("weight: expected at least one row, given ", weight.sizes());
  if (bias.defined()) {
    check_loss_matrix(bias, "bias", "(V)", 1, hidden);
    if (bias.size(0) != V)
      refuse_loss("bias: expected shape (V) = [", V, "], given ", bias.sizes());
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    refuse_loss("label_smoothing: expected 0 to 1, given ", options.label_smoothing);
  if (!(options.softcap >= 0) || std::isinf(options.softcap))
    refuse_loss("softcap: expected above 0, or 0 for none, given ", options.softcap);
  check_loss_labels(labels, hidden, V, options.ignore);
}

/// A sum of losses as a tensor: infinite where the dtype does not reach so far (scalar_tensor of
/// that dtype throws).
at::Tensor loss_tensor(double sum, const at::TensorOptions& options) {
  return at::scalar_tensor(sum, options.dtype(at::kDouble)).to(options.dtype());
}

at::Tensor capped(const at::Tensor& x, double softcap) {
  return softcap > 0 ? softcap * at::tanh(x / softcap) : x;
}

/// The loss alone, by LibTorch's operators.
at::Tensor loss_by_formula(const at::Tensor& hidden, const at::Tensor& weight,
                           const at::Tensor& bias, const at::Tensor& labels,
                           const CrossEntropyOptions& options) {
  // Autocast would compute the logits in 16 bits; the formula is the exact one.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  // index_select and not a product with 0: what an ignored row holds reaches nothing.
  const auto index = (labels != options.ignore).nonzero().squeeze(1);
  auto x = at::matmul(hidden.index_select(0, index), weight.t());  // (n, V)
  if (bias.defined()) x = x + bias;
  x = capped(x, options.softcap);
  const auto minus_log = -at::log_softmax(x, 1);
  const auto label = labels.index_select(0, index).unsqueeze(1);
  const double e = options.label_smoothing;
  const auto own = minus_log.gather(1, label).sum();
  return e > 0 ? (1 - e) * own + e * minus_log.mean(1).sum() : own;
}

class LossFunction : public torch::autograd::Function<LossFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden,
                            const at::Tensor& weight, const OptionalTensor& given_bias,
                            const at::Tensor& labels, const CrossEntropyOptions& options,
                            ops::LossSums* sums) {
    const auto bias = given_bias.value_or(at::Tensor());
    ops::LossGradients grads;
    if (hidden.requires_grad()) grads.hidden = ops::zeros_of(hidden);
    if (weight.requires_grad()) grads.weight = ops::zeros_of(weight);
    if (bias.defined() && bias.requires_grad()) grads.bias = ops::zeros_of(bias);
    *sums = ops::pass_over_rows(hidden, weight, bias, labels, options, grads);
    ctx->saved_data["smoothing"] = options.label_smoothing;
    ctx->saved_data["ignore"] = options.ignore;
    ctx->saved_data["softcap"] = options.softcap;
    ctx->save_for_backward({hidden, weight, bias, labels, grads.hidden, grads.weight, grads.bias});
    return loss_tensor(sums->loss, hidden.options());
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_loss) {
    auto t = ctx->get_saved_variables();
    variable_list grads(6);
    if (torch::GradMode::is_enabled()) {
      by_formula(t, grad_loss[0],
                 {.label_smoothing = ctx->saved_data["smoothing"].toDouble(),
                  .ignore = ctx->saved_data["ignore"].toInt(),
                  .softcap = ctx->saved_data["softcap"].toDouble()},
                 grads);
      return grads;
    }
    for (size_t i = 0; i < 3; ++i)
      if (t[4 + i].defined()) grads[i] = t[4 + i] * grad_loss[0];
    return grads;
  }

 private:
  /// Gradients that can be differentiated again.
  static void by_formula(variable_list& t, const at::Tensor& grad_loss,
                         const CrossEntropyOptions& options, variable_list& grads) {
    // Views, so that the graph from here to the loss starts at these and not behind them.
    variable_list asked;
    for (size_t i = 0; i < 3; ++i)
      if (t[i].defined() && t[i].requires_grad()) asked.push_back(t[i] = t[i].view_as(t[i]));
    const auto loss = loss_by_formula(t[0], t[1], t[2], t[3], options);
    const auto found = torch::autograd::grad({loss}, asked, {grad_loss}, /*retain_graph=*/true,
                                             /*create_graph=*/true, /*allow_unused=*/true);
    size_t next = 0;
    for (size_t i = 0; i < 3; ++i)
      if (t[i].defined() && t[i].requires_grad()) grads[i] = found[next++];
  }
};

}  // namespace

CrossEntropy linear_cross_entropy(const at::Tensor& given_hidden, const at::Tensor& weight,
                                  const at::Tensor& bias, const at::Tensor& labels,
                                  const CrossEntropyOptions& options) {
  RECORD_USER_SCOPE("heed::linear_cross_entropy");
  const auto hidden = ops::in_dtype_of(weight, given_hidden);
  check_loss(hidden, weight, bias, labels, options);
  if (!hidden.is_cpu())
    return linear_cross_entropy_reference(hidden, weight, bias, labels, options);
  ops::LossSums sums;
  at::Tensor loss;
  const auto asks = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  if (torch::GradMode::is_enabled() && (asks(hidden) || asks(weight) || asks(bias))) {
    const auto given = bias.defined() ? OptionalTensor(bias) : OptionalTensor();
    loss = LossFunction::apply(hidden, weight, given, labels, options, &sums);
  } else {
    const torch::NoGradGuard no_gradient;
    sums = ops::pass_over_rows(hidden, weight, bias, labels, options, {});
    loss = loss_tensor(sums.loss, hidden.options());
  }
  return {loss, sums.nll, sums.count, sums.right};
}

CrossEntropy linear_cross_entropy_reference(const at::Tensor& hidden, const at::Tensor& weight,
                                            const at::Tensor& bias, const at::Tensor& labels,
                                            const CrossEntropyOptions& options) {
  check_loss(hidden, weight, bias, labels, options);
  CrossEntropy result;
  result.loss = loss_by_formula(hidden, weight, bias, labels, options);
  const torch::NoGradGuard no_gradient;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  auto plain = options;
  plain.label_smoothing = 0;
  const auto index = (labels != options.ignore).nonzero().squeeze(1);
  const auto label = labels.index_select(0, index);
  auto x = at::matmul(hidden.index_select(0, index), weight.t());
  if (bias.defined()) x = x + bias;
  x = capped(x, options.softcap);
  result.nll = loss_by_formula(hidden, weight, bias, labels, plain).item<double>();
  result.count = index.size(0);
  const auto is_largest = x == std::get<0>(x.max(1, /*keepdim=*/true));  // false beside a NaN
  const auto before = is_largest.cumsum(1).gather(1, label.unsqueeze(1));
  const auto own = is_largest.gather(1, label.unsqueeze(1));
  result.right = at::logical_and(own, before == 1).sum().item<int64_t>();
  return result;
}

}  // namespace heed
