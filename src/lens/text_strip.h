// What files and terminals need to know of a strip of panels.
#pragma once

#include "heed/lens/text_figure.h"

namespace heed::lens {

/// The figure with an empty label where a strip has none. Throws UsageError unless every strip has
/// panels, these have as many rows and columns as labels, and columns that are left out are there.
TextFigure labelled(TextFigure figure);

/// Of the columns that are not left out.
Scale scale_of(const std::vector<Panel>& panels, const std::vector<int64_t>& excluded,
               bool is_signed);
inline Scale scale_of(const TextStrip& strip) {
  return scale_of(strip.panels, strip.excluded, strip.is_signed);
}

inline bool is_excluded(const TextStrip& strip, int64_t column) {
  for (const int64_t one : strip.excluded)
    if (one == column) return true;
  return false;
}

/// The colours of a panel, a pixel a cell; what is left out is grey.
Canvas cells_of(const at::Tensor& values, const Scale& scale, const std::vector<int64_t>& excluded);

}  // namespace heed::lens
