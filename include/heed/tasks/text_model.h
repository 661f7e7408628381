// [model] of the tasks that write text: which model of sequences, and what it is made of.
#pragma once

#include <string>

#include "heed/models/recurrent.h"
#include "heed/models/transformer.h"

namespace heed {

struct TextModelOptions {
  std::string kind = "transformer";
  TransformerOptions transformer;
  RecurrentOptions recurrent;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind, "transformer, or recurrent: LSTM or GRU with attention to the source",
      OneOf{{"transformer", "recurrent"}});
    if (kind == "recurrent") {
      recurrent.fields(v);
    } else {
      transformer.fields(v);
    }
  }
};

/// The model with new weights, from LibTorch's generator. source_vocabulary 0: it has no encoder.
/// Throws ModelError that names the field where options do not fit each other or the vocabularies.
SequenceModelPtr make_text_model(const TextModelOptions& options, int64_t vocabulary,
                                 int64_t source_vocabulary);

}  // namespace heed
