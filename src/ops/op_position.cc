// Positions that act on inputs or on q and k before they are compared: the modules in nn apply
// them, so here they are declared only.
#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

constexpr double kMostPositions = 1 << 24;

OpKind::Argument base_argument(double initial) {
  return {"base", initial, 1, 1e12, false, "the longest wavelength is 2 pi base"};
}

OpKind::Argument interleaved_argument() {
  const char* help =
      "1: rotates neighbours (0, 1), (2, 3), ...; 0: halves (0, D/2), (1, D/2+1), ...";
  return {"interleaved", 0, 0, 1, true, help};
}

OpKind::Argument columns_argument() {
  return {"columns",      0,    0,
          kMostPositions, true, "tokens per row; 0: what the model knows, or a square"};
}

OpKind::Argument first_argument() {
  return {"first", 0, 0, kMostPositions, true, "tokens without a place before the grid"};
}

std::vector<OpKind::Argument> rope_arguments() {
  return {base_argument(10000),
          interleaved_argument(),
          {"width", 0, 0, 1 << 16, true, "channels that are turned, the first; 0: all"},
          {"scaling", 0, 0, 5, true,
           "to longer inputs: 0 none, 1 linear, 2 ntk, 3 yarn, 4 llama3, 5 yarn by channels"},
          {"factor", 1, 1, 1e6, false, "how many times longer, for a scaling"},
          {"original", 0, 0, 1 << 30, true, "length before it was scaled, for 3, 4, 5"},
          {"beta_fast", 32, 0, 1e6, false, "yarn keeps channels of more turns than this"},
          {"beta_slow", 1, 0, 1e6, false, "yarn divides those of fewer turns by the factor"},
          {"attention", 0, 0, 1e3, false, "yarn's factor of q and k; 0: 0.1 ln(factor) + 1"},
          {"truncate", 1, 0, 1, true, "5: whether it goes over between whole channels"}};
}

bool is_given(const OpSpec& op, const char* argument) {
  return std::any_of(op.arguments.begin(), op.arguments.end(),
                     [&](const auto& a) { return a.name == argument; });
}

void check_rope(const OpSpec& op, const Attention&) {
  const auto refuse = [](const std::string& reason) {
    throw UsageError("attention: rope: " + reason);
  };
  const auto whole = [](double value) { return std::to_string(static_cast<int64_t>(value)); };
  if (std::fmod(op.at("width"), 2) != 0)
    refuse("width: expected an even number, given " + whole(op.at("width")));
  const double scaling = op.at("scaling");
  if (scaling == 0 && op.at("factor") != 1) refuse("factor acts with scaling=1 to 5");
  if (is_given(op, "truncate") && scaling != 5) refuse("truncate acts with scaling=5");
  if (is_given(op, "attention") && scaling != 3 && scaling != 5)
    refuse("attention acts with scaling=3 and 5");
  if (scaling >= 3) {
    if (op.at("original") == 0)
      refuse("scaling=" + whole(scaling) + " needs original: the length before");
    if (op.at("beta_fast") <= op.at("beta_slow"))
      refuse("beta_fast: expected more than beta_slow = " + whole(op.at("beta_slow")) + ", given " +
             whole(op.at("beta_fast")));
    return;
  }
  for (const char* of_yarn : {"original", "beta_fast", "beta_slow"})
    if (is_given(op, of_yarn)) refuse(std::string(of_yarn) + " acts with scaling=3, 4 or 5");
}

}  // namespace

OpDefinition op_none() {
  return {.kind = {OpKind::Role::position, "none", {}, "order adds nothing"}};
}

OpDefinition op_sinusoidal() {
  return {.kind = {OpKind::Role::position,
                   "sinusoidal",
                   {base_argument(10000),
                    {"halves", 0, 0, 1, true, "1: sines, then cosines; 0: sine, cosine, sine, ..."},
                    {"full", 0, 0, 1, true,
                     "1: the last wave is 2 pi base long; 0: all but, as in the paper"},
                    {"first", 0, 0, kMostPositions, true, "what the first position is called"}},
                   "fixed sines and cosines added to the inputs (Vaswani et al. 2017)"}};
}

OpDefinition op_learned() {
  return {.kind = {OpKind::Role::position,
                   "learned",
                   {{"length", 0, 0, kMostPositions, true,
                     "positions in the table; 0: the longest input that the model declares"},
                    {"first", 0, 0, kMostPositions, true, "the row of the first position"}},
                   "a trained vector per position added to the inputs"}};
}

OpDefinition op_rope() {
  return {.kind = {OpKind::Role::position, "rope", rope_arguments(),
                   "queries and keys rotated by their position (Su et al. 2021; yarn: Peng et al. "
                   "2023)"},
          .check = check_rope};
}

OpDefinition op_sinusoidal_2d() {
  return {.kind = {OpKind::Role::position,
                   "sinusoidal_2d",
                   {columns_argument(), first_argument(), base_argument(10000)},
                   "of a grid: sines of the row in one half, of the column in the other (Carion et "
                   "al. 2020)"}};
}

OpDefinition op_learned_2d() {
  return {.kind = {OpKind::Role::position,
                   "learned_2d",
                   {columns_argument(),
                    first_argument(),
                    {"rows", 0, 0, kMostPositions, true,
                     "rows in the table; 0: those of the longest input that the model declares"}},
                   "of a grid: a trained vector a row in one half, a column in the other "
                   "(Dosovitskiy et al. 2021)"}};
}

OpDefinition op_rope_2d() {
  return {
      .kind = {OpKind::Role::position,
               "rope_2d",
               {columns_argument(), first_argument(), base_argument(100), interleaved_argument()},
               "of a grid: half of the pairs rotated by the row, half by the column (Heo et al. "
               "2024)"}};
}

}  // namespace heed::ops
