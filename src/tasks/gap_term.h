// What a model is penalised by while it learns: answers that change where words are swapped.
#pragma once

#include <vector>

#include "heed/tasks/word_lists.h"
#include "tasks/cell.h"

namespace heed {

/// Counterfactual logit pairing (Garg et al. 2019, "Counterfactual Fairness in Text Classification through Robustness"):
///
///   weight mean_e mean_k |f_k(x_e) - f_k(x'_e)|
///
/// over the examples e of a batch in which a word of the group is swapped or masked, x' being what that makes of x. f are a
/// class head's logits less their mean, of which softmax knows no more, a labels head's logits, a number in deviations of
/// training's. Gradients flow through both sides.
class GapTerm {
 public:
  /// Reads the lists of cell.recipe.gap, writes its digest, and swaps words in all records of `learned`. Throws ModelError
  /// that names the key: for a bad file, a group that there is not, a digest of other words; DataError where no text has a
  /// word of the group.
  GapTerm(Cell& cell, const Source& learned);

  /// Of a batch of `train` and what the encoder made of it; undefined where no example has a word of the group.
  at::Tensor loss(Cell& cell, const Split& train, const Tokens& tokens, const Batch& batch,
                  const Draw& draw) const;
  /// Records in which a word was swapped.
  int64_t swapped() const { return swapped_; }

 private:
  SplitPtr other_;             // of the whole training data, words swapped
  std::vector<bool> differs_;  // by record
  int64_t swapped_ = 0;
};

/// The group that [gap] names, from its file.
WordGroup group_of_gap(const GapTable& gap);

}  // namespace heed
