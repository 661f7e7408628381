// Series to be answered: files, and rows of standard input as they come.
#pragma once

#include <functional>

#include "heed/data/record_files.h"
#include "tasks/inputs/series_split.h"

namespace heed {

using OpenSeries = std::function<std::shared_ptr<const SeriesSplit>(const data::RecordsPtr&)>;

/// Windows of files, one after another. Standard input ("-", csv where the recipe names no other
/// table) is read whole where its end is asked for, and row by row where rows are.
std::unique_ptr<Stream> make_series_stream(std::vector<std::string> inputs,
                                           const data::RecordOptions& records, SeriesStatePtr state,
                                           OpenSeries open);

}  // namespace heed
