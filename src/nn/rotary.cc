// Queries and keys turned by their position.
#include "core/text.h"
#include "heed/nn/positions.h"
#include "nn/places.h"

namespace heed::nn {
namespace {

constexpr double kLinear = 1, kNtk = 2, kYarn = 3, kLlama3 = 4, kYarnChannels = 5;

/// How much of each frequency stays, by the turns within the original length: (pairs) float64.
at::Tensor kept_by_turns(const OpSpec& rope, const at::Tensor& f) {
  const double pi = std::acos(-1.0), fast = rope.at("beta_fast"), slow = rope.at("beta_slow");
  const auto turns = f * (rope.at("original") / (2 * pi));
  return ((turns - slow) / (fast - slow)).clamp(0, 1);
}

/// The same by the number of the pair, between those of so many turns.
at::Tensor kept_by_channels(const OpSpec& rope, int64_t pairs, double width) {
  const double pi = std::acos(-1.0), log_base = std::log(rope.at("base"));
  const auto pair_of = [&](double turns) {
    return width * std::log(rope.at("original") / (turns * 2 * pi)) / (2 * log_base);
  };
  const bool truncate = rope.at("truncate") != 0;
  double first = pair_of(rope.at("beta_fast")), last = pair_of(rope.at("beta_slow"));
  if (truncate) first = std::floor(first), last = std::ceil(last);
  first = std::max(first, 0.0), last = std::min(last, width - 1);
  if (first == last) last += 0.001;  // a step
  const auto number = torch::arange(pairs, at::kDouble);
  return 1 - ((number - first) / (last - first)).clamp(0, 1);
}

/// How many channels rope turns.
int64_t turned_width(const OpSpec& rope, int64_t D) {
  const auto stated = static_cast<int64_t>(rope.at("width"));
  if (stated > D)
    throw ModelError(text_of("attention.position: rope(width): expected at most D=", D,
                             ", the width of a head, given ", stated));
  const int64_t width = stated ? stated : D;
  if (width % 2 != 0)
    throw ModelError(
        text_of("attention.position: rope turns pairs of channels, so expected an even "
                "width of a head, given ",
                width, "; change width or num_heads"));
  return width;
}

at::Tensor rotate_in_line(const at::Tensor& x, int64_t first, const OpSpec& rope) {
  const int64_t D = x.size(3), width = turned_width(rope, D);
  const auto a = places_in_line(first, x.size(2)).unsqueeze(1) * rope_frequencies(rope, width);
  const double magnitude = rope_magnitude(rope);
  const bool interleaved = rope.at("interleaved") != 0;
  if (magnitude == 1) return rotate_by(x, cosines(a), sines(a), interleaved);
  const bool all = width == D || rope.at("scaling") == kYarnChannels;
  if (all) return rotate_by(x, cosines(a) * magnitude, sines(a) * magnitude, interleaved);
  return rotate_by(x * magnitude, cosines(a), sines(a), interleaved);  // what is not turned, too
}

at::Tensor rotate_on_grid(const at::Tensor& x, int64_t first, const OpSpec& rope, int64_t length) {
  const int64_t D = x.size(3);
  if (D % 4 != 0)
    throw ModelError(
        text_of("attention.position: rope_2d turns pairs of channels by row and by column, so "
                "expected a width of a head that is a multiple of 4, given ",
                D, "; change width or num_heads"));
  const auto places = places_on_grid(rope, first, x.size(2), length);
  const auto f = falling_frequencies(D / 4, static_cast<double>(D) / 2, rope.at("base"));
  const auto a = torch::cat({places.rows.unsqueeze(1) * f, places.columns.unsqueeze(1) * f}, 1);
  return rotate_by(x, cosines(a), sines(a), rope.at("interleaved") != 0);
}

}  // namespace

bool is_rotary(const OpSpec& position) {
  return position.name == "rope" || position.name == "rope_2d";
}

at::Tensor rope_frequencies(const OpSpec& rope, int64_t width) {
  const double W = static_cast<double>(width), s = rope.at("factor"), scaling = rope.at("scaling");
  double base = rope.at("base");
  if (scaling == kNtk && width > 2) base *= std::pow(s, W / (W - 2));
  const auto f = falling_frequencies(width / 2, W, base);
  if (scaling == kLinear) return f / s;
  if (scaling < kYarn) return f;
  const auto kept =
      scaling == kYarnChannels ? kept_by_channels(rope, width / 2, W) : kept_by_turns(rope, f);
  return (1 - kept) * f / s + kept * f;
}

double rope_magnitude(const OpSpec& rope) {
  if (rope.name != "rope") return 1;
  const double scaling = rope.at("scaling");
  if (scaling != kYarn && scaling != kYarnChannels) return 1;
  const double stated = rope.at("attention");
  return stated != 0 ? stated : 0.1 * std::log(rope.at("factor")) + 1;
}

at::Tensor rotate(const at::Tensor& x, int64_t first, const OpSpec& rope, int64_t length) {
  if (rope.name == "rope") return rotate_in_line(x, first, rope);
  return rotate_on_grid(x, first, rope, length ? length : first + x.size(2));
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

}  // namespace heed::nn
