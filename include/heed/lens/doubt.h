// Whether an explanation can be trusted: tests beside it.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/explain.h"

namespace heed::lens {

/// How the answer's share p falls when parts are taken out in an order, most important first. With x the input, 0 nothing
/// but its special tokens, and k parts of n for each of the fractions 5, 10, 20 and 50 % (at least one part):
///
///   comprehensiveness = mean_k (p(x) - p(x without the first k)) / e
///   sufficiency       = mean_k (p(the first k alone) - p(0)) / e
///
/// with e = |p(x) - p(0)| for numbers with a sign, which say what raises p, and p(x) - p(0) for sizes
/// (DeYoung et al. 2020, ERASER; normalised as Carton et al. 2020 do.) 1 is the whole effect, 0 none. The soft ones keep
/// each number of a part's vectors with a probability that is its rank over n, or one less that, so that every order keeps
/// half of all numbers: the same expected retention (Zhao & Aletras 2023).
struct Faithfulness {
  double comprehensiveness = 0, sufficiency = 0;
  double soft_comprehensiveness = 0, soft_sufficiency = 0;
};

struct DoubtOptions {
  int64_t orders = 40;  ///< random ones that it is compared with, 19 to 1000
  int64_t draws = 4;    ///< of numbers that are kept, for the soft tests
  uint64_t seed = 1;
};

struct Doubt {
  std::string share;            ///< what p is
  double whole = 0, empty = 0;  ///< p(x), p(0)
  int64_t parts = 0;            ///< n: words of a text, tokens of anything else
  Faithfulness own, random;     ///< of the explanation; the mean of random orders
  Faithfulness weights;         ///< of the raw weights of the last layer; NaN where there are none
  /// The share of random orders, and of the explanation itself, that do at least as well: a permutation test's p-value.
  Faithfulness p_value;
  /// Spearman's correlation with the explanation of the same model with each parameter's numbers shuffled (Adebayo et al.
  /// 2018): near 1 it does not look at what was learned. NaN where values are all equal.
  double shuffled = 0;
  double gap = 0;                     ///< Attribution::gap
  std::string untested;               ///< why no order could be told from chance; empty: it could
  std::vector<std::string> failures;  ///< a sentence each; empty: it passed what was tested
  std::string verdict;                ///< in a sentence
};

/// Tests an explanation, which explain(question, options) gave. A test fails: comprehensiveness or sufficiency with a
/// p-value above 0.05; a correlation of 0.7 or more with the shuffled model, or more where that could be chance; a gap
/// above 5 %. Not tested, and said so, is an order of so few parts (about five) that the best one could be chance, and one where
/// p(x) and p(0) hardly differ (by less than 0.05 of the larger).
///
/// Cost: 8 (orders + 2) + 2 draws (orders + 2) forward passes, and the method once more. Throws UsageError for options
/// beyond their ranges.
Doubt doubt(const Question& question, const ExplainOptions& explained,
            const Attribution& attribution, const DoubtOptions& options = {});

}  // namespace heed::lens
