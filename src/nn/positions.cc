#include "heed/nn/positions.h"

#include "core/text.h"
#include "nn/linear.h"
#include "nn/places.h"

namespace heed::nn {
namespace {

constexpr int64_t kNear = 512;  // positions whose sines are computed once

/// [sin a_0, cos a_0, sin a_1, ...] of a (L, C), or [sin a, cos a]: (L, width) float64.
at::Tensor waves_of(const at::Tensor& a, int64_t width, bool halves) {
  const auto both = torch::stack({sines(a), cosines(a)}, halves ? 1 : 2);
  return both.flatten(1).narrow(1, 0, width);
}

/// With a_c = place base^(-2c / width): (L, width) float64.
at::Tensor waves(const at::Tensor& places, int64_t width, double base) {
  const auto f = falling_frequencies((width + 1) / 2, static_cast<double>(width), base);
  return waves_of(places.unsqueeze(1) * f, width, false);
}

at::Tensor waves_of_grid(const OpSpec& position, int64_t first, int64_t length, int64_t total,
                         int64_t width) {
  const auto places = places_on_grid(position, first, length, total);
  const double base = position.at("base");
  return torch::cat({waves(places.rows, width / 2, base), waves(places.columns, width / 2, base)},
                    1) *
         places.placed.unsqueeze(1);
}

int64_t whole(const OpSpec& part, const char* argument) {
  return static_cast<int64_t>(part.at(argument));
}

[[noreturn]] void refuse_without_length(const char* name, const char* example) {
  throw ModelError(text_of("attention.position: ", name,
                           " needs the length of the longest input here, say ", name, example));
}

}  // namespace

bool is_additive(const OpSpec& position) {
  const auto& name = position.name;
  return name == "sinusoidal" || name == "learned" || name == "sinusoidal_2d" ||
         name == "learned_2d";
}

at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width, double base) {
  return waves(places_in_line(first, length), width, base).to(at::kFloat);
}

at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width,
                                const OpSpec& position) {
  const int64_t waves = (width + 1) / 2;
  const double base = position.at("base");
  const double spread = position.at("full") != 0 ? std::max(2.0 * double(waves - 1), 1.0) : width;
  const auto places = places_in_line(first + whole(position, "first"), length);
  const auto a = places.unsqueeze(1) * falling_frequencies(waves, spread, base);
  return waves_of(a, width, position.at("halves") != 0).to(at::kFloat);
}

AdditivePositionImpl::AdditivePositionImpl(const AdditivePositionOptions& options)
    : options(options) {
  reset();
}

void AdditivePositionImpl::reset() {
  const auto& position = options.position();
  if (!is_additive(position))
    throw ModelError(
        "position: expected sinusoidal, learned, sinusoidal_2d or learned_2d, given '" +
        position.name + "'");
  if (is_of_grid(position) && options.width() % 2 != 0)
    throw ModelError(text_of("attention.position: ", position.name,
                             " halves the channels, so expected an even width, given ",
                             options.width()));
  if (position.name == "sinusoidal")
    near_ = sinusoidal_positions(0, kNear, options.width(), position);
  if (position.name == "learned") make_table();
  if (position.name == "learned_2d") make_grid_tables();
}

void AdditivePositionImpl::make_table() {
  const int64_t stated = whole(options.position(), "length");
  const int64_t first = whole(options.position(), "first");
  const int64_t length = stated ? stated : options.length() ? options.length() + first : 0;
  if (length < 1) refuse_without_length("learned", "(LENGTH)");
  if (length - first < std::max<int64_t>(options.length(), 1))
    throw ModelError(text_of("attention.position: expected learned(", options.length() + first,
                             ") or more, the length of the longest input here, given learned(",
                             length, ")"));
  table = register_parameter("table", torch::empty({length, options.width()}));
  truncated_normal(table);
}

int64_t AdditivePositionImpl::max_positions() const {
  return table.defined() ? table.size(0) - whole(options.position(), "first") : 0;
}

void AdditivePositionImpl::make_grid_tables() {
  const auto& position = options.position();
  const int64_t first = whole(position, "first"), declared = options.length();
  int64_t columns = whole(position, "columns"), rows = whole(position, "rows");
  if (columns == 0) columns = declared ? grid_columns(position, declared) : rows;
  if (rows == 0 && declared) rows = (std::max(declared - first, columns) + columns - 1) / columns;
  if (rows == 0) refuse_without_length("learned_2d", "(columns=..., rows=...)");
  if (first + rows * columns < options.length())
    throw ModelError(text_of("attention.position: learned_2d: expected places for ",
                             options.length(), " tokens, the longest input here, given ", first,
                             " without a place and ", rows, " rows of ", columns));
  row_table = register_parameter("row_table", torch::empty({rows, options.width() / 2}));
  column_table = register_parameter("column_table", torch::empty({columns, options.width() / 2}));
  truncated_normal(row_table), truncated_normal(column_table);
}

/// (length, M) of every position that has a vector.
at::Tensor AdditivePositionImpl::learned_vectors() const {
  if (table.defined()) return table;
  const int64_t R = row_table.size(0), C = column_table.size(0);
  const auto places = torch::cat({row_table.unsqueeze(1).expand({R, C, -1}),
                                  column_table.unsqueeze(0).expand({R, C, -1})},
                                 2)
                          .flatten(0, 1);  // (R C, M)
  const int64_t first = whole(options.position(), "first");
  if (first == 0) return places;
  return torch::cat({torch::zeros({first, options.width()}, places.options()), places});
}

at::Tensor AdditivePositionImpl::forward(const at::Tensor& x, int64_t first, int64_t length) {
  const int64_t L = x.size(1), M = options.width();
  const auto& position = options.position();
  if (position.name == "sinusoidal") {
    const bool near = first >= 0 && first + L <= kNear;
    const auto places =
        near ? near_.narrow(0, first, L) : sinusoidal_positions(first, L, M, position);
    return x + places.to(x.options());
  }
  if (position.name == "sinusoidal_2d")
    return x + waves_of_grid(position, first, L, length ? length : first + L, M).to(x.options());
  auto vectors = learned_vectors();
  if (position.name == "learned") vectors = vectors.slice(0, whole(position, "first"));
  if (first < 0 || first + L > vectors.size(0))
    throw ModelError(text_of(
        "attention.position: ", position.name, " has ", vectors.size(0),
        " positions, given an input at ", first, " to ", first + L - 1,
        position.name == "learned" ? "; raise learned(LENGTH)" : "; raise learned_2d(rows=...)"));
  return x + vectors.narrow(0, first, L);
}

}  // namespace heed::nn
