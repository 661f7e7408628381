#include "heed/metrics/upos.h"

#include "metrics/check.h"

namespace heed {

double tag_accuracy(const std::vector<std::vector<std::string>>& predicted,
                    const std::vector<std::vector<std::string>>& expected) {
  metric::check_sentences(predicted, expected);
  int64_t right = 0, words = 0;
  for (size_t s = 0; s < predicted.size(); ++s)
    for (size_t i = 0; i < predicted[s].size(); ++i)
      ++words, right += predicted[s][i] == expected[s][i] ? 1 : 0;
  if (words == 0) throw UsageError("tag_accuracy: expected at least one word, given none");
  return static_cast<double>(right) / static_cast<double>(words);
}

}  // namespace heed
