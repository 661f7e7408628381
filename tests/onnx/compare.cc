#include "onnx/compare.h"

#include <limits>
#include <sstream>

namespace heed::onnx {
namespace {

double tolerance(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return 1e-10;
    case at::kFloat:
      return 1e-5;
    case at::kHalf:
      return 2e-3;
    case at::kBFloat16:
      return 1.6e-2;
    default:
      return 0;
  }
}

Difference apart(const std::string& reason) {
  return {std::numeric_limits<double>::infinity(), false, reason};
}

double largest(const at::Tensor& x) { return x.numel() == 0 ? 0 : x.abs().max().item<double>(); }

}  // namespace

Difference compare(const at::Tensor& given, const at::Tensor& expected, at::ScalarType precision) {
  std::ostringstream reason;
  if (!given.defined()) return apart("is not computed");
  if (given.sizes() != expected.sizes() || given.scalar_type() != expected.scalar_type()) {
    reason << given.dtype() << given.sizes() << " instead of " << expected.dtype()
           << expected.sizes();
    return apart(reason.str());
  }
  if (!expected.is_floating_point()) {
    const auto wrong = (given != expected).sum().item<int64_t>();
    reason << wrong << " of " << expected.numel() << " elements differ";
    return wrong == 0 ? Difference{} : apart(reason.str());
  }
  const auto g = given.to(at::kDouble), e = expected.to(at::kDouble);
  const auto special = ~torch::isfinite(e);
  const auto same = (g == e) | (torch::isnan(g) & torch::isnan(e));
  if ((special | ~torch::isfinite(g)).logical_and(~same).any().item<bool>())
    return apart("infinities or NaN stand at other places");
  const double magnitude = largest(e.masked_fill(special, 0));
  const double error = largest((g - e).masked_fill(special, 0)) / (magnitude > 0 ? magnitude : 1);
  const double allowed = std::max(tolerance(expected.scalar_type()), tolerance(precision));
  return {error, error <= allowed, {}};
}

}  // namespace heed::onnx
