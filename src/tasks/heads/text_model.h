// Which model of sequences writes text, and what it is made of.
#pragma once

#include <array>

#include "heed/models/recurrent.h"
#include "heed/models/transformer.h"

namespace heed {

enum class TextModelKind { transformer, recurrent };
constexpr std::array<const char*, 2> words(TextModelKind) { return {"transformer", "recurrent"}; }

struct TextModelOptions {
  TextModelKind model = TextModelKind::transformer;
  TransformerOptions transformer;
  RecurrentOptions recurrent;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("model", model, "transformer, or recurrent: LSTM or GRU with attention to the source");
    if (model == TextModelKind::recurrent) {
      recurrent.fields(v);
    } else {
      transformer.fields(v);
    }
  }

  bool has_source() const { return model == TextModelKind::recurrent || transformer.has_source(); }
  bool from_encoder() const {
    return model == TextModelKind::transformer && transformer.from_encoder();
  }
};

/// The model with new weights, from LibTorch's generator. source_vocabulary 0: it has no encoder.
/// Throws ModelError that names the field where options do not fit each other or the vocabularies.
SequenceModelPtr make_text_model(const TextModelOptions& options, int64_t vocabulary,
                                 int64_t source_vocabulary);

}  // namespace heed
