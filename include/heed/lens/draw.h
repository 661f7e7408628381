// Images of weights as files.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "heed/lens/canvas.h"
#include "heed/ops/map.h"

namespace heed {

namespace lens {
/// The bytes of a PNG file (8-bit RGB). The same canvas gives the same bytes.
std::string encode_png(const Canvas& canvas);
}  // namespace lens

/// How a matrix that is larger than its image is made smaller: what a pixel shows of the block of
/// elements under it.
enum class Shrink { mean, max };

struct DrawOptions {
  int64_t side = 1024;  ///< pixels of the longer side of the matrix, at most; 16..16384
  Shrink shrink = Shrink::mean;
};

/// Draws a matrix (rows, columns), any dtype and device: rows downwards, columns to the right, with
/// a legend from 0, or its least value if that is less, to its greatest. Small matrices get whole
/// pixels an element, large ones are shrunk (the image says how). NaN is red; infinities have the
/// ends' colours. The file is written whole or not at all. Throws UsageError for a tensor that is
/// not a matrix, FileError.
void draw_png(const at::Tensor& matrix, const std::filesystem::path& path,
              const DrawOptions& options = {});

/// The same of the weights of one head, for any length: they are computed and shrunk a block of
/// rows at a time.
void draw_png(const Map& map, int64_t batch, int64_t head, const std::filesystem::path& path,
              const DrawOptions& options = {});

}  // namespace heed
