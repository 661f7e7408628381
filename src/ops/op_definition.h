// What a word of the vocabulary does: its declaration, its readable formula on tensors, and its
// stage in the tile pipeline. A word is one file src/ops/op_*.cc and one line in op_definitions.cc.
#pragma once

#include <limits>
#include <tuple>

#include "heed/ops/attention.h"
#include "heed/ops/op_kinds.h"
#include "heed/ops/score_mod.h"
#include "ops/call_context.h"
#include "ops/pipeline.h"

namespace heed::ops {

/// The score of what a mask hides.
inline constexpr double kHidden = -std::numeric_limits<double>::infinity();

/// A tensor (H, ...) that the word learns; its full name is "word.name".
struct Learned {
  std::string name;
  std::vector<int64_t> (*shape)(const OpSpec&, const kernels::Sizes&);
  bool (*present)(const OpSpec&) = [](const OpSpec&) { return true; };
  double (*mean)(const OpSpec&) = [](const OpSpec&) { return 0.0; };
  double (*std)(const kernels::Sizes&) = nullptr;  ///< null: 0
};

template <class T>
using MakeMask = std::unique_ptr<kernels::Mask<T>> (*)(const OpSpec&, const CallContext&);
template <class T>
using MakeModifier = std::unique_ptr<kernels::Modifier<T>> (*)(const OpSpec&, const Operands&);
template <class T>
using Build = void (*)(const OpSpec&, const Operands&, Pipeline<T>&);

/// Everything about one word; a kind uses the members that belong to it.
struct OpDefinition {
  OpKind kind;
  /// Throws UsageError with the reason when the op makes no sense in this attention.
  void (*check)(const OpSpec&, const Attention&) = nullptr;
  std::vector<Learned> learned = {};
  /// Throws UsageError where the sizes of a call do not fit the op.
  void (*check_sizes)(const OpSpec&, const CallContext&) = nullptr;

  // The formula.
  /// A score: q (b, h, r, D), k (b, h, c, D) -> (b, h, r, c).
  at::Tensor (*scores)(const OpSpec&, const CallContext&, const at::Tensor& q,
                       const at::Tensor& k) = nullptr;
  /// A position that acts in scores, with the queries and keys that they came from. Positions
  /// without it act on inputs or on q and k before attend: nn's modules apply them.
  at::Tensor (*place)(const OpSpec&, const CallContext&, const at::Tensor& q, const at::Tensor& k,
                      const at::Tensor& scores) = nullptr;
  /// What a position adds to out (b, h, r, E), the weights' average of the values, or out.
  at::Tensor (*accumulate)(const OpSpec&, const CallContext&, const at::Tensor& weights,
                           const at::Tensor& out) = nullptr;
  /// A modifier or mask: scores (b, h, r, c) -> the same shape.
  at::Tensor (*change)(const OpSpec&, const CallContext&, const at::Tensor& scores) = nullptr;
  /// A modifier that acts on weights too, of all heads together.
  at::Tensor (*mix)(const OpSpec&, const CallContext&, const at::Tensor& weights) = nullptr;
  /// A normalizer: scores -> weights (a row of -inf gives zeros); scores -> the two numbers per row
  /// (2, b, h, r) of attend_with_row_stats; from these the one of attend_with_logsumexp (b, h,
  /// r); and the weights again from scores and the two numbers.
  at::Tensor (*weights)(const OpSpec&, const CallContext&, const at::Tensor& scores) = nullptr;
  at::Tensor (*row_stats)(const OpSpec&, const CallContext&, const at::Tensor& scores) = nullptr;
  at::Tensor (*logsumexp)(const OpSpec&, const CallContext&, const at::Tensor& row_stats) = nullptr;
  at::Tensor (*weights_from_row_stats)(const OpSpec&, const CallContext&, const at::Tensor& scores,
                                       const at::Tensor& row_stats) = nullptr;
  /// A weight depends on scores of other keys beside those: weights_from_row_stats needs all keys.
  bool whole_rows = false;

  // The kernel. An op for which there is none is computed by its formula, block by block.
  bool (*has_kernel)(const OpSpec&) = nullptr;  ///< null: always, if the word has any stage
  /// What the word does in O(L) work before the kernels, differentiable: changes q, k, v or adds
  /// operands.
  void (*prepare)(const OpSpec&, Operands&) = nullptr;
  std::tuple<Build<float>, Build<double>> build = {};  ///< a score, position or normalizer
  std::tuple<MakeModifier<float>, MakeModifier<double>> modifier = {};
  std::tuple<MakeMask<float>, MakeMask<double>> mask = {};
  /// A modifier that adds numbers which do not depend on the scores.
  bool adds = false;
  /// A word that a program registered.
  std::shared_ptr<const ScoreMod> own = {};
};

/// The definition of a known word, which lives as long as the process.
const OpDefinition& definition(const std::string& name);

/// Makes the definition a known word; throws UsageError where its name is taken.
void add_definition(OpDefinition definition);

/// All parts of an attention that act in attend, in the order in which they act, normalizer last.
/// They are those of `how`.
std::vector<const OpSpec*> acting_ops(const Attention& how);
std::vector<const OpSpec*> acting_ops(Attention&& how) = delete;

/// The numbers per row of a normalizer that needs none, 0; and the logsumexp that is the first of
/// them.
at::Tensor no_row_stats(const OpSpec&, const CallContext&, const at::Tensor& scores);
at::Tensor first_row_stat(const OpSpec&, const CallContext&, const at::Tensor& row_stats);

/// k or v (B, G, L, D) -> (B, H, L, D): each key-value head for its group of query heads.
at::Tensor for_each_head(const at::Tensor& kv, int64_t heads);

/// Scores of 0 (b, h, r, c), a product without channels: q and k have gradients, which are 0.
at::Tensor no_score(const at::Tensor& q, const at::Tensor& k);

/// The factor of a score dot or scaled_dot.
double dot_scale(const OpSpec& op, int64_t D);

/// Shapes and deviations that words share: (H), (H, D), 1 / sqrt(D).
std::vector<int64_t> number_a_head(const OpSpec&, const kernels::Sizes& sizes);
std::vector<int64_t> vector_a_head(const OpSpec&, const kernels::Sizes& sizes);
double one_over_root_width(const kernels::Sizes& sizes);

/// Positions of the block's queries among the keys (r, 1) and of its keys (c), on that device.
at::Tensor query_positions(const CallContext& context, const at::Tensor& scores);
at::Tensor key_positions(const CallContext& context, const at::Tensor& scores);

}  // namespace heed::ops
