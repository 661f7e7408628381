#include "tasks/heads/number_cell.h"

#include <cmath>

#include "heed/core/error.h"
#include "heed/data/records.h"

namespace heed {

double number_cell(const Split& split, int64_t example, const std::string& column,
                   const Draw& draw) {
  const auto text = split.value(example, column, draw);
  double x = 0;
  if (data::parse_number(text, x) && std::isfinite(x)) return x;
  throw DataError(split.place(example) + ": the column '" + column +
                  "': expected a finite number, " +
                  (text.empty() ? "and the cell is empty" : "given '" + text + "'") +
                  "; correct it or leave the record out");
}

}  // namespace heed
