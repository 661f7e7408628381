// A map of any length as a pyramid of pictures, from the whole down to single weights: what deep zoom
// draws.
#pragma once

#include <cstdint>
#include <vector>

#include "heed/ops/map.h"

namespace heed::lens {

/// Weights as bytes: 0 is a weight of 0 (or less, which heads that mix may have, or NaN), the others
/// lie evenly over the logarithms,
///
///   byte   = 1 + round(254 log(weight / smallest) / log(greatest / smallest)), at least 1, at most 255
///   weight = smallest (greatest / smallest)^((byte - 1) / 254)
///
/// so that a weight from smallest to greatest is kept with relative_error(); one below is shown as
/// smallest.
struct LogScale {
  double greatest = 1, smallest = 1e-6;

  uint8_t byte_of(double weight) const;
  double weight_of(uint8_t byte) const;
  /// (greatest / smallest)^(1 / 508) - 1: 0.037 of 1e8.
  double relative_error() const;
};

/// A picture, row after row.
struct PyramidTile {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> bytes;
};

/// The pyramid of one head. Level l pools cells of 2^l x 2^l weights; level 0 are the weights, the
/// last level fits into one tile. The constructor makes one pass over the map and stores the levels
/// from the first on whose cells are at least 16 wide and that takes at most 64 MiB (100,000 x
/// 100,000: level 4, 39 MB), which with those above it is a third more; while it works it needs three
/// times the first. Tiles of the levels below are computed when they are asked for: at most 2048 x
/// 2048 weights, where that first level is 4. Functions may be called from several threads at a
/// time.
///
/// One scale for all levels: greatest is the greatest single weight of the map, smallest a 1024th of
/// it or of 1 / Lk, whichever is less. Stored levels come from numbers rounded to 0.1 %, means above
/// the first stored level from its bytes: their relative error is twice the scale's.
class MapPyramid {
 public:
  static constexpr int64_t kSide = 256;  ///< of a tile

  MapPyramid(Map map, int64_t batch, int64_t head, MapPool pool);

  const Map& map() const { return map_; }
  const LogScale& scale() const { return scale_; }
  int64_t levels() const { return levels_; }
  /// Cells of a level.
  int64_t rows(int64_t level) const;
  int64_t columns(int64_t level) const;
  /// Of cells y 256 .. (y + 1) 256 - 1 by x 256 .. (x + 1) 256 - 1; smaller at the far edges. Throws
  /// UsageError outside.
  PyramidTile tile(int64_t level, int64_t x, int64_t y) const;

 private:
  void store();
  PyramidTile above(int64_t level) const;

  Map map_;
  int64_t batch_, head_;
  MapPool pool_;
  int64_t levels_ = 1, first_ = 4;
  LogScale scale_;
  std::vector<PyramidTile> stored_;  ///< of the levels from first_ on
};

}  // namespace heed::lens
