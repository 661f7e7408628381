// The columns of a table as numbers: which they are, and what training knows of them.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/tasks/input.h"

namespace heed {

enum class NumberScale { standard, quantile, none };
constexpr std::array<const char*, 3> words(NumberScale) { return {"standard", "quantile", "none"}; }

struct TableOptions {
  std::vector<std::string> numbers, categories, ignore, missing;
  NumberScale scale = NumberScale::standard;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("numbers", numbers,
      "columns of numbers; where categories is empty, too: every column whose cells are numbers");
    v("categories", categories,
      "columns of categories; where numbers is empty, too: every other column, except those of "
      "heads, lists, and texts of which most stand there once");
    v("ignore", ignore, "columns that are not taken where the data says which there are");
    v("missing", missing, "texts that say that a cell is missing, beside the empty one");
    v("scale", scale,
      "of numbers. standard: (x - mean) / std of training; quantile: their share of training's "
      "numbers below, as a standard normal; none: as they are");
  }
  void check() const { check_apart({{"numbers", numbers}, {"categories", categories}}); }
};

/// A column of numbers: `mean` and `deviation` (of the population), or quantiles at equal steps.
struct NumberColumn {
  std::string name;
  double mean = 0, deviation = 1;
  std::vector<double> quantiles = {};  ///< of scale = quantile: rising, at 0, 1 / (n - 1), .. 1
};

/// A column of categories: number 1 + i is values[i], 0 one that training did not have.
struct CategoryColumn {
  std::string name;
  std::vector<std::string> values;  ///< by their bytes
  std::map<std::string, int64_t> number_of = {};
};

struct TableColumns {
  std::vector<NumberColumn> numbers;
  std::vector<CategoryColumn> categories;
};

/// Fills numbers and categories where both are empty, by what every cell holds. Gives a line for each
/// column that is left out and the reason. Throws DataError for a column that is not there, or a
/// table without one.
std::vector<std::string> choose_columns(const data::Records& records,
                                        const std::vector<std::string>& targets,
                                        TableOptions& options);

/// What training knows of the columns. Throws DataError with the place of a cell that is no number.
TableColumns learn_columns(const Split& train, const TableOptions& options);

bool is_missing(const std::string& cell, const TableOptions& options);
/// A finite number; NaN: missing. Throws DataError with place and column.
double number_of(const Split& split, int64_t example, const std::string& column,
                 const TableOptions& options);
/// Of one column (B) float64, NaN where one is missing.
at::Tensor scaled(const at::Tensor& numbers, const NumberColumn& column, NumberScale scale);

std::string columns_file(const TableColumns& columns);  ///< JSON
/// Throws ModelError.
TableColumns columns_from_file(const std::string& text, const std::string& name,
                               const TableOptions& options);

}  // namespace heed
