#include "lens/text_strip.h"

#include "heed/core/error.h"

namespace heed::lens {
namespace {

void fill(std::vector<std::string>& labels, int64_t count) {
  if (labels.empty()) labels.resize(static_cast<size_t>(count));
}

void check_panel(const Panel& panel, const TextStrip& strip) {
  const bool matrix = panel.values.dim() == 2 && panel.values.numel() > 0;
  if (matrix && panel.values.size(0) == std::ssize(strip.rows) &&
      panel.values.size(1) == std::ssize(strip.columns))
    return;
  throw UsageError("panel '" + panel.title + "': values have shape " +
                   c10::str(panel.values.sizes()) + ", expected (rows, columns) = [" +
                   std::to_string(strip.rows.size()) + ", " + std::to_string(strip.columns.size()) +
                   "], as many as labels, at least 1");
}

}  // namespace

TextFigure labelled(TextFigure figure) {
  for (auto& strip : figure.strips) {
    if (strip.panels.empty()) throw UsageError("a strip of a text figure needs a panel");
    const auto& first = strip.panels.front().values;
    if (first.dim() == 2) fill(strip.rows, first.size(0)), fill(strip.columns, first.size(1));
    for (const auto& panel : strip.panels) check_panel(panel, strip);
    for (const int64_t column : strip.excluded) {
      if (column < 0 || column >= std::ssize(strip.columns))
        throw UsageError("excluded column " + std::to_string(column) + " is not among the " +
                         std::to_string(strip.columns.size()) + " of the strip");
    }
  }
  return figure;
}

Scale scale_of(const std::vector<Panel>& panels, const std::vector<int64_t>& excluded,
               bool is_signed) {
  std::vector<at::Tensor> values;
  for (const auto& panel : panels) {
    values.push_back(panel.values);
    if (excluded.empty()) continue;
    auto shown = at::ones({panel.values.size(1)}, at::kBool);
    for (const int64_t column : excluded) shown[column] = false;
    values.back() = panel.values.to(at::kCPU).index_select(1, shown.nonzero().squeeze(1));
  }
  return is_signed ? Scale::symmetric(values) : Scale::of(values);
}

Canvas cells_of(const at::Tensor& values, const Scale& scale,
                const std::vector<int64_t>& excluded) {
  Canvas cells = heat_map(values, scale);
  for (const int64_t column : excluded) cells.fill(column, 0, 1, cells.height(), kLeftOut);
  return cells;
}

}  // namespace heed::lens
