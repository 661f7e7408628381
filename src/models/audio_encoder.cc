#include "heed/models/audio_encoder.h"

#include "heed/nn/recording.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/activation.h"
#include "nn/probed.h"

namespace heed {

AudioEncoderImpl::AudioEncoderImpl(const AudioEncoderOptions& given, const AudioShape& shape)
    : options(given), shape(shape) {
  models::check_fields(options);
  models::check_blocks(options, {.name = "sounds"});
  if (shape.mels < 1 || shape.frames < 1)
    throw ModelError(text_of("sounds: expected at least 1 band and 1 frame, given ", shape.mels,
                             " bands of ", shape.frames, " frames"));
  const int64_t M = options.width;
  const auto convolution = [](int64_t in, int64_t out, int64_t stride) {
    return torch::nn::Conv1d(torch::nn::Conv1dOptions(in, out, 3).stride(stride).padding(1));
  };
  conv1 = register_module("conv1", convolution(shape.mels, M, 1));
  conv2 = register_module("conv2", convolution(M, M, 2));
  position =
      models::additive_position(*this, "position", options.attention.position, M, max_positions());
  blocks = BlockStack(*this, options);
}

Tokens AudioEncoderImpl::forward(const Batch& batch) {
  const auto& audio =
      models::taken(batch, "audio", {{"B"}, {"mels", shape.mels}, {"T"}}, models::Dtype::floating);
  if (audio.size(2) < 1 || audio.size(2) > shape.frames)
    throw UsageError(
        text_of("encoder: audio: expected 1 to ", shape.frames, " frames, given ", audio.size(2)));
  if (is_training() || Recording::active() || nn::Probe::active() || audio.size(0) < 2)
    return {.states = states_of(audio)};
  std::vector<at::Tensor> rows;
  for (const auto& row : audio.split(1)) rows.push_back(states_of(row));
  return {.states = torch::cat(rows)};
}

at::Tensor AudioEncoderImpl::states_of(const at::Tensor& audio) {
  const auto gelu = nn::Activation::gelu;
  auto x = nn::activate(gelu, conv1->forward(audio));                      // (B, M, T)
  x = nn::activate(gelu, conv2->forward(x).transpose(1, 2).contiguous());  // (B, L, M)
  x = nn::embedded(x);
  if (position) x = position->forward(x);
  x = torch::dropout(x, options.dropout, is_training());
  return blocks.forward(x);
}

}  // namespace heed
