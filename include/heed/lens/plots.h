// Curves and tables of counts as an image.
#pragma once

#include <string>
#include <vector>

#include "heed/metrics/plot.h"

namespace heed::lens {

/// The bytes of a PNG file with a panel a plot, one beside the other. Tables: rows downwards, a
/// cell's colour its share of its row, its count inside where there is room. Curves: x to the right,
/// y upwards, colours of Okabe and Ito (2008), which colour-blind readers tell apart. The same plots
/// give the same bytes. Throws UsageError for no plot, a table of another size than its names, or
/// axes without a finite value.
std::string to_png(const std::vector<Plot>& plots);
/// The same as SVG.
std::string to_svg(const std::vector<Plot>& plots);

}  // namespace heed::lens
