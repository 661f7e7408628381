#include "tasks/heads/text_model.h"

namespace heed {

SequenceModelPtr make_text_model(const TextModelOptions& options, int64_t vocabulary,
                                 int64_t source_vocabulary) {
  if (options.model == "recurrent") {
    return Recurrent(options.recurrent, vocabulary, source_vocabulary).ptr();
  }
  return Transformer(options.transformer, vocabulary, source_vocabulary).ptr();
}

}  // namespace heed
