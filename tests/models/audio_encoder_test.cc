// Sound to tokens against the formula, and a decoder that writes from what an encoder gives.
#include "heed/models/audio_encoder.h"

#include <gmock/gmock.h>

#include <limits>

#include "heed/core/error.h"
#include "heed/models/generate.h"
#include "heed/models/transformer.h"
#include "heed/nn/recording.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Batch sound_of(const at::Tensor& audio) {
  return {{{"audio", audio}}, at::arange(audio.size(0), at::kLong)};
}

AudioEncoder small_encoder(int64_t layers, AudioStem stem = AudioStem::conv,
                           int64_t subsampling = 2) {
  AudioEncoderOptions options;
  options.stem = stem, options.patch = 3, options.class_token = stem == AudioStem::linear;
  options.subsampling = subsampling;
  options.width = 8, options.layers = layers, options.dropout = 0;
  options.attention = Attention::parse("learned; num_heads=2");
  AudioEncoder encoder(options, AudioShape{3, 10});
  encoder->eval();
  return encoder;
}

at::Tensor exact_gelu(const at::Tensor& x) { return x * 0.5 * (1 + (x / std::sqrt(2.0)).erf()); }

/// out[b, m, t] = bias[m] + sum over c, k of w[m, c, k] x[b, c, stride t + k - 1]
at::Tensor convolved(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                     int64_t stride) {
  const int64_t T = (x.size(2) + stride - 1) / stride;
  auto out = bias.view({1, -1, 1}).expand({x.size(0), w.size(0), T}).clone();
  for (int64_t t = 0; t < T; ++t)
    for (int64_t k = 0; k < 3; ++k)
      if (const int64_t from = stride * t + k - 1; from >= 0 && from < x.size(2))
        out.select(2, t) += at::einsum("bc,mc->bm", {x.select(2, from), w.select(2, k)});
  return out;
}

TEST(AudioEncoder, IsItsFormula) {
  torch::manual_seed(1);
  const at::NoGradGuard no_grad;
  for (const int64_t s : {1, 2, 4}) {
    auto encoder = small_encoder(0, AudioStem::conv, s);
    for (const int64_t frames : {1, 2, 3, 7, 10}) {
      const auto audio = at::randn({2, 3, frames});
      const auto found = encoder->forward(sound_of(audio));
      auto x = exact_gelu(convolved(audio.to(at::kDouble), encoder->conv1->weight.to(at::kDouble),
                                    encoder->conv1->bias.to(at::kDouble), s == 4 ? 2 : 1));
      x = exact_gelu(convolved(x, encoder->conv2->weight.to(at::kDouble),
                               encoder->conv2->bias.to(at::kDouble), s == 1 ? 1 : 2))
              .transpose(1, 2);
      const int64_t L = (frames + s - 1) / s;
      ASSERT_EQ(found.states.sizes(), at::IntArrayRef({2, L, 8}));
      EXPECT_EQ(found.frames->per_token, s);
      x = x + encoder->position->table.narrow(0, 0, L).to(at::kDouble);
      x = at::layer_norm(x, {8});
      EXPECT_LT((found.states.to(at::kDouble) - x).abs().max().item<double>(), 1e-5) << frames;
    }
  }
}

TEST(AudioEncoder, ARecordingHasTheSameBitsInEveryBatch) {
  torch::manual_seed(2);
  auto encoder = small_encoder(2);
  const at::NoGradGuard no_grad;
  const auto audio = at::randn({5, 3, 10});
  const auto all = encoder->forward(sound_of(audio)).states;
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_TRUE(
        encoder->forward(sound_of(audio.narrow(0, i, 1))).states.equal(all.narrow(0, i, 1)));
  Recording recording(*encoder);
  EXPECT_LT((encoder->forward(sound_of(audio)).states - all).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(recording.maps().size(), 2u);
}

/// What stands behind a recording's length, NaN too, has no influence: states and gradients are those that it has by itself.
void expect_no_influence_of_padding(AudioStem stem, int64_t subsampling,
                                    const std::vector<int64_t>& expected_lengths) {
  torch::manual_seed(5);
  const std::vector<int64_t> lengths = {10, 1, 7, 6};
  auto encoder = small_encoder(2, stem, subsampling);
  auto audio = at::randn({4, 3, 10});
  for (int64_t b = 0; b < 4; ++b)
    audio[b]
        .narrow(1, lengths[size_t(b)], 10 - lengths[size_t(b)])
        .fill_(std::numeric_limits<float>::quiet_NaN());
  auto batch = sound_of(audio);
  batch.tensors["lengths"] = at::tensor(lengths, at::kLong);
  for (const bool training : {false, true}) {
    encoder->train(training);
    const auto found = encoder->forward(batch);
    EXPECT_TRUE(found.lengths.equal(at::tensor(expected_lengths, at::kLong)));
    ASSERT_TRUE(found.frames);
    EXPECT_EQ(found.frames->per_token, encoder->frames_per_token());
    for (int64_t b = 0; b < 4; ++b) {
      const auto alone =
          encoder->forward(sound_of(audio.narrow(0, b, 1).narrow(2, 0, lengths[size_t(b)])));
      EXPECT_FALSE(alone.lengths.defined());
      const int64_t n = alone.states.size(1);
      const auto together = found.states.narrow(0, b, 1).narrow(1, 0, n);
      EXPECT_LT((together - alone.states).abs().max().item<double>(), 1e-5) << b;
      if (!training) EXPECT_TRUE(together.equal(alone.states)) << b;
    }
    if (!training) continue;
    const auto real = at::arange(found.states.size(1)).unsqueeze(0) < found.lengths.unsqueeze(1);
    found.states.masked_select(real.unsqueeze(2)).square().sum().backward();
    for (const auto& parameter : encoder->parameters())
      if (parameter.grad().defined()) EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
  }
  batch.tensors["lengths"] = at::tensor({10, 0, 7, 4}, at::kLong);
  EXPECT_THROW(encoder->forward(batch), UsageError);
}

TEST(AudioEncoder, PaddingHasNoInfluence) {
  expect_no_influence_of_padding(AudioStem::conv, 1, {10, 1, 7, 6});
  expect_no_influence_of_padding(AudioStem::conv, 2, {5, 1, 4, 3});
  expect_no_influence_of_padding(AudioStem::conv, 4, {3, 1, 2, 2});
  expect_no_influence_of_padding(AudioStem::linear, 2, {5, 2, 4, 3});
}

TEST(AudioEncoder, PatchesAreALinearLayerBehindAClassToken) {
  torch::manual_seed(6);
  auto encoder = small_encoder(0, AudioStem::linear);
  const at::NoGradGuard no_grad;
  const auto audio = at::randn({2, 3, 8});
  const auto found = encoder->forward(sound_of(audio)).states;
  ASSERT_EQ(found.sizes(), at::IntArrayRef({2, 4, 8}));
  EXPECT_TRUE(encoder->forward(sound_of(audio)).frames->class_token);
  const auto padded = at::constant_pad_nd(audio, {0, 1});  // to three patches of three frames
  std::vector<at::Tensor> tokens = {encoder->class_token.squeeze(0).expand({2, 8})};
  for (int64_t i = 0; i < 3; ++i) {
    at::Tensor patch;
    for (int64_t t = 0; t < 3; ++t) {
      const auto frame = padded.select(2, 3 * i + t);  // (B, bands)
      patch = patch.defined() ? at::cat({patch, frame}, 1) : frame;
    }
    tokens.push_back(patch.matmul(encoder->linear->weight.t()) + encoder->linear->bias);
  }
  const auto x = at::stack(tokens, 1) + encoder->position->table.narrow(0, 0, 4);
  EXPECT_LT((found - at::layer_norm(x, {8})).abs().max().item<double>(), 1e-5);
}

TEST(AudioEncoder, RefusesWhatDoesNotFit) {
  auto encoder = small_encoder(1);
  EXPECT_EQ(encoder->max_positions(), 5);
  EXPECT_THROW(encoder->forward(sound_of(at::zeros({1, 4, 10}))), UsageError);
  EXPECT_THROW(encoder->forward(sound_of(at::zeros({1, 3, 11}))), UsageError);
  EXPECT_THROW(encoder->forward(sound_of(at::zeros({1, 3, 0}))), UsageError);
  EXPECT_THROW(encoder->forward(sound_of(at::zeros({1, 3, 10}, at::kLong))), UsageError);
  EXPECT_THROW(encoder->forward({{}, at::zeros({1}, at::kLong)}), UsageError);
  AudioEncoderOptions options;
  options.width = 10;
  EXPECT_THROW(AudioEncoder(options, AudioShape{3, 10}), ModelError);
  options = {};
  options.subsampling = 3;
  EXPECT_THROW(AudioEncoder(options, AudioShape{3, 10}), ModelError);
  options = {};
  options.attention = Attention::parse("learned_2d; num_heads=4");
  EXPECT_THROW(AudioEncoder(options, AudioShape{3, 10}), ModelError);
}

TransformerOptions small_writer(int64_t encoder_layers) {
  auto options = TransformerOptions()
                     .encoder_layers(encoder_layers)
                     .decoder_layers(2)
                     .width(16)
                     .hidden(24)
                     .norm(nn::Norm::pre)
                     .encoder_attention(Attention::parse("sinusoidal; num_heads=2"))
                     .decoder_attention(Attention::parse("sinusoidal; causal; num_heads=2"))
                     .cross_attention(Attention::parse("num_heads=2"));
  return options.from_encoder(encoder_layers == 0);
}

/// A model with an encoder of its own, and one with the same decoder that is given what it makes.
class FromEncoder : public testing::Test {
 protected:
  FromEncoder() {
    torch::manual_seed(3);
    whole_ = Transformer(small_writer(1), 12, 9);
    writer_ = Transformer(small_writer(0), 12);
    const at::NoGradGuard no_grad;
    const auto theirs = whole_->named_parameters();
    for (auto& parameter : writer_->named_parameters())
      parameter.value().copy_(theirs[parameter.key()]);
    whole_->eval(), writer_->eval();
    const SourceBatch read{at::randint(0, 9, {3, 6}, at::kLong), at::tensor({6, 4, 1}, at::kLong)};
    source_ = read;
    given_ = {.lengths = read.lengths, .states = whole_->encode(read)};
  }
  Transformer whole_{nullptr}, writer_{nullptr};
  SourceBatch source_, given_;
};

TEST_F(FromEncoder, WritesAsTheModelWithThatEncoder) {
  const at::NoGradGuard no_grad;
  const auto target = at::randint(0, 12, {3, 5}, at::kLong);
  EXPECT_TRUE(writer_->hidden(given_, target).equal(whole_->hidden(source_, target)));
  std::vector<std::vector<int64_t>> lines;
  for (int64_t b = 0; b < 3; ++b) {
    const auto row = source_.tokens[b].contiguous();
    lines.emplace_back(row.data_ptr<int64_t>(),
                       row.data_ptr<int64_t>() + source_.lengths[b].item<int64_t>());
  }
  for (const int64_t beams : {1, 3}) {
    const auto options = GenerateOptions().beam_size(beams).max_length(6).batch(2);
    const auto expected = generate({whole_.ptr()}, lines, options);
    const auto found = generate_from_states({writer_.ptr()}, given_, options);
    for (size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(found[b].front().tokens, expected[b].front().tokens);
      EXPECT_NEAR(found[b].front().log_probability, expected[b].front().log_probability, 1e-4);
    }
  }
  const std::vector<std::vector<int64_t>> targets = {{4, 5, 6}, {7}, {}};
  const auto scores = score({whole_.ptr()}, lines, targets, GenerateOptions());
  const auto ours = score_from_states({writer_.ptr()}, given_, targets, GenerateOptions());
  for (size_t b = 0; b < 3; ++b) {
    ASSERT_EQ(ours[b].size(), targets[b].size() + 1);
    for (size_t i = 0; i < ours[b].size(); ++i) EXPECT_NEAR(ours[b][i], scores[b][i], 1e-4);
  }
}

TEST_F(FromEncoder, RefusesWhatDoesNotFit) {
  const auto target = at::zeros({3, 2}, at::kLong);
  EXPECT_THROW(writer_->hidden(source_, target), UsageError);
  EXPECT_THROW(writer_->hidden({}, target), UsageError);
  EXPECT_THROW(whole_->hidden(given_, target), UsageError);
  EXPECT_THROW(writer_->hidden({.lengths = given_.lengths, .states = at::zeros({3, 6, 8})}, target),
               UsageError);
  EXPECT_THROW(writer_->hidden({.states = given_.states}, target), UsageError);
  EXPECT_THROW(writer_->hidden(given_, at::zeros({2, 2}, at::kLong)), UsageError);
  EXPECT_THROW(generate({writer_.ptr()}, {{1, 2}}, GenerateOptions()), UsageError);
  EXPECT_THROW(generate_from_states({writer_.ptr()}, source_, GenerateOptions()), UsageError);
  EXPECT_THROW(Transformer(small_writer(1).from_encoder(true), 12, 9), ModelError);
  EXPECT_THROW(Transformer(small_writer(0).memory(4), 12), ModelError);
}

}  // namespace
}  // namespace heed
