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
  const auto cos = a.cos().to(x.options()), sin = a.sin().to(x.options());  // (L, D/2)
  if (rope.at("interleaved") != 0) {
    const auto pairs = x.unflatten(3, {D / 2, 2});
    const auto left = pairs.select(4, 0), right = pairs.select(4, 1);
    return torch::stack({left * cos - right * sin, right * cos + left * sin}, 4).flatten(3);
  }
  const auto left = x.narrow(3, 0, D / 2), right = x.narrow(3, D / 2, D / 2);
  return torch::cat({left * cos - right * sin, right * cos + left * sin}, 3);
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
