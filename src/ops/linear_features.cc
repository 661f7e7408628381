// What linear attention makes of queries and keys.
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <map>
#include <mutex>
#include <numbers>
#include <tuple>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "kernels/linear_features.h"
#include "ops/linear_features.h"
#include "ops/linear_heads.h"

namespace heed {
namespace {

using Row = std::vector<double>;

/// Standard normals, two from two uniforms (Box and Muller 1958).
Row normals(Random& random, int64_t count) {
  Row row;
  for (int64_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(random.uniform())));
    const double angle = 2 * std::numbers::pi * static_cast<double>(random.uniform());
    row.push_back(radius * std::cos(angle)), row.push_back(radius * std::sin(angle));
  }
  row.resize(static_cast<size_t>(count));
  return row;
}

double dot(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void scale_row(Row& row, double factor) {
  for (double& x : row) x *= factor;
}

/// The part of `row` that no row of `others` reaches, of length 1. Twice, because once leaves
/// rounding errors where little remains.
void make_orthogonal(Row& row, const std::vector<Row>& others) {
  for (int pass = 0; pass < 2; ++pass) {
    for (const Row& other : others) {
      const double along = dot(row, other);
      for (size_t i = 0; i < row.size(); ++i) row[i] -= along * other[i];
    }
    scale_row(row, 1 / std::sqrt(dot(row, row)));
  }
}

at::Tensor draw_projection(int64_t features, int64_t width, uint64_t seed) {
  auto result = at::empty({features, width}, at::kDouble);
  double* to = result.data_ptr<double>();
  std::vector<Row> group;
  for (int64_t i = 0; i < features; ++i) {
    if (i % width == 0) group.clear();
    Random random(seed, static_cast<uint32_t>(i));
    Row row = normals(random, width);
    const Row measure = normals(random, width);
    make_orthogonal(row, group);
    group.push_back(row);
    const double length = std::sqrt(dot(measure, measure));
    for (int64_t d = 0; d < width; ++d) to[i * width + d] = length * row[static_cast<size_t>(d)];
  }
  return result;
}

/// Drawing costs features width^2 and a model asks for the same at every call, so it is kept.
/// Bounded, in case seeds are made up.
at::Tensor kept_projection(int64_t features, int64_t width, uint64_t seed) {
  constexpr size_t kMost = 64;
  static std::mutex mutex;
  static std::map<std::tuple<int64_t, int64_t, uint64_t>, at::Tensor> cache;
  const std::lock_guard lock(mutex);
  const std::tuple name{features, width, seed};
  if (const auto found = cache.find(name); found != cache.end()) return found->second;
  if (cache.size() >= kMost) cache.clear();
  return cache[name] = draw_projection(features, width, seed);
}

}  // namespace

at::Tensor favor_projection(int64_t features, int64_t width, uint64_t seed) {
  if (features < 1)
    throw UsageError("favor_projection: features: expected at least 1, given " +
                     std::to_string(features));
  if (width < 1)
    throw UsageError("favor_projection: width: expected at least 1, given " +
                     std::to_string(width));
  return kept_projection(features, width, seed).clone();
}

namespace ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// x (contiguous or not) by the map of a kernel.
template <class OfFloat, class OfDouble>
at::Tensor mapped(const at::Tensor& x, const OfFloat& of_float, const OfDouble& of_double) {
  const auto from = x.contiguous();
  auto to = at::empty_like(from);
  if (x.scalar_type() == at::kDouble)
    of_double(from.data_ptr<double>(), x.numel(), to.data_ptr<double>());
  else
    of_float(from.data_ptr<float>(), x.numel(), to.data_ptr<float>());
  return to;
}

bool for_kernels(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

class ExpFunction : public torch::autograd::Function<ExpFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    const auto y = mapped(x, kernels::exp_all<float>, kernels::exp_all<double>);
    ctx->save_for_backward({y});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {grads[0] * ctx->get_saved_variables()[0]};
  }
};

class EluFunction : public torch::autograd::Function<EluFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    const auto y = mapped(x, kernels::elu_all<float>, kernels::elu_all<double>);
    ctx->save_for_backward({y});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {grads[0] * ctx->get_saved_variables()[0].clamp_max(1)};
  }
};

}  // namespace

at::Tensor same_exp(const at::Tensor& x) {
  return for_kernels(x) ? ExpFunction::apply(x) : x.exp();
}

at::Tensor elu_features(const at::Tensor& x) {
  if (for_kernels(x)) return EluFunction::apply(x);
  // elu(x) + 1 would cancel below 0, and the derivative of clamp at 0 is 0 in LibTorch 2.15.
  return at::where(x > 0, x + 1, x.masked_fill(x > 0, 0).exp());
}

at::Tensor linear_logarithms(const at::Tensor& x, const LinearAttention& how, bool of_rows) {
  if (how.feature == LinearFeature::elu)  // the clamp keeps the branch that is not taken finite
    return at::where(
        x > 0, by_heads({x}, [](const auto& part) { return at::log1p(part[0].clamp_min(0)); }), x);
  const int64_t width = x.size(-1), features = how.features == 0 ? 4 * width : how.features;
  const auto w = kept_projection(features, width, how.seed).to(x.options());  // (M, D)
  const auto y = x * std::pow(static_cast<double>(width), -0.25);
  const auto along = projected(y, w);
  if (of_rows) return along;
  const double log_count = std::log(static_cast<double>(features)) / 2;
  return along - (y.square().sum(-1, /*keepdim=*/true) / 2 + log_count);
}

}  // namespace ops

at::Tensor linear_features(const at::Tensor& x, const LinearAttention& how) {
  how.check();
  if (how.feature == LinearFeature::none) return x;
  if (how.feature == LinearFeature::elu) return ops::elu_features(x);
  auto heads = x;
  while (heads.dim() < 4) heads = heads.unsqueeze(0);
  auto result = ops::same_exp(ops::linear_logarithms(heads, how, false));
  while (result.dim() > x.dim()) result = result.squeeze(0);
  return result;
}

}  // namespace heed
