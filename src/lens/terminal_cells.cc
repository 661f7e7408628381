#include "lens/terminal_cells.h"

#include <algorithm>
#include <cmath>

namespace heed::lens {
namespace {

constexpr std::string_view kShades = " .:-=+*#%@";
constexpr int64_t kTextLegend = 24;

/// The nearest of xterm's 6 x 6 x 6 cube and its 24 greys.
int nearest_of_256(Colour colour) {
  constexpr int kLevels[] = {0, 95, 135, 175, 215, 255};
  const auto distance = [&](int red, int green, int blue) {
    const int r = red - colour.red, g = green - colour.green, b = blue - colour.blue;
    return r * r + g * g + b * b;
  };
  const auto level = [&](int value) {
    return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
  };
  const int r = level(colour.red), g = level(colour.green), b = level(colour.blue);
  const int mean = (colour.red + colour.green + colour.blue) / 3;
  const int step = std::clamp((mean - 3) / 10, 0, 23), grey = 8 + 10 * step;
  const bool cube = distance(kLevels[r], kLevels[g], kLevels[b]) <= distance(grey, grey, grey);
  return cube ? 16 + 36 * r + 6 * g + b : 232 + step;
}

}  // namespace

std::string escape(int layer, Colour colour, Colours colours) {
  const std::string start = "\x1b[" + std::to_string(layer);
  if (colours == Colours::c256) return start + ";5;" + std::to_string(nearest_of_256(colour)) + "m";
  return start + ";2;" + std::to_string(colour.red) + ";" + std::to_string(colour.green) + ";" +
         std::to_string(colour.blue) + "m";
}

char shade(double t) {
  if (std::isnan(t)) return '?';
  const double steps = static_cast<double>(kShades.size()) - 1;
  return kShades[std::lround(std::clamp(t, 0.0, 1.0) * steps)];
}

std::string legend_lines(const Scale& scale, const Terminal& terminal) {
  const std::string low = number(scale.low), high = number(scale.high);
  const auto ends = static_cast<int64_t>(low.size() + high.size() + 2);
  const bool beside = terminal.width > ends;
  const int64_t columns =
      std::clamp<int64_t>(beside ? terminal.width - ends : terminal.width, 1, kTextLegend);
  const auto colour = [&](double t) { return scale.is_signed ? diverging(2 * t - 1) : heat(t); };
  std::string bar;
  for (int64_t i = 0; i < columns; ++i) {
    const double t = (double(i) + 0.5) / double(columns);
    bar += terminal.colours == Colours::plain ? std::string(1, shade(t))
                                              : escape(48, colour(t), terminal.colours) + " ";
  }
  if (terminal.colours != Colours::plain) bar += kReset;
  const char* gap = beside ? " " : "\n";
  return low + gap + bar + gap + high + "\n";
}

}  // namespace heed::lens
