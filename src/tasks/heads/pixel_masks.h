// The masks that a head answers: read, checked, and laid where a batch's image lies.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/core/mask.h"
#include "heed/data/placement.h"
#include "heed/tasks/input.h"

namespace heed {

/// What the numbers of a mask are.
enum class MaskValues { classes, instances };
constexpr std::array<const char*, 2> words(MaskValues) { return {"classes", "instances"}; }

struct PixelMaskOptions {
  std::string column = "mask";
  MaskValues values = MaskValues::classes;
  std::vector<std::string> classes;
  int64_t ignore = -1;
  bool background = true;
  int64_t border = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the file of each mask, a PNG, relative to the file that names it");
    v("values", values,
      "what a mask's numbers are. classes: of a palette the index; instances: 0 background, then a "
      "number an object, whose pixels are learned and which are told apart again");
    if (values == MaskValues::classes) {
      v("classes", classes, "names of the numbers 0, 1, ..; empty: those of training, by number");
      v("ignore", ignore, "number of pixels that are neither learned nor measured; -1: none",
        between(-1, 65535));
      v("background", background,
        "whether the first class is what is left over, which means over classes leave out");
    } else {
      v("border", border,
        "pixels at the edge of an object that are learned as a class of their own, so that objects "
        "that touch can be told apart; 0: none",
        between(0, 64));
    }
  }
};

constexpr int32_t kNoClass = -1;  ///< of a pixel that is neither learned nor measured

/// An example's mask as the model learns it, and its objects; both as large as its image.
struct PixelTarget {
  Mask classes;  ///< 0 .. K - 1, or kNoClass
  Mask objects;  ///< of values = instances, their numbers; else empty
};

class PixelMasks {
 public:
  explicit PixelMasks(const PixelMaskOptions& options) : options_(options) {}

  /// The names of classes of instances: background, object, and border where it is one.
  std::vector<std::string> instance_classes() const;

  /// The numbers of an example's file as they are. Throws FileError, and DataError that names the example or the file:
  /// no mask, another size than the image's.
  Mask read(const Split& split, int64_t example) const;
  /// What is learned of it. Throws DataError for a number that is none of `classes`, with the pixel.
  PixelTarget target(const Split& split, int64_t example, int64_t classes) const;
  /// Reads the mask of every record, whatever its image's size: how many there are and their numbers, and those that
  /// cannot be read.
  void examine(const data::Records& records, DataReport& report) const;

 private:
  std::filesystem::path file_of(const Split& split, int64_t example) const;
  PixelTarget of_instances(Mask numbers) const;

  const PixelMaskOptions& options_;
};

/// Lays the part of a mask that a placement names into `out` (h, w) int64: each pixel of the target is
/// the nearest of the source.
void lay_mask(const Mask& mask, const data::Placement& placement, at::Tensor& out);

/// Objects of predicted classes 0 background, 1 inside, 2 border: the parts of 1 that hang together,
/// grown into the border around them, a pixel a step; border without an inside is an object, too.
Mask objects_of(const Mask& classes);

}  // namespace heed
