// [encoder] of a recipe: which encoder, and what it is made of.
#pragma once

#include "heed/models/encoder.h"
#include "heed/tasks/input.h"

namespace heed {

class EncoderPart : public Component {
 public:
  static constexpr const char* kHelp = "what turns the input into tokens";

  /// The recipe's several inputs: name and the kind of encoder that each has by default. Said before
  /// the part is read.
  virtual void follow(const std::vector<std::pair<std::string, std::string>>&) {}

  /// The module with new weights, from LibTorch's generator. Throws ModelError that names the field
  /// where options do not fit each other or the input.
  virtual EncoderPtr make(const Sizes& input) const = 0;
};

/// The sizes called `name` of an input that must have `count` of them (0: any). Throws ModelError
/// that says which encoder asks for what.
const std::vector<int64_t>& size_of(const Sizes& input, const std::string& name,
                                    const char* encoder, size_t count = 1);

}  // namespace heed
