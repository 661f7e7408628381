// What translates, answers or writes: a model that gives each next token of a sequence logits.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

namespace heed {

namespace nn {
class PackedWeights;
}

/// What is read: the sequences of the model's own encoder, or the states that another has made. A
/// model without a source takes all undefined.
struct SourceBatch {
  at::Tensor tokens = {};   ///< (B, Ls) int64, padded with anything behind its length
  at::Tensor lengths = {};  ///< (B) int64, 0 to Ls
  at::Tensor states = {};   ///< (B, Ls, M) of the model's dtype, in place of tokens

  bool defined() const { return tokens.defined() || states.defined(); }
};

/// What a model keeps of B sequences that grow by steps. A row is one sequence.
class DecoderState {
 public:
  virtual ~DecoderState() = default;

  /// Row b becomes a copy of row index[b], (B') int64, on the CPU: beams that live on, in any order
  /// and number. Rows that nothing names are gone. What belongs to a source is shared by its rows,
  /// and is never copied as long as rows of one source stay beside each other, equally many a
  /// source.
  virtual void reorder(const at::Tensor& index) = 0;

  virtual int64_t batch() const = 0;   ///< B
  virtual int64_t length() const = 0;  ///< tokens given to steps so far
};

/// A model of sequences over V tokens, with hidden states of width M:
///
///   p(y_t | y_<t, source) = softmax(project(hidden)_t)
///
/// hidden() is for training (teacher forcing), start() and step() for decoding, without gradient.
/// In eval() steps give what hidden() gives, however the target is cut; and step() and start() give
/// a row the same bits in whatever batch it is, beside whatever rows and padding.
///
/// Steps multiply by weights in an order of their own. That copy, as large as the weights, is made
/// when one is first met, again when an operator has changed it, and is dropped by train(). Who
/// writes to a weight through its data_ptr(), or to an inference tensor, calls train() and eval()
/// before the next step.
class SequenceModel : public torch::nn::Module {
 public:
  SequenceModel();

  void train(bool on = true) override;

  /// target (B, Lt) int64: <s> y_1 ... -> (B, Lt, M), of which row t predicts y_(t+1). What stands
  /// behind a target's end has no influence on what stands before. Throws UsageError for tensors of
  /// another shape, a source given to a model without an encoder or missing to one with it, and
  /// tokens that are not in the vocabulary.
  virtual at::Tensor hidden(const SourceBatch& source, const at::Tensor& target) = 0;

  /// hidden (..., M) -> logits (..., V) = x = hidden output_weight()^T + output_bias(), or
  /// c tanh(x / c) with c = output_softcap() (Bello et al. 2017; Gemma 2, 2024).
  virtual at::Tensor project(const at::Tensor& hidden);
  /// The same of other rows of the weight and the bias: some of the V.
  at::Tensor project(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias);

  virtual at::Tensor output_weight() const = 0;          ///< (V, M)
  virtual at::Tensor output_bias() const { return {}; }  ///< (V) or undefined
  virtual double output_softcap() const { return 0; }    ///< 0: none

  /// Reads the sources; a row a source. `rows`: how many sequences begin in a model without an
  /// encoder.
  virtual std::unique_ptr<DecoderState> start(const SourceBatch& source, int64_t rows = 1) = 0;

  /// The next L tokens of every row, (B, L) int64 -> hidden (B, L, M) of these tokens. Throws what
  /// hidden() throws, and UsageError for a state of another model or another number of rows.
  virtual at::Tensor step(const at::Tensor& tokens, DecoderState& state) = 0;

  virtual bool has_encoder() const = 0;                    ///< whether it writes from a source
  virtual int64_t vocabulary() const = 0;                  ///< V, of the target
  virtual int64_t source_vocabulary() const { return 0; }  ///< 0: no encoder of its own
  virtual int64_t max_positions() const { return 0; }      ///< the longest target; 0: any length

  /// Whether a call of hidden() goes on where the last one ended (Transformer-XL's memory, a
  /// recurrent state), the batch's rows being the same texts: what a language model does with the
  /// windows of a long text. reset_state() begins other texts. Steps keep their own state.
  virtual bool is_stateful() const { return false; }
  virtual void reset_state() {}

 protected:
  std::shared_ptr<nn::PackedWeights> packed_;
};
using SequenceModelPtr = std::shared_ptr<SequenceModel>;

}  // namespace heed
