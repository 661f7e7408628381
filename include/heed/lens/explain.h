// Which tokens of an input moved a model's answer, by any of the field's methods.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "heed/tasks/question.h"

namespace heed::lens {

/// How parts of an input are weighed. `r` are the tokens' shares in the head's reading: with s_i what the last block gives
/// token i, r_i = |d value / d s_i| / sum_k |d value / d s_k|; of a class token 1, of a mean 1 / L. A_l is the map of layer
/// l, of H heads.
enum class Method {
  raw,  ///< A_L^T r of one layer (the last one unless named), the mean of its heads or one of them
  averaged,     ///< the mean of that over all layers
  rollout,      ///< prod_l (1/2 I + 1/2 mean_h A_l)^T r (Abnar & Zuidema 2020)
  relevance,    ///< prod_l (I + mean_h max(0, A_l * dvalue/dA_l))^T r (Chefer et al. 2021)
  value_norms,  ///< the mean over layers of N_l^T r, N_ij = |sum_h A_ij f_h(v_j)|, rows to 1 (Kobayashi et al. 2020)
  input_gradient,        ///< sum_m (x - b)_m dvalue/dx_m (Shrikumar et al. 2016)
  integrated_gradients,  ///< its mean over the way from b to x (Sundararajan et al. 2017)
  value_zeroing,  ///< prod_l C_l^T r, C_ij = 1 - cos of row i with and without v_j, rows to 1 (Mohebbi et al. 2023)
  shapley,  ///< the mean over orders of what a part adds (Shapley 1953; Castro et al. 2009)
  owen,     ///< the same over orders in which sentences stay together (Owen 1977)
};
constexpr std::array<const char*, 10> words(Method) {
  return {"raw",
          "averaged",
          "rollout",
          "relevance",
          "value_norms",
          "input_gradient",
          "integrated_gradients",
          "value_zeroing",
          "shapley",
          "owen"};
}

/// What a token that is taken out leaves: its vector, before positions are added, becomes b.
enum class Baseline {
  zero,     ///< no vector
  mean,     ///< the mean vector of the input's tokens
  padding,  ///< that of the piece of padding; of texts
  unknown,  ///< that of the unknown piece; of texts
};
constexpr std::array<const char*, 4> words(Baseline) {
  return {"zero", "mean", "padding", "unknown"};
}

/// What is taken out together.
enum class Unit { token, word, sentence, second };
constexpr std::array<const char*, 4> words(Unit) { return {"token", "word", "sentence", "second"}; }

struct ExplainOptions {
  Method method = Method::integrated_gradients;
  Baseline baseline = Baseline::zero;
  Unit unit = Unit::word;  ///< of shapley and owen
  int64_t layer = 0;       ///< of raw and value_norms, from 1; 0: the last, or all
  int64_t head = 0;        ///< of raw, from 1; 0: the mean
  int64_t steps = 50;      ///< of integrated_gradients: nodes of Gauss and Legendre's rule
  int64_t budget = 2000;   ///< of shapley and owen: inputs that the model is asked about at most
  uint64_t seed = 1;       ///< of their orders
};

/// A number for each token of an example.
struct Attribution {
  Method method;
  std::string aim;                 ///< what was explained: "the logit of 'sports'"
  bool is_signed = false;          ///< whether a number below 0 speaks against the answer
  std::vector<TokenPlace> tokens;  ///< n
  at::Tensor values;               ///< (n) float64
  at::Tensor errors = {};  ///< (n) float64: standard errors; undefined where nothing is drawn
  /// The part that a token belongs to, -1: always there; empty: each is its own. The tokens of a part have equal numbers,
  /// whose sum is the part's.
  std::vector<int64_t> group_of = {};
  double whole = 0;  ///< the value of the whole input
  double empty = 0;  ///< of the baselines alone; NaN where the method asks for none
  /// Of methods that are complete: |sum of values - (whole - empty)| / max(|whole - empty|, 1e-12). NaN of others.
  double gap = 0;
};

/// Runs the model on the question's example and says how much each token counts. Special tokens keep their vectors, are no
/// parts, and have the number 0 with shapley and owen. Tokens are those that the encoder reads, then those that a decoder
/// reads. Gradients are those of the model as it is, not of its packed copy.
///
/// Costs, in forward passes: raw, averaged, rollout, value_norms 1; input_gradient, relevance 3; integrated_gradients 3
/// steps; shapley and owen budget, in batches; value_zeroing one pass of each block for each token. Memory is that of the
/// batches and O(L): no map is stored whole. (value_zeroing wants C whole, L x L a layer, and at most 4,096 tokens.)
///
/// Throws UsageError for an option that the method ignores and is not its default, a layer or head that there is not, and
/// for what a model has not: Transformer blocks in one chain, or an encoder and decoder, for raw to relevance and
/// value_norms; an encoder's chain for value_zeroing; text for padding, unknown and sentence; a recording for second.
Attribution explain(const Question& question, const ExplainOptions& options = {});

/// The formula of a method in a line, and its source.
struct MethodText {
  const char* formula;
  const char* source;
};
MethodText text_of_method(Method method);
bool is_signed(Method method);

}  // namespace heed::lens
