#include "lens/token_rows.h"

#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "lens/columns.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr int64_t kLongestToken = 200;  // columns

void check_row(const TokensRow& row) {
  const std::string name = "row '" + row.label + "' of a figure of tokens";
  if (row.tokens.empty()) throw UsageError(name + ": expected at least one token, given none");
  if (row.values.size() != row.tokens.size() ||
      (!row.errors.empty() && row.errors.size() != row.tokens.size()))
    throw UsageError(
        name + ": expected as many values as tokens, and as many errors or none, given " +
        std::to_string(row.tokens.size()) + " tokens, " + std::to_string(row.values.size()) +
        " values and " + std::to_string(row.errors.size()) + " errors");
}

/// Of the finite values from `first` on.
double mass_from(const std::vector<double>& values, size_t first) {
  double sum = 0;
  for (size_t i = first; i < values.size(); ++i)
    if (std::isfinite(values[i])) sum += std::abs(values[i]);
  return sum;
}

void cut_row(TokensRow& row, size_t most) {
  const size_t count = row.tokens.size();
  if (count <= most) return;
  const double all = mass_from(row.values, 0);
  const double rest = all > 0 ? 100 * mass_from(row.values, most) / all : 0;
  row.note = joined({row.note, "the first " + std::to_string(most) + " of " +
                                   std::to_string(count) + " tokens; those left out hold " +
                                   number(rest) + " % of the sum of |value|"});
  row.tokens.resize(most);
  row.values.resize(most);
  if (!row.errors.empty()) row.errors.resize(most);
}

double greatest(const TokensRow& row) {
  double most = 0;
  for (const double value : row.values)
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  return most;
}

bool is_signed(const TokensRow& row) {
  return row.is_signed ||
         std::any_of(row.values.begin(), row.values.end(), [](double value) { return value < 0; });
}

}  // namespace

TokensFigure shown_tokens(TokensFigure figure) {
  if (figure.rows.empty()) throw UsageError("a figure of tokens needs a row of them");
  const size_t most = size_t{kMostFigureTokens} / figure.rows.size();
  for (auto& row : figure.rows) {
    check_row(row);
    cut_row(row, std::max<size_t>(most, 1));
    for (auto& token : row.tokens) {
      // A line ends behind a newline, so that is kept.
      const bool ends = token.text.ends_with('\n');
      token.text = cut(visible(token.text), kLongestToken);
      if (token.text.empty()) token.text = "\u2423";
      if (ends) token.text += '\n';
    }
  }
  return figure;
}

std::vector<Scale> scales_of(const TokensFigure& figure) {
  double most[2] = {0, 0};
  for (const auto& row : figure.rows)
    most[is_signed(row)] = std::max(most[is_signed(row)], greatest(row));
  std::vector<Scale> scales;
  for (const auto& row : figure.rows) {
    const bool two = is_signed(row);
    const double high = figure.one_scale ? most[two] : greatest(row);
    scales.push_back({two ? -high : 0, high, two});
  }
  return scales;
}

double part_of(const Scale& scale, double value) {
  if (std::isnan(value)) return value;
  return scale.high > 0 ? std::clamp(value / scale.high, -1.0, 1.0) : 0;
}

std::string hint_of_token(const TokensRow& row, size_t token) {
  std::string hint = row.tokens[token].text;
  if (hint.ends_with('\n')) hint.pop_back();
  const double value = row.values[token];
  hint += std::isnan(value) ? ": left out" : ": " + number(value);
  if (!row.errors.empty()) hint += " \u00b1 " + number(row.errors[token]);
  return hint + " (token " + std::to_string(token + 1) + ")";
}

}  // namespace heed::lens
