#include "heed/models/recurrent_encoder.h"

#include "heed/ops/dropout.h"
#include "models/encoder_check.h"

namespace heed {

RecurrentEncoderImpl::RecurrentEncoderImpl(const RecurrentEncoderOptions& given,
                                           const TextShape& shape)
    : options(given) {
  models::check_fields(options);
  if (options.width % 2 != 0)
    throw ModelError(text_of("encoder.width: expected an even number, half of it a direction, ",
                             "given ", options.width));
  const int64_t E = options.embedding_width ? options.embedding_width : options.width;
  TextEmbeddingOptions embedded = options;
  embedded.embedding_width = 0;  // layers take E channels as they are
  embedding = TextEmbedding(*this, embedded, shape, E, OpSpec{"none"});
  stack = RecurrentStack(*this, "layers", options.layers, options.cell, options.width, E);
}

Tokens RecurrentEncoderImpl::forward(const Batch& batch) {
  const auto x = embedding.forward(batch, is_training());  // (B, L, E)
  const auto& lengths = batch.at("lengths");
  const double dropout = is_training() ? options.dropout : 0;
  const auto read = stack.forward(x.transpose(0, 1), lengths, dropout);
  Tokens out{.states = read.all.transpose(0, 1).contiguous(), .lengths = lengths};
  out.states = heed::dropout(out.states, options.dropout, is_training());
  out.extra["last"] = read.last;
  return out;
}

}  // namespace heed
