// The Transformer: an encoder that reads and a decoder that writes, or a decoder alone.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <memory>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/sequence_model.h"
#include "heed/nn/choices.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"
#include "heed/nn/segment_memory.h"
#include "heed/nn/transformer_block.h"
#include "heed/nn/transformer_decoder_block.h"

namespace heed {

enum class TransformerPreset { base, small, gpt };
constexpr std::array<const char*, 3> words(TransformerPreset) { return {"base", "small", "gpt"}; }

/// The [model] table of a recipe. Presets set everything but dropout:
///
///   base   6 + 6 layers of width 512, hidden 2048, 8 heads, post-norm, sinusoidal positions
///          (Vaswani et al. 2017, table 3)
///   small  3 + 3 layers of width 256, hidden 1024, 8 heads, pre-norm: for corpora of some 100 000
///          sentences and machines without an accelerator
///   gpt    no encoder, 6 layers of width 384, hidden 1536, 6 heads, pre-norm, learned positions of
///          256 tokens, GELU, no biases, embeddings not scaled (Radford et al. 2019)
struct TransformerOptions {
  TORCH_ARG(int64_t, encoder_layers) = 6;  ///< 0: a decoder alone, a language model
  TORCH_ARG(bool,
            from_encoder) = false;  ///< writes from the states of an encoder that is not its own
  TORCH_ARG(int64_t, decoder_layers) = 6;
  TORCH_ARG(int64_t, width) = 512;    ///< M
  TORCH_ARG(int64_t, hidden) = 2048;  ///< F
  TORCH_ARG(nn::Norm, norm) = nn::Norm::post;
  TORCH_ARG(nn::Activation, activation) = nn::Activation::relu;
  TORCH_ARG(double, dropout) = 0.1;
  TORCH_ARG(nn::Tied, tied) = nn::Tied::decoder;
  TORCH_ARG(bool, scale_embeddings) = true;
  TORCH_ARG(bool, bias) = true;
  TORCH_ARG(bool, output_bias) = false;
  TORCH_ARG(Attention, encoder_attention) = Attention::parse("sinusoidal; num_heads=8");
  TORCH_ARG(Attention, decoder_attention) = Attention::parse("sinusoidal; causal; num_heads=8");
  TORCH_ARG(Attention, cross_attention) = Attention::parse("num_heads=8");
  TORCH_ARG(int64_t, memory) = 0;             ///< tokens; of a decoder alone
  TORCH_ARG(std::vector<int64_t>, lookback);  ///< tokens before, of the target
  TORCH_ARG(nn::BlockParts, parts);
  TORCH_ARG(std::vector<int64_t>, local_layers);  ///< of the decoder, which attend by
  TORCH_ARG(Attention, local_attention);
  TORCH_ARG(bool, shared_position) = false;
  TORCH_ARG(double, output_scale) = 1;
  TORCH_ARG(double, output_softcap) = 0;
  TORCH_ARG(int64_t, max_positions) = 0;  ///< of a target whose position has no table; 0: any

 public:
  TransformerOptions& preset(TransformerPreset preset);
  TransformerPreset preset() const { return preset_; }
  /// Whether it writes from a source.
  bool has_source() const { return encoder_layers() > 0 || from_encoder(); }

  template <class Visitor>
  void fields(Visitor&& v) {
    TransformerPreset start = preset_;
    v("preset", start, "what the fields below start from");
    if (start != preset_) preset(start);
    v("encoder_layers", encoder_layers(), "0: a decoder alone, which is a language model",
      between(0, kMostLayers));
    if (encoder_layers() == 0)
      v("from_encoder", from_encoder(),
        "whether it writes from what [encoder] gives, to which cross_attention attends");
    v("decoder_layers", decoder_layers(), "blocks of the decoder", between(1, kMostLayers));
    v("width", width(), "channels of a token; a multiple of every attention's num_heads",
      between(1, kMostChannels));
    v("hidden", hidden(), "channels inside a block's feed-forward part", between(1, kMostChannels));
    v("norm", norm(),
      "where a block normalises: pre, post, or sandwich: before and after a branch");
    v("activation", activation(), "of feed-forward parts");
    parts().fields(v);
    v("dropout", dropout(), "of embeddings, branches and hidden values", from_to_below(0, 1));
    v("tied", tied(),
      "which embeddings are one matrix. none; decoder: the target's and the output's; all: the "
      "source's too, for one vocabulary; embeddings: the source's and the target's");
    v("scale_embeddings", scale_embeddings(), "whether embeddings are multiplied by sqrt(width)");
    v("bias", bias(),
      "whether linear layers and normalisations have a bias; false: `biases` is none");
    v("output_bias", output_bias(), "whether the logits have a bias");
    v("output_scale", output_scale(),
      "what the decoder's output is multiplied by before the logits", above(0, 1e6));
    v("output_softcap", output_softcap(), "c of c tanh(logits / c); 0: logits as they are",
      between(0, 1e6));
    if (encoder_layers() > 0)
      v("encoder_attention", encoder_attention(), "of the source to itself; key_lengths is added");
    v("decoder_attention", decoder_attention(), "of the target to itself; causal is added");
    v("local_layers", local_layers(),
      "blocks of the decoder, from 0, that attend by `local_attention`", between(0, kMostLayers));
    if (!local_layers().empty())
      v("local_attention", local_attention(),
        "of the target to itself in local layers; causal is added");
    v("lookback", lookback(),
      "tokens of the target so many places before are embedded, too, each place by a table of its "
      "own, and added: of an image in rows of 7 patches [1, 6] are the patches before and above",
      between(1, kMostLength));
    v("shared_position", shared_position(),
      "whether what the position learns in a stack's first block serves all of its blocks");
    if (has_source())
      v("cross_attention", cross_attention(), "of the target to the source; key_lengths is added");
    v("max_positions", max_positions(),
      "tokens of the longest target, where its position has no table; 0: any number",
      between(0, kMostLength));
    if (!has_source())
      v("memory", memory(),
        "tokens before a window that each layer remembers (Transformer-XL); 0: none",
        between(0, kMostLength));
  }

 private:
  TransformerPreset preset_ = TransformerPreset::base;
};

/// With E_s, E_t the embeddings (V, M), P the additive positions of an attention value (the others
/// act in its blocks), s = sqrt(M) or 1:
///
///   z = encoder(dropout(s E_s[source] + P)),  h = decoder(dropout(s E_t[target] + P), z)
///   logits = output_scale h W^T (+ b), through output_softcap tanh(logits / output_softcap)
///
/// With `lookback` o_1, o_2, ... the target's embedding is E_t[y_t] + sum_i L_i[y_(t - o_i)], L_i (V, M), places before the
/// first token adding nothing: what stood near is known without attention.
///
/// Pre-norm and sandwich end both stacks with a normalisation of their own. `tied`: decoder W = E_t, all W = E_t
/// = E_s, embeddings E_t = E_s. Padding of the source is hidden by its lengths; an empty source is one that nothing is
/// seen of. Keys and values of the source are projected once, at start().
///
/// With `from_encoder` z is given as SourceBatch::states, of width M, and there is no encoder here.
///
/// With `memory` n hidden() goes on where the last one ended, until reset_state(): every layer sees
/// the n states before the window, without gradient (Dai et al. 2019; nn::SegmentMemory). Positions
/// must then go by distance. Steps keep all of their own sequence.
///
/// Embeddings start from a normal of M^-0.5, matrices as Xavier uniform, biases at zero, drawn from
/// LibTorch's generator. Parameters, those in brackets where there are such: [source_embedding (Vs,
/// M)], [source_position.*], [encoder.I.*], [encoder_norm.*], target_embedding (V, M),
/// [target_position.*], [lookback_embedding_O (V, M)], decoder.I.*, [decoder_norm.*], [output (V, M)], [output_bias (V)]. An
/// encoder's blocks and those of a decoder alone are nn::TransformerBlock, the others
/// nn::TransformerDecoderBlock.
///
/// A target of more tokens than max_positions() is a UsageError with both counts.
///
/// Throws ModelError that names the field where options do not fit each other or the vocabularies.
class TransformerImpl : public nn::Remade<TransformerImpl, SequenceModel> {
 public:
  /// source_vocabulary: 0 without an encoder of its own.
  TransformerImpl(const TransformerOptions& options, int64_t vocabulary,
                  int64_t source_vocabulary = 0);

  at::Tensor hidden(const SourceBatch& source, const at::Tensor& target) override;
  std::unique_ptr<DecoderState> start(const SourceBatch& source, int64_t rows = 1) override;
  at::Tensor step(const at::Tensor& tokens, DecoderState& state) override;
  at::Tensor output_weight() const override;
  at::Tensor output_bias() const override { return output_bias_; }
  double output_softcap() const override { return options.output_softcap(); }
  bool has_encoder() const override { return options.has_source(); }
  int64_t vocabulary() const override { return vocabulary_; }
  int64_t source_vocabulary() const override { return source_vocabulary_; }
  int64_t max_positions() const override;
  bool is_stateful() const override { return options.memory() > 0; }
  void reset_state() override;

  std::shared_ptr<TransformerImpl> remade() const;

  /// What the encoder gives, (B, Ls, M); with `from_encoder` the states as they are.
  at::Tensor encode(const SourceBatch& source);

  TransformerOptions options;
  /// (Vs, M), (V, M), (V, M); undefined where they are not their own.
  at::Tensor source_embedding, target_embedding, output;
  std::vector<at::Tensor> lookback_embeddings;  ///< (V, M) each, as options.lookback() names them
  nn::AdditivePosition source_position{nullptr}, target_position{nullptr};
  BlockStack encoder;
  torch::nn::ModuleList decoder{nullptr};
  nn::RowNorm decoder_norm{nullptr};

 private:
  void make_embeddings();
  void make_stacks();
  at::Tensor placed(const at::Tensor& embedded, nn::AdditivePosition& position, int64_t first);
  at::Tensor embed_source(const at::Tensor& ids);
  at::Tensor embed_target(const at::Tensor& ids, const at::Tensor& before, int64_t first);
  at::Tensor look_back(const at::Tensor& ids, int64_t length);
  at::Tensor decode(const at::Tensor& x, const at::Tensor& z, const SourceBatch& source);
  at::Tensor finished(const at::Tensor& y);
  void check_source(const SourceBatch& source, int64_t rows) const;
  bool has_own_encoder() const { return options.encoder_layers() > 0; }

  int64_t vocabulary_, source_vocabulary_;
  at::Tensor output_bias_;
  std::unique_ptr<nn::SegmentMemory> memory_;
};
TORCH_MODULE(Transformer);

}  // namespace heed
