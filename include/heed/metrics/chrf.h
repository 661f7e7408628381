// chrF and chrF++, an F score over n-grams of characters (and words), as sacrebleu counts them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "heed/metrics/bleu.h"

namespace heed {

struct ChrfOptions {
  int64_t characters = 6;  ///< longest n-gram of characters, white space left out
  int64_t words = 0;       ///< longest n-gram of words; 2: chrF++
  int64_t beta = 2;        ///< how much recall weighs beside precision
  bool lowercase = false;
};

/// Of each order, characters then words: n-grams of the hypothesis, of the reference, in both.
using ChrfCounts = std::vector<std::array<int64_t, 3>>;

/// One sentence against the reference with the best score. Throws UsageError as bleu_counts.
ChrfCounts chrf_counts(const std::string& hypothesis, const std::vector<std::string>& references,
                       const ChrfOptions& options = {});

/// 0 .. 100: (1 + b^2) P R / (b^2 P + R), P and R averaged over the orders that both texts have
/// (Popovic 2015, 2017).
double chrf_score(const ChrfCounts& counts, const ChrfOptions& options = {});

/// Counts are summed over the corpus. Throws UsageError as corpus_bleu.
double corpus_chrf(const std::vector<std::string>& hypotheses, const References& references,
                   const ChrfOptions& options = {});

/// "chrF2", "chrF2++"
std::string chrf_name(const ChrfOptions& options);
/// "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no", as sacrebleu writes it but for its version.
std::string chrf_signature(const ChrfOptions& options, size_t references);

}  // namespace heed
