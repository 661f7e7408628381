// Values along time: behind a curve, above a spectrogram.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/lens/drawing.h"
#include "heed/lens/terminal.h"

namespace heed::lens {

/// One channel, and how much each stretch of it counts.
struct SeriesRow {
  std::string label;               ///< the channel, above
  std::vector<double> times = {};  ///< ascending: of each point of the curve
  std::vector<double> curve = {};  ///< as many as times; NaN: a gap
  at::Tensor spectrogram = {};     ///< in place of a curve: (bins, frames), the lowest bin first
  double begin = 0, end = 0;       ///< of the spectrogram's first and last frame
  std::vector<double> edges =
      {};  ///< ascending: where stretches begin, and where the last one ends
  std::vector<double> values =
      {};  ///< one less than edges: the colour of each; NaN: grey, left out
  bool is_signed = false;
  std::string note = {};  ///< below, behind the scale
};

struct SeriesFigure {
  std::string title;
  std::vector<std::string> lines;    ///< below the title
  std::string unit = "s";            ///< of times, written at the axis
  std::vector<SeriesRow> rows = {};  ///< one under the other, with one axis of time
};

/// A curve stands on the colours of its stretches; a spectrogram, in grey, has them in a strip
/// above. More points than pixels are drawn as the range of each pixel. Throws as Drawing says, and
/// UsageError for numbers that do not fit, times that do not ascend, and a row without values.
Drawing draw(const SeriesFigure& figure);

/// A strip of shades or colours a row, with the ends of its time, in lines of at most
/// `terminal.width` columns (never fewer than 12).
std::string to_text(const SeriesFigure& figure, const Terminal& terminal);

}  // namespace heed::lens
