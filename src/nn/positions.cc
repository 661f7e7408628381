#include "heed/nn/positions.h"

#include "nn/linear.h"
#include "nn/text.h"

namespace heed::nn {
namespace {

/// (first + i) / base^(2c / D) for c = 0 .. pairs - 1: (length, pairs) float64.
at::Tensor angles(int64_t first, int64_t length, int64_t pairs, double width, double base) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const auto places = torch::arange(first, first + length, options);
  const auto powers = torch::arange(pairs, options) * (-2.0 / width * std::log(base));
  return places.unsqueeze(1) * powers.exp();
}

}  // namespace

bool is_additive(const Part& position) {
  return position.name == "sinusoidal" || position.name == "learned";
}

at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width, double base) {
  const auto a = angles(first, length, (width + 1) / 2, static_cast<double>(width), base);
  return torch::stack({a.sin(), a.cos()}, 2).flatten(1).narrow(1, 0, width).to(at::kFloat);
}

at::Tensor rotate(const at::Tensor& x, int64_t first, const Part& rope) {
  const int64_t L = x.size(2), D = x.size(3);
  if (D % 2 != 0)
    throw ModelError(
        text_of("attention.position: rope turns pairs of channels, so expected an even "
                "width of a head, given ",
                D, "; change width or heads"));
  const auto a = angles(first, L, D / 2, static_cast<double>(D), rope.at("base"));
  return rotate_by(x, a.cos(), a.sin(), rope.at("interleaved") != 0);
}

at::Tensor rotate_by(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                     bool interleaved) {
  const int64_t D = x.size(3), C = cos.size(-1);
  if (sin.size(-1) != C || 2 * C > D)
    throw ModelError(text_of("rotate_by: expected tables of one width, at most D / 2 = ", D / 2,
                             ", given cos ", C, " and sin ", sin.size(-1), " wide"));
  const auto c = cos.to(x.options()), s = sin.to(x.options());
  const auto turned = x.narrow(3, 0, 2 * C);
  const auto pairs = interleaved ? turned.unflatten(3, {C, 2}) : turned.unflatten(3, {2, C});
  const int64_t side = interleaved ? 4 : 3;
  const auto left = pairs.select(side, 0), right = pairs.select(side, 1);
  const auto y = torch::stack({left * c - right * s, right * c + left * s}, side).flatten(3);
  return 2 * C == D ? y : torch::cat({y, x.narrow(3, 2 * C, D - 2 * C)}, 3);
}

AdditivePositionImpl::AdditivePositionImpl(const AdditivePositionOptions& options)
    : options(options) {
  reset();
}

void AdditivePositionImpl::reset() {
  const auto& position = options.position();
  if (!is_additive(position))
    throw ModelError("position: expected sinusoidal or learned, given '" + position.name + "'");
  if (position.name != "learned") return;
  const auto stated = static_cast<int64_t>(position.at("length"));
  const int64_t length = stated ? stated : options.length();
  if (length < 1)
    throw ModelError(
        "attention.position: learned needs the length of the longest input here, "
        "say learned(LENGTH)");
  if (length < options.length())
    throw ModelError(text_of("attention.position: expected learned(", options.length(),
                             ") or more, the length of the longest input here, given learned(",
                             length, ")"));
  table = register_parameter("table", torch::empty({length, options.width()}));
  truncated_normal(table);
}

at::Tensor AdditivePositionImpl::forward(const at::Tensor& x, int64_t first) {
  const int64_t L = x.size(1);
  if (!table.defined()) {
    const double base = options.position().at("base");
    return x + sinusoidal_positions(first, L, options.width(), base).to(x.options());
  }
  if (first < 0 || first + L > table.size(0))
    throw ModelError(text_of("attention.position: learned has ", table.size(0),
                             " positions, given an input at ", first, " to ", first + L - 1,
                             "; raise learned(LENGTH)"));
  return x + table.narrow(0, first, L);
}

}  // namespace heed::nn
