#include "heed/lens/draw.h"

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/lens/heat.h"
#include "lens/shrink.h"

namespace heed {
namespace {

using lens::Canvas;
using lens::Rows;

constexpr int64_t kMargin = 16, kTextScale = 2, kLine = kTextScale * lens::kFontHeight + 6;
constexpr int64_t kBarHeight = 16, kSmallestImage = 384;

std::string caption(const Rows& matrix, int64_t factor, Shrink how) {
  std::string text = std::to_string(matrix.rows) + " x " + std::to_string(matrix.columns);
  if (factor == 1) return text;
  const std::string size = std::to_string(factor);
  return text + ", a pixel is the " + (how == Shrink::mean ? "mean" : "largest") + " of " + size +
         " x " + size;
}

/// The image, under it the legend with its two ends, and what a pixel is.
Canvas with_legend(const Canvas& image, const lens::Scale& scale, const std::string& words) {
  const std::string low = lens::number(scale.low), high = lens::number(scale.high);
  const int64_t advance = kTextScale * lens::kFontAdvance;
  const int64_t ends = advance * static_cast<int64_t>(low.size() + high.size() + 2);
  const int64_t words_width = advance * static_cast<int64_t>(words.size());
  const int64_t width = std::max({image.width(), words_width, ends + 64});
  Canvas page(width + 2 * kMargin, image.height() + 4 * kMargin + kBarHeight + kLine);
  page.paste(image, kMargin, kMargin);
  const int64_t y = image.height() + 2 * kMargin;
  const int64_t bar = kMargin + advance * static_cast<int64_t>(low.size() + 1);
  const int64_t bar_width = width - ends;
  page.text(kMargin, y, low, kTextScale);
  page.paste(lens::legend(bar_width, kBarHeight, 1), bar, y);
  page.text(bar + bar_width + advance, y, high, kTextScale);
  page.text(kMargin, y + kBarHeight + kMargin, words, kTextScale);
  return page;
}

void draw(const Rows& matrix, const std::filesystem::path& path, const DrawOptions& options) {
  if (options.side < 16 || options.side > 16384) {
    throw UsageError("draw_png: side is " + std::to_string(options.side) + ", expected 16..16384");
  }
  if (matrix.rows < 1 || matrix.columns < 1) {
    throw UsageError("draw_png: the matrix is empty (" + std::to_string(matrix.rows) + " x " +
                     std::to_string(matrix.columns) + ")");
  }
  const int64_t longer = std::max(matrix.rows, matrix.columns);
  const int64_t factor = (longer + options.side - 1) / options.side;
  const auto values = lens::shrink(matrix, factor, factor, options.shrink);
  const auto scale = lens::Scale::of({values});
  const int64_t pixels = std::max<int64_t>(1, std::min(options.side, kSmallestImage) / longer);
  const Canvas image = lens::heat_map(values, scale).enlarged(pixels);
  const auto words = caption(matrix, factor, options.shrink) + "; " + scale.note();
  const Canvas page = with_legend(image, scale, words);
  replace_file(path, lens::encode_png(page));
}

}  // namespace

void draw_png(const at::Tensor& matrix, const std::filesystem::path& path,
              const DrawOptions& options) {
  if (matrix.dim() != 2) {
    throw UsageError("draw_png: the tensor has shape " + c10::str(matrix.sizes()) +
                     ", expected a matrix (rows, columns)");
  }
  const auto band = [&](Range rows) { return matrix.narrow(0, rows.begin, rows.size()); };
  draw({matrix.size(0), matrix.size(1), band}, path, options);
}

void draw_png(const Map& map, int64_t batch, int64_t head, const std::filesystem::path& path,
              const DrawOptions& options) {
  const Range columns{0, map.keys()};
  const auto band = [&](Range rows) { return map.tile(rows, columns, batch, head); };
  draw({map.queries(), map.keys(), band}, path, options);
}

}  // namespace heed
