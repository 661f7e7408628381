// What files and terminals need to know of values along time.
#pragma once

#include <utility>
#include <vector>

#include "heed/lens/heat.h"
#include "heed/lens/series_figure.h"

namespace heed::lens {

/// Throws UsageError for what draw(SeriesFigure) refuses.
void check(const SeriesFigure& figure);

struct TimeRange {
  double begin, end;  ///< begin < end
};
/// From the first to the last time of all rows.
TimeRange time_of(const SeriesFigure& figure);

struct Stretch {
  double begin, end, value;
};
/// Stretches that are drawn, at most; where there are more values, each is the strongest of those in
/// its part of the time.
inline constexpr int64_t kMostStretches = 1000;
std::vector<Stretch> stretches_of(const SeriesRow& row, TimeRange time);

/// From 0, or -m where there is a sign, to the greatest |value|.
Scale scale_of(const SeriesRow& row);

/// Least and greatest finite value; {0, 0} where there is none.
std::pair<double, double> range_of(const std::vector<double>& values);

/// The curve between its gaps as (time, value); of more than two points a pixel the least and the
/// greatest of each.
std::vector<std::vector<std::pair<double, double>>> runs_of(const SeriesRow& row, TimeRange time);

}  // namespace heed::lens
