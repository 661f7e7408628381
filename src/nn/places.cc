#include "nn/places.h"

#include "core/text.h"
#include "heed/nn/positions.h"

namespace heed::nn {
namespace {

const auto kDoubles = at::TensorOptions().dtype(at::kDouble);

template <class F>
at::Tensor each_double(const at::Tensor& a, const F& f) {
  auto result = a.contiguous().clone();
  auto* x = result.data_ptr<double>();
  for (int64_t i = 0; i < result.numel(); ++i) x[i] = f(x[i]);
  return result;
}

OpSpec::Argument agreed(const OpSpec& position, const char* argument, int64_t known) {
  const auto given = static_cast<int64_t>(position.at(argument));
  if (given != 0 && given != known)
    throw ModelError(text_of("attention.position: ", position.name, "(", argument,
                             "): this model has ", known, ", given ", given, "; leave it out"));
  return {argument, static_cast<double>(known)};
}

}  // namespace

bool is_of_grid(const OpSpec& position) {
  return position.name == "sinusoidal_2d" || position.name == "learned_2d" ||
         position.name == "rope_2d";
}

OpSpec on_grid(const OpSpec& position, int64_t columns, int64_t first) {
  if (!is_of_grid(position)) return position;
  OpSpec known{position.name};
  known.arguments = {agreed(position, "columns", columns), agreed(position, "first", first)};
  for (const auto& a : position.arguments)
    if (a.name != "columns" && a.name != "first") known.arguments.push_back(a);
  return known;
}

at::Tensor places_in_line(int64_t first, int64_t length) {
  return torch::arange(first, first + length, kDoubles);
}

int64_t grid_columns(const OpSpec& position, int64_t total) {
  if (const auto stated = static_cast<int64_t>(position.at("columns"))) return stated;
  const int64_t first = static_cast<int64_t>(position.at("first"));
  const int64_t tokens = std::max<int64_t>(total - first, 0);
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(double(tokens))));
  if (side * side != tokens)
    throw ModelError(text_of("attention.position: ", position.name,
                             ": expected a square number of tokens after the first ", first,
                             ", given ", tokens, "; say ", position.name, "(columns=...)"));
  return std::max<int64_t>(side, 1);
}

GridPlaces places_on_grid(const OpSpec& position, int64_t first, int64_t length, int64_t total) {
  const double columns = static_cast<double>(grid_columns(position, total));
  const auto number = places_in_line(first, length) - position.at("first");
  const auto placed = number.ge(0).to(at::kDouble);
  const auto rows = torch::floor(number / columns);
  return {rows * placed, (number - rows * columns) * placed, placed};
}

at::Tensor sines(const at::Tensor& a) {
  return each_double(a, [](double x) { return std::sin(x); });
}

at::Tensor cosines(const at::Tensor& a) {
  return each_double(a, [](double x) { return std::cos(x); });
}

at::Tensor falling_frequencies(int64_t pairs, double width, double base) {
  return (torch::arange(pairs, kDoubles) * (-2.0 / width * std::log(base))).exp();
}

}  // namespace heed::nn
