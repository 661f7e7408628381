// Queries and keys turned by their position.
#include <array>

#include "core/text.h"
#include "heed/nn/positions.h"
#include "nn/linear.h"
#include "nn/places.h"
#include "nn/rotary_turns.h"

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

Turns turns_in_line(const OpSpec& rope, int64_t first, int64_t L, int64_t D) {
  const int64_t width = turned_width(rope, D);
  const auto a = places_in_line(first, L).unsqueeze(1) * rope_frequencies(rope, width);
  const double magnitude = rope_magnitude(rope);
  if (magnitude == 1) return {cosines(a), sines(a)};
  if (width == D || rope.at("scaling") == kYarnChannels)
    return {cosines(a) * magnitude, sines(a) * magnitude};
  return {cosines(a), sines(a), magnitude};
}

Turns turns_on_grid(const OpSpec& rope, int64_t first, int64_t L, int64_t D, int64_t length) {
  if (D % 4 != 0)
    throw ModelError(
        text_of("attention.position: rope_2d turns pairs of channels by row and by column, so "
                "expected a width of a head that is a multiple of 4, given ",
                D, "; change width or num_heads"));
  const auto places = places_on_grid(rope, first, L, length);
  const auto f = falling_frequencies(D / 4, static_cast<double>(D) / 2, rope.at("base"));
  const auto a = torch::cat({places.rows.unsqueeze(1) * f, places.columns.unsqueeze(1) * f}, 1);
  return {cosines(a), sines(a)};
}

at::Tensor turned(const at::Tensor& x, const Turns& turns, const OpSpec& rope) {
  return rotate_by(turns.magnitude == 1 ? x : x * turns.magnitude, turns.cos, turns.sin,
                   rope.at("interleaved") != 0);
}

/// A layer's turns, in the dtype of what is turned.
struct KeptTurns {
  OpSpec rope;
  std::array<int64_t, 4> numbers;  ///< first, L, D, length
  at::TensorOptions options;
  Turns turns;
};

/// What the layers of a step ask for one after the other, queries and keys each, is made once: a
/// step's other work on a token is little. Two, because models have two kinds of layers.
template <class Make>
const Turns& kept_turns(const OpSpec& rope, const std::array<int64_t, 4>& numbers,
                        const at::TensorOptions& options, const Make& make) {
  thread_local std::array<KeptTurns, 2> kept;
  auto& [last, other] = kept;
  const auto fits = [&](const KeptTurns& one) {
    return one.turns.cos.defined() && one.numbers == numbers &&
           one.options.dtype() == options.dtype() && one.rope == rope;
  };
  if (fits(last)) return last.turns;
  std::swap(last, other);
  if (fits(last)) return last.turns;
  const Turns made = make();
  last = {rope, numbers, options, {made.cos.to(options), made.sin.to(options), made.magnitude}};
  return last.turns;
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

Turns rotary_turns(const OpSpec& rope, int64_t first, int64_t L, int64_t D) {
  return turns_in_line(rope, first, L, D);
}

at::Tensor rotate(const at::Tensor& x, int64_t first, const OpSpec& rope, int64_t length) {
  const int64_t L = x.size(2), D = x.size(3);
  if (rope.name == "rope")
    length = 0;
  else if (length == 0)
    length = first + L;
  const auto make = [&] {
    return rope.name == "rope" ? turns_in_line(rope, first, L, D)
                               : turns_on_grid(rope, first, L, D, length);
  };
  if (!rows_alone(x)) return turned(x, make(), rope);
  return turned(x, kept_turns(rope, {first, L, D, length}, x.options(), make), rope);
}

}  // namespace heed::nn
