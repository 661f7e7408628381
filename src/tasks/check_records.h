// What `heed check` says of records.
#pragma once

#include "heed/data/describe.h"
#include "heed/tasks/check.h"

namespace heed {

/// Adds to the reports of the parts, the first of which is what is learned from, what their records
/// hold: columns, classes, repeated records, those that are in two parts, labels that training never
/// saw. `parts` and `reports` belong together. Throws DataError for a label column that is missing.
void report_records(const std::vector<std::pair<std::string, data::RecordsPtr>>& parts,
                    const std::vector<std::string>& labels,
                    const std::vector<DataReport*>& reports);

}  // namespace heed
