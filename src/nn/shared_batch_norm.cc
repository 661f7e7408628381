#include "nn/shared_batch_norm.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>

namespace heed::nn {
namespace {

constexpr double kMomentum = 0.1, kEpsilon = 1e-5;

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// What each process has, by rank.
std::vector<at::Tensor> of_all(Ring& ring, const at::Tensor& own) {
  const int64_t count = ring.count(), rank = ring.rank();
  std::vector<at::Tensor> all(static_cast<size_t>(count));
  all[static_cast<size_t>(rank)] = own;
  at::Tensor passed = own;
  for (int64_t i = 1; i < count; ++i) {
    const auto taken = at::empty_like(own);
    ring.start_pass(passed, taken)();
    passed = all[static_cast<size_t>((rank + count - i) % count)] = taken;
  }
  return all;
}

/// Mean and variance a channel in float64, and how many values they are of.
struct Moments {
  at::Tensor mean, variance;
  double count = 0;
};

/// Of all processes, merged in the order of ranks.
Moments merged(Ring& ring, const Moments& own) {
  const auto line = at::cat({own.mean, own.variance, at::full({1}, own.count, at::kDouble)});
  const int64_t C = own.mean.numel();
  const auto all = of_all(ring, line);
  const auto mean_of = [&](const at::Tensor& one) { return one.narrow(0, 0, C); };
  Moments found{at::zeros({C}, at::kDouble), at::zeros({C}, at::kDouble)};
  for (const auto& one : all) found.count += one[2 * C].item<double>();
  if (found.count == 0) return found;
  for (const auto& one : all) found.mean += mean_of(one) * (one[2 * C] / found.count);
  for (const auto& one : all)
    found.variance +=
        (one.narrow(0, C, C) + (mean_of(one) - found.mean).square()) * (one[2 * C] / found.count);
  return found;
}

at::Tensor sum_of_all(Ring& ring, const at::Tensor& own) {
  auto sum = at::zeros_like(own);
  for (const auto& one : of_all(ring, own)) sum += one;
  return sum;
}

at::Tensor as_channels(const at::Tensor& values) { return values.view({1, -1, 1, 1}); }

/// (x - mean) / std * weight + bias, whose moments depend on the x of all processes.
struct SharedNormalize : Function<SharedNormalize> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& mean,
                            const at::Tensor& inverse, double count, int64_t ring) {
    context->save_for_backward({x, weight, mean, inverse});
    context->saved_data["count"] = count;
    context->saved_data["ring"] = ring;
    const auto scale = weight * inverse;
    return x * as_channels(scale) + as_channels(bias - mean * scale);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3];
    auto& ring = *reinterpret_cast<Ring*>(context->saved_data["ring"].toInt());
    const double count = context->saved_data["count"].toDouble();
    const auto& dy = gradients[0];
    const auto normal = (x - as_channels(mean)) * as_channels(inverse);
    constexpr std::array<int64_t, 3> places{0, 2, 3};
    const auto bias = dy.sum(places, false, at::kDouble),
               scale = (dy * normal).sum(places, false, at::kDouble);
    const auto sums = (sum_of_all(ring, at::cat({bias, scale})) / count).to(x.scalar_type());
    const int64_t C = weight.numel();
    const auto dx =
        (dy - as_channels(sums.narrow(0, 0, C)) - normal * as_channels(sums.narrow(0, C, C))) *
        as_channels(weight * inverse);
    return {dx, scale.to(weight.scalar_type()), bias.to(weight.scalar_type()), {}, {}, {}, {}};
  }
};

}  // namespace

void SharedBatchNorm2dImpl::reset() {
  weight = register_parameter("weight", at::ones({channels}));
  bias = register_parameter("bias", at::zeros({channels}));
  running_mean = register_buffer("running_mean", at::zeros({channels}));
  running_var = register_buffer("running_var", at::ones({channels}));
  num_batches_tracked =
      register_buffer("num_batches_tracked", at::scalar_tensor(0, at::TensorOptions(at::kLong)));
}

at::Tensor SharedBatchNorm2dImpl::forward(const at::Tensor& given) {
  if (!ring_ || !is_training()) {
    if (is_training()) num_batches_tracked += 1;
    return at::batch_norm(given, weight, bias, running_mean, running_var, is_training(), kMomentum,
                          kEpsilon, at::globalContext().userEnabledCuDNN());
  }
  const bool is_double = given.scalar_type() == at::kDouble;
  const auto x = given.to(is_double ? at::kDouble : at::kFloat);  // under autocast it is bfloat16
  Moments all;
  {
    const at::NoGradGuard no_grad;
    const auto [variance, mean] = at::var_mean(x, {0, 2, 3}, false);
    all = merged(*ring_, {mean.to(at::kDouble), variance.to(at::kDouble),
                          static_cast<double>(x.numel() / x.size(1))});
    move_averages(all.mean, all.variance, all.count);
  }
  const auto inverse = (all.variance + kEpsilon).rsqrt();
  return SharedNormalize::apply(x, weight, bias, all.mean.to(x.scalar_type()),
                                inverse.to(x.scalar_type()), all.count,
                                reinterpret_cast<int64_t>(ring_))
      .to(given.scalar_type());
}

void SharedBatchNorm2dImpl::move_averages(const at::Tensor& mean, const at::Tensor& variance,
                                          double count) {
  if (count == 0) return;
  running_mean.lerp_(mean.to(running_mean.scalar_type()), kMomentum);
  const double unbiased = count / std::max(count - 1, 1.0);
  running_var.lerp_((variance * unbiased).to(running_var.scalar_type()), kMomentum);
  num_batches_tracked += 1;
}

void SharedBatchNorm2dImpl::join_forward() {
  const at::NoGradGuard no_grad;
  const auto nothing = at::zeros({channels}, at::kDouble);
  const auto all = merged(*ring_, {nothing, nothing, 0});
  move_averages(all.mean, all.variance, all.count);
}

void SharedBatchNorm2dImpl::join_backward() {
  sum_of_all(*ring_, at::zeros({2 * channels}, at::kDouble));
}

}  // namespace heed::nn
