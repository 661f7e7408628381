// What each token receives, as a figure.
#include <cmath>

#include "heed/lens/sinks.h"
#include "heed/lens/tokens_figure.h"
#include "lens/columns.h"

namespace heed::lens {
namespace {

constexpr int64_t kReceivedRows = 64;  // at once

at::Tensor received(const TextMap& map) {
  const int64_t rows = std::ssize(map.rows);
  auto sum = at::zeros({std::ssize(map.columns)}, at::kDouble);
  for (int64_t begin = 0; begin < rows; begin += kReceivedRows)
    sum += map.weights({begin, std::min(begin + kReceivedRows, rows)}, 0).sum(0);
  return sum / rows;
}

}  // namespace

TokensFigure received_of(const TextMaps& maps, const std::vector<FigureToken>& tokens) {
  const torch::NoGradGuard no_grad;
  TokensFigure figure;
  figure.lines.emplace_back(
      "colour: the weight that a token receives, mean over queries and heads");
  for (const auto& map : maps.maps) {
    TokensRow row{.label = map.title, .tokens = tokens, .values = {}};
    const auto values = received(map).contiguous();
    row.values.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
    if (tokens.size() != map.columns.size()) {
      row.tokens.clear();
      for (const auto& piece : map.columns) row.tokens.push_back({piece, true});
    }
    const Sinks sinks = sinks_of(values, map.special, map.rows.size() > 1);
    for (const int64_t key : sinks.keys) row.values[static_cast<size_t>(key)] = std::nan("");
    std::vector<std::string> labels;
    for (const auto& piece : map.columns) labels.push_back(visible(piece));
    row.note = sinks.note(labels);
    figure.rows.push_back(std::move(row));
  }
  return figure;
}

}  // namespace heed::lens
