// Texts that no model wrote: what one that writes from an encoder must be better than.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "heed/metrics/cider.h"
#include "heed/tasks/input.h"

namespace heed {

/// Found in the first kMostExamples of training:
/// - the text with the best consensus (cider_consensus), the same for every example;
/// - of images the text of the nearest one: by the squared difference of the mean colours of 4 x 4 parts (the image resized
///   to 4 x 4 pixels); of several texts of that image the one with the best consensus.
class WrittenBaselines {
 public:
  static constexpr int64_t kMostExamples = 20'000;
  static constexpr int64_t kParts = 4;  // along a side
  using Colours = std::array<uint8_t, 3 * kParts * kParts>;

  /// `first`: as first_of_sources says.
  void learn(const Split& train, const std::string& column, const std::vector<int64_t>& first,
             const CiderOptions& words);
  Files files() const;
  /// Where there is no such file, it knows nothing. Throws ModelError for a damaged one.
  void load(const Files& files);

  /// By name ("", "nearest_") the texts of examples.
  std::vector<std::pair<std::string, std::vector<std::string>>> texts(
      const Split& split, const std::vector<int64_t>& examples) const;

 private:
  struct Known {
    Colours colours;
    std::string text;
  };
  bool is_known_ = false;
  std::string consensus_;
  std::vector<Known> images_;
};

}  // namespace heed
