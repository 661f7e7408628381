// An example that is asked about again and again, with other vectors for its tokens.
#pragma once

#include <functional>
#include <vector>

#include "heed/lens/explain.h"
#include "heed/nn/probe.h"

namespace heed::lens {

/// Gives a model vectors in place of those of its tokens: one tensor a call of Probe::embedded, in their order.
class Replaced : public nn::Probe {
 public:
  explicit Replaced(std::vector<at::Tensor> vectors) : vectors_(std::move(vectors)) {}
  at::Tensor embedded(const at::Tensor& x) override;

 private:
  std::vector<at::Tensor> vectors_;
  size_t next_ = 0;
};

/// Value and share of several inputs, (N) float64; share is the value where the answer has none.
struct Answers {
  at::Tensor value, share;
};

class Reader {
 public:
  Reader(const Question& question, Baseline baseline);

  const Question& question() const { return question_; }
  int64_t size() const { return std::ssize(tokens_); }  ///< n
  const std::vector<TokenPlace>& tokens() const { return tokens_; }
  /// The vectors of the example and what they become where a token is taken out, one (R, L, M) a place.
  const std::vector<at::Tensor>& vectors() const { return vectors_; }
  const std::vector<at::Tensor>& baselines() const { return baselines_; }

  /// What the model answers where tokens are kept (1), taken out (0) or in between: kept (N, n) float64.
  Answers answers(const at::Tensor& kept) const;
  /// The same where each number of a token's vector is kept or not: `kept` of the tokens (N, n) are probabilities.
  Answers drawn_answers(const at::Tensor& kept, uint64_t seed) const;
  /// sum_m g_m (x - b)_m of each token, (n) float64, for gradients g as vectors() are.
  at::Tensor along(const std::vector<at::Tensor>& gradients) const;
  /// A number a token for what has one for each of a place's R x L rows.
  at::Tensor joined(const std::vector<at::Tensor>& of_places) const;
  /// Copies of the example with vectors that need gradients: b + share (x - b), `shares` one a copy.
  std::vector<at::Tensor> between(const std::vector<double>& shares) const;
  /// Copies of the example that are asked about at once.
  int64_t together() const;

 private:
  using Mix = std::function<at::Tensor(const at::Tensor& kept, const at::Tensor& x,
                                       const at::Tensor& baseline)>;
  Answers asked(const at::Tensor& kept, const Mix& mix) const;
  void find_vectors();
  void find_baselines(Baseline baseline);
  void name_tokens();

  const Question& question_;
  std::vector<at::Tensor> vectors_, baselines_;
  std::vector<TokenPlace> tokens_;
};

/// "row 2, column 3" of a grid's places, and what else has no text.
std::vector<TokenPlace> unnamed_tokens(int64_t count, const std::optional<TokenGrid>& grid);

}  // namespace heed::lens
