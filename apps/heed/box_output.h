// What `heed predict` does with boxes beside printing them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flags.h"
#include "heed/tasks/box_tracker.h"
#include "heed/tasks/predictor.h"

namespace heed::cli {

class BoxOutput {
 public:
  /// Throws UsageError for flags that do not fit each other or the model.
  BoxOutput(const PredictFlags& flags, const Predictor& predictor);

  /// The inputs, with the images of folders, in the order of their names, where frames are followed.
  std::vector<std::string> inputs() const;
  /// Gives the boxes of one example numbers and draws them, as the flags say.
  void add(const Split& examples, int64_t example, std::vector<Prediction>& answers);

 private:
  void draw(const Split& examples, int64_t example, const Prediction& answer);

  const PredictFlags& flags_;
  size_t head_ = 0;  // the first that answers boxes
  std::optional<BoxTracker> tracker_;
  std::map<std::string, int64_t> kinds_;  // numbers of classes, for their colours
  std::map<std::string, int64_t> names_;  // of files, how often
};

}  // namespace heed::cli
