// Logits of an image's pixels as an answer: a mask, a line, a file.
#pragma once

#include <string>
#include <vector>

#include "core/names_once.h"
#include "heed/core/mask.h"
#include "heed/tasks/head.h"

namespace heed {

/// A mask of each pixel of an example's file.
struct PixelAnswer {
  Mask classes;       ///< 0 .. K - 1; of instances 0 and 1
  Mask objects = {};  ///< of instances, numbered from 1 on
};

/// The most likely class of each pixel of logits (K, H, W). Of instances the classes are background, inside and perhaps
/// border, which is of the object; objects are `objects_of` them.
PixelAnswer pixel_answer(const at::Tensor& logits, bool instances);

/// "background 0.8123\tobject 0.1877": how large a part of the pixels each class has.
std::string shares_text(const Mask& classes, const std::vector<std::string>& names);

/// The answer as a line: shares, the number of objects, the file if it has one; and the same as JSON.
Prediction pixel_prediction(const PixelAnswer& answer, const std::vector<std::string>& names,
                            const std::string& file);

/// Writes masks into a folder, each by the name of its image.
class MaskFolder {
 public:
  MaskFolder() = default;
  /// Makes the folder where it is not there. Throws FileError.
  explicit MaskFolder(std::string folder);

  bool is_open() const { return !folder_.empty(); }
  /// Objects as grey numbers, classes with a palette. Returns the file: FOLDER/NAME.png, or NAME-2.png and so on where
  /// another image of that name was written. Throws FileError, UsageError where that is the image itself.
  std::string write(const PixelAnswer& answer, const std::string& image);

 private:
  std::string folder_;
  NamesOnce names_;
};

}  // namespace heed
