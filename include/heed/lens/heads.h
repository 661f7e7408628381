// What single heads and layers do for an answer.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "heed/nn/probe.h"
#include "heed/nn/recording.h"
#include "heed/tasks/question.h"

namespace heed::lens {

/// A number for each head of each attention, or for each block.
struct HeadScores {
  std::vector<std::string>
      layers;                      ///< paths of attentions, or "layer 1"; in the order of the calls
  std::vector<at::Tensor> values;  ///< of each (H) float64; of blocks (1)
  std::string aim;
  double whole = 0;  ///< the value of the model as it is
};

/// |sum_i,e heads_ie dvalue / dheads_ie| of each head: how fast the value moves as a gate on the head closes (Michel et al.
/// 2019, "Are Sixteen Heads Really Better than One?"). Of several examples the mean. Cost: 3 forward passes an example.
HeadScores head_importance(const std::vector<Question>& examples);

/// What a head or block that is taken out leaves.
enum class Ablation {
  zero,      ///< nothing: a head adds nothing, a block passes on what it got
  mean,      ///< the mean over tokens of all examples of what it gave
  resample,  ///< what it gave a token that is drawn from all examples
};
constexpr std::array<const char*, 3> words(Ablation) { return {"zero", "mean", "resample"}; }

struct AblationOptions {
  Ablation by = Ablation::zero;
  uint64_t seed = 1;  ///< of resample
};

/// The change of the value, without it minus with it, the mean over examples. `heads`: each head alone; otherwise each
/// Transformer block alone. Cost: a forward pass for each head and example, in batches.
HeadScores ablate_heads(const std::vector<Question>& examples, const AblationOptions& options = {});
HeadScores ablate_layers(const std::vector<Question>& examples,
                         const AblationOptions& options = {});

/// While one lives, these heads of a model add nothing: by the paths of their attentions in it, numbers from 0.
class AblatedHeads : public nn::Probe {
 public:
  AblatedHeads(const torch::nn::Module& model, std::map<std::string, std::vector<int64_t>> heads)
      : paths_(model), heads_(std::move(heads)) {}
  at::Tensor attended(const nn::AttentionCall& call, const at::Tensor& heads) override;

 private:
  nn::MapPaths paths_;
  std::map<std::string, std::vector<int64_t>> heads_;
};

/// What is carried from one input to another.
enum class Patch {
  stream,  ///< what a block gave one token
  heads,   ///< what a head read
  queries,
  keys,
  values,
  patterns,  ///< the weights of a head: its queries and keys
};
constexpr std::array<const char*, 6> words(Patch) {
  return {"stream", "heads", "queries", "keys", "values", "patterns"};
}

/// Activation patching (Vig et al. 2020; Meng et al. 2022): the model reads `other` while one thing at a time is what it is
/// for `example`, and the share of the difference that comes back is
///
///   (value(other, patched) - value(other)) / (value(example) - value(other)).
struct Patched {
  std::vector<std::string> rows;     ///< blocks or attentions
  std::vector<std::string> columns;  ///< tokens of stream, "head 1" of the others
  at::Tensor shares;                 ///< (rows, columns) float64; NaN where a row has fewer heads
  std::string aim;
  double whole = 0, other = 0;  ///< value of example and other
};

/// Throws UsageError where the two have other numbers of tokens, or values that do not differ. Cost: a forward pass for each
/// share, in batches.
Patched patch(const Question& example, const Question& other, Patch what);

}  // namespace heed::lens
