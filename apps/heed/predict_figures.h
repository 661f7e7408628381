// What `heed predict` does with boxes and masks beside printing them: they are followed and drawn.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/names_once.h"
#include "flags.h"
#include "heed/tasks/box_tracker.h"
#include "heed/tasks/predictor.h"

namespace heed::cli {

class PredictFigures {
 public:
  /// Throws UsageError for flags that do not fit each other or the model.
  PredictFigures(const PredictFlags& flags, const Predictor& predictor);

  /// The inputs, with the images of folders, in the order of their names, where frames are followed.
  std::vector<std::string> inputs() const;
  /// Whether masks are drawn, which the head is to keep then.
  bool needs_masks() const { return !flags_.figures.empty() && kind_ == "pixels"; }
  /// Gives the boxes of one example the numbers of their objects, where these are followed.
  void number(std::vector<Prediction>& answers);
  /// Draws what was found in one example's image, where that is asked for. Throws UsageError where the figure would be written
  /// over the image, FileError.
  void draw(const Split& examples, int64_t example, const std::vector<Prediction>& answers);

 private:
  std::string png_of_boxes(const std::string& name, data::Image image, const ImageShape& source,
                           const Prediction& answer);

  const PredictFlags& flags_;
  size_t head_ = 0;  // the first that can be drawn
  std::string kind_;
  std::optional<BoxTracker> tracker_;
  std::map<std::string, int64_t> kinds_;  // numbers of classes, for their colours
  NamesOnce names_;
};

}  // namespace heed::cli
