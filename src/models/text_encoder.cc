#include "heed/models/text_encoder.h"

#include "heed/nn/recording.h"
#include "heed/nn/token_convolution.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "models/packed_texts.h"
#include "nn/model_memory.h"
#include "nn/probed.h"
#include "nn/sequence_part.h"

namespace heed {

TextEncoderImpl::TextEncoderImpl(const TextEncoderOptions& given, const TextShape& shape)
    : options(given) {
  models::check_fields(options);
  models::check_blocks(options, {.name = "texts", .lengths = true});
  embedding =
      TextEmbedding(*this, options, shape, options.width, options.attention.position, options);
  if (options.convolutions > 0)
    convolutions = register_module("convolutions", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.convolutions; ++i) {
    convolutions->push_back(nn::TokenConvolution(nn::TokenConvolutionOptions(options.width)
                                                     .kernel(options.kernel)
                                                     .causal(options.attention.has_mask("causal"))
                                                     .activation(options.activation)
                                                     .dropout(options.dropout)));
    if (i == 0) nn::check_repeated(*convolutions, options.convolutions);
  }
  blocks = BlockStack(*this, models::with_mask(options, "key_lengths"));
}

Tokens TextEncoderImpl::forward(const Batch& batch) {
  auto x = embedding.forward(batch, is_training());  // (B, L, M)
  const auto& lengths = batch.at("lengths");
  for (int64_t i = 0; i < options.convolutions; ++i)
    x = convolutions[static_cast<size_t>(i)]->as<nn::TokenConvolutionImpl>()->forward(x, lengths);
  const bool watched = Recording::active() || nn::Probe::active() || nn::PartedStacks::ring();
  if (!is_training() && !watched && x.device().is_cpu() && convolutions.is_empty() &&
      models::can_pack(options))
    if (const auto packed = nn::PackedRows::of(lengths, x.size(1))) {
      const nn::PackedRows::Scope scope(*packed);
      return {.states = packed->unpack(blocks.forward(packed->pack(x))), .lengths = lengths};
    }
  return {.states = blocks.forward(x, models::told_lengths(lengths)), .lengths = lengths};
}

}  // namespace heed
