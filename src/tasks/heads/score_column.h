// Numbers of a report's table.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace heed {

/// A score in ten columns; "-" where there is none (NaN).
inline std::string score_column(double score) {
  char text[32];
  std::snprintf(text, sizeof text, "%10.4f", score);
  return std::isnan(score) ? "         -" : text;
}

}  // namespace heed
