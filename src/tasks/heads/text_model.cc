#include "tasks/heads/text_model.h"

#include "tasks/by_key.h"

namespace heed {

SequenceModelPtr make_text_model(const TextModelOptions& options, int64_t vocabulary,
                                 int64_t source_vocabulary) {
  return by_key({{"transformer: ", "head."}, {"recurrent: ", "head."}}, [&]() -> SequenceModelPtr {
    if (options.model == TextModelKind::recurrent)
      return Recurrent(options.recurrent, vocabulary, source_vocabulary).ptr();
    return Transformer(options.transformer, vocabulary, source_vocabulary).ptr();
  });
}

}  // namespace heed
