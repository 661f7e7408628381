// What writes a head's texts, for programs that ask for them token by token.
#pragma once

#include "tasks/heads/text_writer.h"

namespace heed {

/// A text that is written from an example of a model with a source.
struct TextToWrite {
  SourceBatch source;         ///< of one line
  GenerateOptions options;    ///< with what the text begins with
  bool says_nothing = false;  ///< an empty source has an empty text, and the model is not asked
};

/// What a head can be beside a Head.
class Writes {
 public:
  virtual ~Writes() = default;
  virtual const TextWriter& writer() const = 0;
  /// What Head::predict() writes of a batch, of models with a source.
  virtual std::vector<TextToWrite> to_write(const Tokens& tokens, const Batch& batch,
                                            const Split& split) const = 0;
};

}  // namespace heed
