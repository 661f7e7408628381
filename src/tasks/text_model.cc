#include "heed/tasks/text_model.h"

namespace heed {

SequenceModelPtr make_text_model(const TextModelOptions& options, int64_t vocabulary,
                                 int64_t source_vocabulary) {
  return Transformer(options.transformer, vocabulary, source_vocabulary).ptr();
}

}  // namespace heed
