// A cell that is to be a number.
#pragma once

#include <string>

#include "heed/tasks/input.h"

namespace heed {

/// Throws DataError with the example's place where the column's cell is no finite number.
double number_cell(const Split& split, int64_t example, const std::string& column,
                   const Draw& draw = {});

}  // namespace heed
