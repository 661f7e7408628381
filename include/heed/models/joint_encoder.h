// Several inputs at once: their tokens side by side, looking at each other's, or each by itself.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

enum class JoinType { concat, cross, apart };
constexpr std::array<const char*, 3> words(JoinType) { return {"concat", "cross", "apart"}; }

/// The [encoder] table of a recipe for several inputs.
struct JointEncoderOptions : BlockStackOptions {
  JoinType join = JoinType::concat;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("join", join,
      "concat: one sequence of all tokens; cross: tokens of an input look at those of the others; "
      "apart: none looks at another input's, for vectors that are compared");
    if (join == JoinType::apart)
      v("width", width, "channels of a token of each input", between(1, kMostChannels));
    else
      BlockStackOptions::fields(v);
  }
};

/// Named encoders and what joins their tokens. Batch: the tensors of input NAME are called
/// NAME.tokens, NAME.lengths, ... x_i (B, L_i, M_i) are the tokens of encoder i, through a linear
/// layer where M_i is not M.
///
/// concat: z = [x_1 + e_1; x_2 + e_2; ...] with e_i a learned vector (M), real tokens first, the
/// additive position of the attention, dropout and blocks.
///
/// cross: `layers` times, for each two inputs i < j in turn, nn::CrossModalAttention of x_i and x_j
/// (Lu et al. 2019); with pre-norm a normalisation; then [x_1; x_2; ...], real tokens first.
///
/// apart: [x_1; x_2; ...], real tokens first: two towers (Radford et al. 2021). A batch may lack inputs, but not
/// all of them.
///
/// -> states (B, L, M) with L = sum L_i, lengths where an input has some, and extra: `input` (B, L)
/// int64, the number of the input that a token comes from, and what the encoders give as NAME.key.
/// Parameters: inputs.NAME.*, [projections.NAME.*], input_embedding (inputs, M), [position.*],
/// layers.I.*, [norm.*]; cross: crossings.I.J.* of layer I and pair J, [norm.*]. Throws ModelError
/// that names the field where options do not fit each other.
class JointEncoderImpl : public nn::Remade<JointEncoderImpl, Encoder> {
 public:
  using Inputs = std::vector<std::pair<std::string, EncoderPtr>>;

  JointEncoderImpl(const JointEncoderOptions& options, Inputs inputs);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  /// Inputs are cloned, too.
  std::shared_ptr<JointEncoderImpl> remade() const;

  JointEncoderOptions options;
  Inputs inputs;
  at::Tensor input_embedding;  ///< (inputs, M); of concat only, as position and blocks
  torch::nn::ModuleList crossings{nullptr};  ///< of cross only
  nn::RowNorm norm{nullptr};                 ///< of cross only
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  void check() const;
  void make_inputs();
  void make_joining();
  void make_crossings();
  /// Numbers of the inputs whose tensors a batch has.
  std::vector<int64_t> given_inputs(const Batch& batch) const;
  std::vector<Tokens> read(const Batch& batch, const std::vector<int64_t>& numbers);
  void cross(std::vector<Tokens>& parts);

  std::vector<torch::nn::Linear> projections_;  ///< one per input; null where the width fits
};
TORCH_MODULE(JointEncoder);

}  // namespace heed
