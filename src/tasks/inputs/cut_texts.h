// Texts that are cut to what a model takes, whatever its recipe says of them.
#pragma once

#include "heed/tasks/input.h"

namespace heed {

/// The tensor beside `lengths` that has the tokens of each text before it was cut, (B) int64.
inline constexpr const char* kWholeLengths = "whole_lengths";

/// What an input can be beside an Input.
class CutsTexts {
 public:
  virtual ~CutsTexts() = default;
  /// As Input::open of what is to be answered; batches have kWholeLengths.
  virtual SplitPtr open_cut(const data::RecordsPtr& records) const = 0;
  /// Tokens that an example has at most; 0: any number.
  virtual int64_t most_tokens() const = 0;
};

}  // namespace heed
