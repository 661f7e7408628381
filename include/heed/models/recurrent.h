// Recurrent networks that read and write, joined by attention.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/models/recurrent_stack.h"
#include "heed/models/sequence_model.h"
#include "heed/nn/choices.h"
#include "heed/nn/recording.h"
#include "heed/nn/remade.h"

namespace heed {

/// Where a step of the decoder looks at the source: before its cell (Bahdanau et al. 2015) or after
/// it (Luong et al. 2015).
enum class DecoderAttention { bahdanau, luong };
constexpr std::array<const char*, 2> words(DecoderAttention) { return {"bahdanau", "luong"}; }

/// The [model] table of a recipe. `attention_type` says which attention it begins with: additive
/// for bahdanau, general for luong.
struct RecurrentOptions {
  TORCH_ARG(RecurrentCell, cell) = RecurrentCell::lstm;
  TORCH_ARG(int64_t, encoder_layers) = 1;
  TORCH_ARG(int64_t, decoder_layers) = 1;
  TORCH_ARG(int64_t, width) = 512;    ///< M, even: half for each direction of the encoder
  TORCH_ARG(int64_t, embedding) = 0;  ///< E: channels of a token; 0: M
  TORCH_ARG(double, dropout) = 0.2;
  TORCH_ARG(nn::Tied, tied) = nn::Tied::decoder;
  TORCH_ARG(bool, input_feeding) = true;  ///< of luong
  TORCH_ARG(bool, output_bias) = true;
  TORCH_ARG(Attention, attention) = Attention::parse("general");

 public:
  /// Sets the attention, too.
  RecurrentOptions& attention_type(DecoderAttention type);
  DecoderAttention attention_type() const { return attention_type_; }
  int64_t embedding_width() const { return embedding() ? embedding() : width(); }

  template <class Visitor>
  void fields(Visitor&& v) {
    DecoderAttention type = attention_type_;
    v("attention_type", type, "bahdanau: attention before the cell; luong: after it");
    if (type != attention_type_) attention_type(type);
    v("cell", cell(), "of every layer");
    v("encoder_layers", encoder_layers(), "layers of both directions", between(1, kMostLayers));
    v("decoder_layers", decoder_layers(), "layers of the decoder", between(1, kMostLayers));
    v("width", width(),
      "channels of a state, an even number: half for each direction of the encoder",
      between(2, kMostChannels));
    v("embedding", embedding(), "channels of a token; 0: width", between(0, kMostChannels));
    v("dropout", dropout(), "of embeddings, between layers and before the logits",
      from_to_below(0, 1));
    v("tied", tied(),
      "which embeddings are one matrix. none; decoder: the target's and the output's; all: the "
      "source's too, for one vocabulary; embeddings: the source's and the target's");
    if (attention_type_ == DecoderAttention::luong)
      v("input_feeding", input_feeding(), "whether a step is told what the last one looked at");
    v("output_bias", output_bias(), "whether the logits have a bias");
    v("attention", attention(), "of the decoder's state to the source; key_lengths is added");
  }

 private:
  DecoderAttention attention_type_ = DecoderAttention::luong;
};

namespace models {

struct RecurrentState;
struct CellWeights;

/// A cell's parameters: the gates of one step are
///   given + extra input^T + h hidden^T,  given = x embedding^T + bias
/// for what every step knows before (x), what the step before made (extra) and the state h. Gates
/// of an LSTM (Hochreiter & Schmidhuber 1997) in the order i, f, o, g:
///   c' = sigmoid(f) c + sigmoid(i) tanh(g),  h' = sigmoid(o) tanh(c')
/// of a GRU (Cho et al. 2014) r, z, n, with a = given + extra input^T and b = h hidden^T:
///   h' = (1 - z) tanh(a_n + r (b_n + hidden_bias)) + z h,  r, z = sigmoid(a + b)
/// Weights start uniformly within M^-0.5, biases at 0 and an LSTM's f at 1.
class CellImpl : public nn::Remade<CellImpl> {
 public:
  CellImpl(RecurrentCell kind, int64_t width, int64_t known, int64_t extra);

  int64_t gates() const { return lstm ? 4 : 3; }
  std::shared_ptr<CellImpl> remade() const;

  bool lstm;
  /// (g M, X), (g M, F), (g M, M), (g M), and (M) of a GRU.
  at::Tensor embedding, input, hidden, bias, hidden_bias;
};
TORCH_MODULE(Cell);

/// Attention of single states to a source z (B, Ls, S), whose annotations themselves are the
/// values. Queries s Wq and keys z Wk + b are projected for most scores; `general` is the dot
/// product of s with keys z W^T; `dot` compares s with z; `location` and `uniform` look at no keys.
/// Keys are projected once per source.
class StateAttentionImpl : public nn::Remade<StateAttentionImpl>, public nn::MapSource {
 public:
  StateAttentionImpl(const Attention& how, int64_t width, int64_t source_width);

  at::Tensor keys(const at::Tensor& z);    ///< (B, H, Ls, D)
  at::Tensor values(const at::Tensor& z);  ///< (B, H, Ls, S / H), or all of S for merge=sum
  /// states (n each, M) of n sources, or (n, Lq, M) -> contexts of width S. `place`: the first
  /// query's among the keys.
  at::Tensor look(const at::Tensor& states, const at::Tensor& keys, const at::Tensor& values,
                  const at::Tensor& lengths, int64_t place);

  std::shared_ptr<StateAttentionImpl> remade() const;

  Attention attention;  ///< as it is computed: general has become dot
  torch::nn::Linear query{nullptr}, key{nullptr};
  std::map<std::string, at::Tensor> learned;

 private:
  int64_t score_width() const;
  Attention given_;
  int64_t width_, source_width_;
};
TORCH_MODULE(StateAttention);

}  // namespace models

/// An encoder of both directions, whose layers read what both directions of the layer below wrote,
/// and a decoder that looks at its annotations z_j = [forward_j; backward_j] (Ls, M):
///
///   bahdanau   c_t = look(s_(t-1))                                     (Bahdanau et al. 2015)
///              s_t = cell(E y_(t-1), c_t; s_(t-1))
///              hidden_t = maxout(Wr [s_t; E y_(t-1); c_t] + br), of width E: of each pair the
///              larger
///   luong      s_t = cell(E y_(t-1), hidden_(t-1); s_(t-1))               (Luong et al. 2015)
///              c_t = look(s_t)
///              hidden_t = tanh(Wr [c_t; s_t] + br), of width M; hidden_(t-1) by input_feeding
///
/// s is the top layer's state; the first layer gets the inputs, the others the state below. States
/// start from the last states m of both directions: h = tanh(Wb m + bb), an LSTM's c = W'b m + b'b.
/// (Bahdanau et al. take the backward direction alone, and s_(t-1) for hidden_t.) What stands
/// behind a source's length is not read by either direction. Without input_feeding all steps of
/// hidden() look at once. A recording gets one map a step, or that one.
///
/// Any attention that asks for no tensors beside lengths; a query's place is its step, so that
/// window(3, 3) is local attention around it.
///
/// Parameters: [source_embedding (Vs, E)], target_embedding (V, E), encoder.I.forward.*,
/// encoder.I.backward.*, bridge.I.*, decoder.I.*, attention.*, readout.*, [output (V, O)],
/// [output_bias (V)], O the width of hidden.
///
/// Throws ModelError that names the field where options do not fit each other or the vocabularies.
/// Cost: the products of a step for B rows, one step after the other; what embeddings give the
/// gates is one product for all steps.
class RecurrentImpl : public nn::Remade<RecurrentImpl, SequenceModel> {
 public:
  RecurrentImpl(const RecurrentOptions& options, int64_t vocabulary, int64_t source_vocabulary);

  at::Tensor hidden(const SourceBatch& source, const at::Tensor& target) override;
  std::unique_ptr<DecoderState> start(const SourceBatch& source, int64_t rows = 1) override;
  at::Tensor step(const at::Tensor& tokens, DecoderState& state) override;
  at::Tensor output_weight() const override;
  at::Tensor output_bias() const override { return output_bias_; }
  bool has_encoder() const override { return true; }
  int64_t vocabulary() const override { return vocabulary_; }
  int64_t source_vocabulary() const override { return source_vocabulary_; }
  std::shared_ptr<RecurrentImpl> remade() const;

  RecurrentOptions options;
  at::Tensor source_embedding, target_embedding, output;  ///< undefined where it is another's
  RecurrentStack encoder;
  torch::nn::ModuleList bridge{nullptr}, decoder{nullptr};
  models::StateAttention attention{nullptr};
  torch::nn::Linear readout{nullptr};

 private:
  using Weights = std::vector<models::CellWeights>;
  bool looks_first() const { return options.attention_type() == DecoderAttention::bahdanau; }
  void make_embeddings();
  void make_layers();
  at::Tensor embed(const at::Tensor& ids, const at::Tensor& table) const;
  at::Tensor dropped(const at::Tensor& x) const;
  std::unique_ptr<models::RecurrentState> read(const SourceBatch& source);
  void begin(models::RecurrentState& state, const at::Tensor& last);
  at::Tensor write(const at::Tensor& tokens, models::RecurrentState& state, bool together);
  void run_cells(const Weights& weights, const at::Tensor& given, const at::Tensor& extra,
                 models::RecurrentState& state);
  at::Tensor look(const at::Tensor& states, models::RecurrentState& state);
  at::Tensor write_bahdanau(const at::Tensor& x, const Weights& weights,
                            models::RecurrentState& state);
  at::Tensor write_luong(const at::Tensor& x, const Weights& weights,
                         models::RecurrentState& state);
  at::Tensor write_together(const at::Tensor& x, const Weights& weights,
                            models::RecurrentState& state);

  int64_t vocabulary_, source_vocabulary_;
  at::Tensor output_bias_;
};
TORCH_MODULE(Recurrent);

}  // namespace heed
