// Several models that take steps together: logits to log-probabilities.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "heed/models/generate.h"
#include "nn/linear.h"

namespace heed::models {

inline constexpr double kNever = -std::numeric_limits<double>::infinity();

/// Rows of what may come next: log p(choice j of row i) = values[i, j] - shift[i].
struct NextTokens {
  at::Tensor values;          ///< (rows, choices) float32 or float64
  at::Tensor largest;         ///< (rows, blocks): of each kernels::kNeighbours choices
  std::vector<double> shift;  ///< a row

  explicit NextTokens(const at::Tensor& logits);

  int64_t choices() const { return values.size(1); }
  double log_probability(int64_t row, int64_t choice) const;
  void set(int64_t row, int64_t choice, double value);
  void forbid(int64_t row, int64_t choice) { set(row, choice, kNever); }
  /// These are certain, and nothing else is possible; -1 is no choice.
  void force(int64_t row, const std::vector<int64_t>& choices);
};

/// The tokens that an output matrix is multiplied with: choice j is token ids[j], or j.
class Choices {
 public:
  Choices(const GenerateOptions& options, int64_t vocabulary);

  int64_t token(int64_t choice) const;
  int64_t of(int64_t token) const;  ///< -1: not among them
  bool all() const { return ids_.empty(); }
  const std::vector<int64_t>& ids() const { return ids_; }

 private:
  std::vector<int64_t> ids_;  ///< rising; empty: all
};

/// The models of an ensemble, with their output matrices cut to the choices.
class Ensemble {
 public:
  Ensemble(const std::vector<SequenceModelPtr>& models, const GenerateOptions& options);

  const Choices& choices() const { return choices_; }
  bool has_encoder() const { return models_.front()->has_encoder(); }
  int64_t max_positions() const;  ///< of the model that takes least; 0: any length
  int64_t vocabulary() const { return models_.front()->vocabulary(); }

  using States = std::vector<std::unique_ptr<DecoderState>>;
  States start(const SourceBatch& source, int64_t rows) const;
  static void reorder(States& states, const std::vector<int64_t>& index);

  /// The hidden states of the next L tokens per row, (rows, L), a model each.
  std::vector<at::Tensor> step(States& states, const at::Tensor& tokens) const;
  /// What comes after token `place` of such steps. `seen(i)`: the tokens of row i so far, for the
  /// repetition penalty. Throws ModelError for NaN and infinity, naming name(i).
  using Seen = std::function<std::span<const int64_t>(int64_t row)>;
  using Name = std::function<std::string(int64_t row)>;
  NextTokens next(const std::vector<at::Tensor>& hidden, int64_t place, const Seen& seen,
                  const Name& name) const;
  /// The same of the logits (rows, choices) of one model; they are changed.
  NextTokens next_of_logits(at::Tensor logits, size_t model, const Seen& seen,
                            const Name& name) const;

 private:
  at::Tensor project_to_choices(size_t model, const at::Tensor& hidden) const;
  NextTokens of_model(size_t model, const at::Tensor& hidden, const Seen& seen,
                      const Name& name) const;
  /// The choices that were there, each once.
  std::vector<int64_t> choices_seen(std::span<const int64_t> seen) const;

  std::vector<SequenceModelPtr> models_;
  double repetition_penalty_;
  bool penalises_probabilities_;  ///< log-probabilities instead of logits
  int64_t seen_begin_;            ///< <s>, where it counts as seen; else -1
  Choices choices_;
  std::vector<at::Tensor> weights_, biases_;  ///< a model, where there is a shortlist
  mutable nn::PackedWeights packed_;          ///< of these, for all batches
};

/// The sources of a call: tokens a line, or the states of all lines.
struct Sources {
  std::vector<std::vector<int64_t>> tokens = {};
  SourceBatch given = {};

  bool empty() const { return tokens.empty() && !given.defined(); }
  int64_t size() const;
  std::vector<int64_t> lengths() const;
  SourceBatch batch(const std::vector<int64_t>& lines) const;
};

/// Padded; undefined tensors for lines without a source.
SourceBatch batch_of(const std::vector<std::vector<int64_t>>& source,
                     const std::vector<int64_t>& lines);

}  // namespace heed::models
