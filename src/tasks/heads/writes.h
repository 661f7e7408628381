// What writes a head's texts, for programs that ask for them token by token.
#pragma once

#include "tasks/heads/text_writer.h"

namespace heed {

/// What a head can be beside a Head.
class Writes {
 public:
  virtual ~Writes() = default;
  virtual const TextWriter& writer() const = 0;
};

}  // namespace heed
