#include "heed/models/audio_encoder.h"

#include "heed/nn/recording.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/activation.h"
#include "nn/lengths.h"
#include "nn/linear.h"
#include "nn/probed.h"

namespace heed {

namespace {

/// x (B, C, T) with zeros behind the frames that are real.
at::Tensor without_padding(const at::Tensor& x, const at::Tensor& lengths) {
  return x.masked_fill(nn::real_tokens(lengths, x.size(2)).logical_not().unsqueeze(1), 0);
}

}  // namespace

void AudioEncoderOptions::check() const {
  if (stem == AudioStem::conv && subsampling == 3)
    throw ModelError("subsampling: expected 1, 2 or 4 frames a token, given 3");
}

AudioEncoderImpl::AudioEncoderImpl(const AudioEncoderOptions& given, const AudioShape& shape)
    : options(given), shape(shape) {
  models::check_fields(options);
  options.check();
  models::check_blocks(options, {.name = "sounds", .lengths = true});
  if (shape.bands < 1 || shape.frames < 0)
    throw ModelError(text_of("sounds: expected at least 1 band, and 0 or more frames, given ",
                             shape.bands, " bands of ", shape.frames, " frames"));
  make_stem();
  if (options.class_token) {
    class_token = register_parameter("class_token", torch::empty({1, 1, options.width}));
    nn::truncated_normal(class_token);
  }
  position = models::additive_position(*this, "position", options.attention.position, options.width,
                                       max_positions());
  blocks = BlockStack(*this, models::with_mask(options, "key_lengths"));
}

void AudioEncoderImpl::make_stem() {
  const int64_t M = options.width;
  if (options.stem == AudioStem::linear) {
    linear = register_module("linear", nn::xavier_linear(options.patch * shape.bands, M));
    return;
  }
  const auto convolution = [](int64_t in, int64_t out, int64_t stride) {
    return torch::nn::Conv1d(torch::nn::Conv1dOptions(in, out, 3).stride(stride).padding(1));
  };
  conv1 = register_module("conv1", convolution(shape.bands, M, options.subsampling == 4 ? 2 : 1));
  conv2 = register_module("conv2", convolution(M, M, options.subsampling == 1 ? 1 : 2));
}

Tokens AudioEncoderImpl::forward(const Batch& batch) {
  const auto& audio = models::taken(batch, "audio", {{"B"}, {"bands", shape.bands}, {"T"}},
                                    models::Dtype::floating);
  const int64_t B = audio.size(0), T = audio.size(2);
  if (T < 1 || (shape.frames > 0 && T > shape.frames))
    throw UsageError(text_of("encoder: audio: expected 1 to ",
                             shape.frames > 0 ? std::to_string(shape.frames) : "any number of",
                             " frames, given ", T));
  Tokens tokens;
  tokens.frames = frames();
  auto lengths = at::full({B}, T, audio.options().dtype(at::kLong));
  if (batch.has("lengths")) {
    lengths = models::taken_lengths(batch, B, T);
    models::check_ids("lengths", lengths, 1, T);
    tokens.lengths = tokens_of(lengths);
  }
  if (is_training() || Recording::active() || nn::Probe::active() || B < 2) {
    tokens.states = states_of(audio, lengths);
    return tokens;
  }
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < B; ++b) {
    const auto length = lengths.narrow(0, b, 1);
    const auto own = audio.narrow(0, b, 1).narrow(2, 0, length.item<int64_t>());
    const auto states = states_of(own, length);
    rows.push_back(at::constant_pad_nd(states, {0, 0, 0, tokens_of(T) - states.size(1)}));
  }
  tokens.states = torch::cat(rows);
  return tokens;
}

at::Tensor AudioEncoderImpl::tokens_of(const at::Tensor& frames) const {
  const int64_t each = frames_per_token();
  return (frames + (each - 1)).div(each, "floor") + int64_t{options.class_token};
}

/// audio (B, bands, T), of each recording its frames -> (B, L, M)
at::Tensor AudioEncoderImpl::stem_of(const at::Tensor& audio, const at::Tensor& lengths) {
  auto x = without_padding(audio, lengths);
  if (linear) {
    const int64_t B = x.size(0), L = (x.size(2) + options.patch - 1) / options.patch;
    x = at::constant_pad_nd(x, {0, L * options.patch - x.size(2)});
    return nn::affine(linear,
                      x.transpose(1, 2).reshape({B, L, -1}));  // frames one behind the other
  }
  const auto gelu = nn::Activation::gelu;
  const bool halves = options.subsampling == 4;
  x = nn::activate(gelu, conv1->forward(x));  // (B, M, T), or half as many
  x = without_padding(x, halves ? (lengths + 1).div(2, "floor") : lengths);
  return nn::activate(gelu, conv2->forward(x).transpose(1, 2).contiguous());  // (B, L, M)
}

at::Tensor AudioEncoderImpl::states_of(const at::Tensor& audio, const at::Tensor& lengths) {
  auto x = nn::embedded(stem_of(audio, lengths));
  if (class_token.defined()) x = torch::cat({class_token.expand({x.size(0), 1, -1}), x}, 1);
  if (position) x = position->forward(x);
  x = torch::dropout(x, options.dropout, is_training());
  return blocks.forward(x, models::told_lengths(tokens_of(lengths)));
}

}  // namespace heed
