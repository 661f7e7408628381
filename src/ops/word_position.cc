// Positions that act on inputs or on q and k before they are compared: the modules in nn apply
// them, so here they are declared only.
#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr double kMostPositions = 1 << 24;

Word::Argument base_argument(double initial) {
  return {"base", initial, 1, 1e12, false, "the longest wavelength is 2 pi base"};
}

Word::Argument interleaved_argument() {
  const char* help =
      "1: rotates neighbours (0, 1), (2, 3), ...; 0: halves (0, D/2), (1, D/2+1), ...";
  return {"interleaved", 0, 0, 1, true, help};
}

Word::Argument columns_argument() {
  return {"columns",      0,    0,
          kMostPositions, true, "tokens a row; 0: what the model knows, or a square"};
}

Word::Argument first_argument() {
  return {"first", 0, 0, kMostPositions, true, "tokens without a place before the grid"};
}

std::vector<Word::Argument> rope_arguments() {
  return {base_argument(10000),
          interleaved_argument(),
          {"width", 0, 0, 1 << 16, true, "channels that are turned, the first; 0: all"},
          {"scaling", 0, 0, 3, true, "to longer inputs: 0 none, 1 linear, 2 ntk, 3 yarn"},
          {"factor", 1, 1, 1e6, false, "how many times longer, for a scaling"},
          {"original", 0, 0, 1 << 30, true, "length before it was scaled, for yarn"},
          {"beta_fast", 32, 0, 1e6, false, "yarn keeps channels of more turns than this"},
          {"beta_slow", 1, 0, 1e6, false, "yarn divides those of fewer turns by the factor"},
          {"attention", 0, 0, 1e3, false, "yarn's factor of q and k; 0: 0.1 ln(factor) + 1"}};
}

bool is_given(const Part& part, const char* argument) {
  return std::any_of(part.arguments.begin(), part.arguments.end(),
                     [&](const auto& a) { return a.name == argument; });
}

void check_rope(const Part& part, const Attention&) {
  const auto refuse = [](const std::string& reason) {
    throw UsageError("attention: rope: " + reason);
  };
  const auto whole = [](double value) { return std::to_string(static_cast<int64_t>(value)); };
  if (std::fmod(part.at("width"), 2) != 0)
    refuse("width: expected an even number, given " + whole(part.at("width")));
  const double scaling = part.at("scaling");
  if (scaling == 0 && part.at("factor") != 1) refuse("factor acts with scaling=1, 2 or 3");
  if (scaling == 3) {
    if (part.at("original") == 0) refuse("scaling=3 needs original: the length before");
    if (part.at("beta_fast") <= part.at("beta_slow"))
      refuse("beta_fast: expected more than beta_slow = " + whole(part.at("beta_slow")) +
             ", given " + whole(part.at("beta_fast")));
    return;
  }
  for (const char* of_yarn : {"original", "beta_fast", "beta_slow", "attention"})
    if (is_given(part, of_yarn)) refuse(std::string(of_yarn) + " acts with scaling=3");
}

}  // namespace

Definition word_none() {
  return {.word = {Word::Kind::position, "none", {}, "order adds nothing"}};
}

Definition word_sinusoidal() {
  return {.word = {Word::Kind::position,
                   "sinusoidal",
                   {base_argument(10000),
                    {"halves", 0, 0, 1, true, "1: sines, then cosines; 0: sine, cosine, sine, ..."},
                    {"full", 0, 0, 1, true,
                     "1: the last wave is 2 pi base long; 0: all but, as in the paper"},
                    {"first", 0, 0, kMostPositions, true, "what the first position is called"}},
                   "fixed sines and cosines added to the inputs (Vaswani et al. 2017)"}};
}

Definition word_learned() {
  return {.word = {Word::Kind::position,
                   "learned",
                   {{"length", 0, 0, kMostPositions, true,
                     "positions in the table; 0: the longest input that the model declares"}},
                   "a trained vector a position added to the inputs"}};
}

Definition word_rope() {
  return {.word = {Word::Kind::position, "rope", rope_arguments(),
                   "queries and keys rotated by their position (Su et al. 2021; yarn: Peng et al. "
                   "2023)"},
          .check = check_rope};
}

Definition word_sinusoidal_2d() {
  return {.word = {Word::Kind::position,
                   "sinusoidal_2d",
                   {columns_argument(), first_argument(), base_argument(10000)},
                   "of a grid: sines of the row in one half, of the column in the other (Carion et "
                   "al. 2020)"}};
}

Definition word_learned_2d() {
  return {.word = {Word::Kind::position,
                   "learned_2d",
                   {columns_argument(),
                    first_argument(),
                    {"rows", 0, 0, kMostPositions, true,
                     "rows in the table; 0: those of the longest input that the model declares"}},
                   "of a grid: a trained vector a row in one half, a column in the other "
                   "(Dosovitskiy et al. 2021)"}};
}

Definition word_rope_2d() {
  return {
      .word = {Word::Kind::position,
               "rope_2d",
               {columns_argument(), first_argument(), base_argument(100), interleaved_argument()},
               "of a grid: half of the pairs rotated by the row, half by the column (Heo et al. "
               "2024)"}};
}

}  // namespace heed::ops
