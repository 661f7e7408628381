// What is found in series: the scale of their columns, and what `heed check` says of them.
#pragma once

#include "tasks/inputs/series_split.h"

namespace heed {

/// {means, deviations} of each of `names`, rows of `of`, over the rows that the split's windows look
/// at, all series together; missing values do not count. Throws DataError for a column that is
/// constant or has no value there, with the first place.
std::pair<std::vector<double>, std::vector<double>> series_scale(
    const SeriesSplit& split, at::Tensor SeriesRows::*of, const std::vector<std::string>& names);

/// Rows, times, what is missing or irregular, of the first series as lines, of all as JSON.
DataReport report_of(const std::vector<SeriesRows>& all, const SeriesInputOptions& options);

}  // namespace heed
