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

std::vector<TokenPlace> keys_of(const TextMap& map) {
  std::vector<TokenPlace> keys;
  for (size_t i = 0; i < map.columns.size(); ++i)
    keys.push_back({.text = map.columns[i], .special = i < map.special.size() && map.special[i]});
  return keys;
}

}  // namespace

TokensFigure received_of(const TextMaps& maps, Joining how) {
  const torch::NoGradGuard no_grad;
  TokensFigure figure;
  figure.lines.emplace_back(
      "colour: the weight that a token receives, mean over queries and heads");
  for (const auto& map : maps.maps) {
    TokensRow row{.label = map.title, .tokens = figure_tokens("", keys_of(map), how)};
    const auto values = received(map).contiguous();
    row.values.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
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
