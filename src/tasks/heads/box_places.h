// Boxes of records, and where they lie in a batch's images.
#pragma once

#include <string>
#include <vector>

#include "heed/data/boxes.h"
#include "heed/metrics/detection.h"
#include "heed/tasks/input.h"

namespace heed {

/// The boxes of an example's cell: a list's items, or a text with ';' between them. Throws DataError with the example's place.
std::vector<data::ObjectBox> boxes_of(const Split& split, int64_t example,
                                      const std::string& column);

/// Part of an object's area that a random cut must leave for it to be an object.
inline constexpr double kLeastSeen = 0.3;

/// The box in a batch's image of that shape, cut at what the placement shows; false where less than kLeastSeen of it is left.
bool into_batch(const data::ObjectBox& box, const data::Placement& placement,
                const ImageShape& batch, Rectangle& moved);

/// The reverse: pixels of the file, cut at its sides.
Rectangle to_source(const Rectangle& box, const data::Placement& placement,
                    const ImageShape& source);

}  // namespace heed
