// What a model of one text goes on from, for programs that ask for it token by token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/data/chat_template.h"

namespace heed {

/// What an input can be beside an Input.
class Prompts {
 public:
  virtual ~Prompts() = default;
  /// Tokens of a text as it stands. Throws DataError where it has none.
  virtual std::vector<int64_t> prompt_tokens(const std::string& text) const = 0;
  /// Tokens of a conversation. Throws UsageError where the model was not trained to chat, what the template throws.
  virtual std::vector<int64_t> chat_tokens(
      const std::vector<data::ChatMessage>& messages) const = 0;
};

}  // namespace heed
