#include "heed/lens/draw.h"

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/lens/heat.h"
#include "lens/page.h"
#include "lens/shrink.h"

namespace heed {
namespace {

using lens::Rows;

constexpr int64_t kMatrixMargin = 16, kMatrixBar = 16, kSmallestMatrix = 384;

std::string caption(const Rows& matrix, int64_t factor, Shrink how) {
  std::string text = std::to_string(matrix.rows) + " x " + std::to_string(matrix.columns);
  if (factor == 1) return text;
  const std::string size = std::to_string(factor);
  return text + ", a pixel is the " + (how == Shrink::mean ? "mean" : "largest") + " of " + size +
         " x " + size;
}

void draw_matrix(const Rows& matrix, const std::filesystem::path& path,
                 const DrawOptions& options) {
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
  const int64_t pixels = std::max<int64_t>(1, std::min(options.side, kSmallestMatrix) / longer);
  const auto words = caption(matrix, factor, options.shrink);
  lens::Page page(words);
  auto image = lens::heat_map(values, scale).enlarged(pixels);
  const double width = double(std::max(image.width(), kSmallestMatrix));
  const double below = double(image.height() + 2 * kMatrixMargin);
  page.add_image(kMatrixMargin, kMatrixMargin, std::move(image), words);
  lens::add_legend(page, below, scale, lens::legend(kSmallestMatrix / 2, kMatrixBar),
                   lens::joined({words, scale.note()}), width);
  page.finish();
  replace_file(path, lens::png_of(page));
}

}  // namespace

void draw_png(const at::Tensor& matrix, const std::filesystem::path& path,
              const DrawOptions& options) {
  if (matrix.dim() != 2) {
    throw UsageError("draw_png: the tensor has shape " + c10::str(matrix.sizes()) +
                     ", expected a matrix (rows, columns)");
  }
  const auto band = [&](Range rows) { return matrix.narrow(0, rows.begin, rows.size()); };
  draw_matrix({matrix.size(0), matrix.size(1), band}, path, options);
}

void draw_png(const Map& map, int64_t batch, int64_t head, const std::filesystem::path& path,
              const DrawOptions& options) {
  const Range columns{0, map.keys()};
  const auto band = [&](Range rows) { return map.tile(rows, columns, batch, head); };
  draw_matrix({map.queries(), map.keys(), band}, path, options);
}

}  // namespace heed
