// What an evaluation looks like: tables of counts, and curves over two axes. heed/lens draws them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed {

/// Points (x[i], y[i]), in order.
struct Curve {
  std::string name;
  std::vector<double> x, y;
};

/// Curves over axes from the least to the greatest value, or a table of counts.
struct Plot {
  static constexpr int64_t kMostCurves = 8;  ///< as many as colours keep apart

  std::string title;
  std::string x, y;  ///< names of the axes; of a table: what columns and rows are
  std::vector<Curve> curves = {};
  bool points = false;                  ///< points, not joined by lines
  bool unit = false;                    ///< both axes are 0 .. 1
  bool diagonal = false;                ///< the line y = x, which a perfect one would follow
  std::vector<std::string> names = {};  ///< of the rows and columns of a table
  std::vector<int64_t> counts = {};     ///< (names, names), row by row
};

}  // namespace heed
