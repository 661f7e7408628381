// What tests of writing share.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "heed/models/generate.h"
#include "models/sequences.h"

namespace heed {

using Ids = std::vector<int64_t>;

inline SequenceModelPtr model_of(const TransformerOptions& options,
                                 at::ScalarType type = at::kFloat, int64_t target = kTargetTokens) {
  return make(options, type, target).ptr();
}

/// log p of every token behind `tokens`, by the whole forward pass in float64.
inline at::Tensor log_probabilities(SequenceModel& model, const Ids& source, const Ids& tokens) {
  auto ids = tokens;
  ids.insert(ids.begin(), 2);
  const auto batch = model.has_encoder() ? sources({source}) : SourceBatch();
  const auto hidden = model.hidden(batch, torch::tensor(ids, at::kLong).unsqueeze(0));
  const auto logits = model.project(hidden)[0][-1].to(at::kDouble);
  return logits.log_softmax(0);
}

inline GenerateOptions plain() { return GenerateOptions().max_length(8); }

inline void expect_same(const std::vector<std::vector<Hypothesis>>& a,
                        const std::vector<std::vector<Hypothesis>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size()) << i;
    for (size_t n = 0; n < a[i].size(); ++n) {
      EXPECT_EQ(a[i][n].tokens, b[i][n].tokens) << i;
      EXPECT_EQ(a[i][n].score, b[i][n].score) << i;
      EXPECT_EQ(a[i][n].log_probabilities, b[i][n].log_probabilities) << i;
      EXPECT_EQ(a[i][n].ended, b[i][n].ended) << i;
    }
  }
}
inline std::vector<GenerateOptions> ways() {
  return {plain(), plain().beam_size(4).num_hypotheses(3).length_penalty(0.6),
          plain().beam_size(3).early_stop(false).no_repeat_ngram(2).repetition_penalty(1.2),
          plain().sample(true).num_hypotheses(3).seed(5),
          plain().sample(true).top_k(4).top_p(0.8).temperature(1.5)};
}

}  // namespace heed
