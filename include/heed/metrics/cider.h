// CIDEr-D, how much of what people agree on a description says, as pycocoevalcap computes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/metrics/bleu.h"

namespace heed {

/// texts[i] are all references of line i, at least one; their number may differ from line to line.
using ReferencesOfLines = std::vector<std::vector<std::string>>;

struct CiderOptions {
  BleuTokenizer tokenize = BleuTokenizer::mteval_13a;  ///< words as of BLEU
  bool lowercase = false;
};

/// CIDEr-D of each line (Vedantam et al. 2015), 0 .. 10: with v_n(x) the vector of the n-grams of x,
/// each its count times ln(lines / lines with a reference that has it), the mean over references r and
/// n = 1 .. 4 of
///
///   10 exp(-(|h| - |r|)^2 / (2 6^2)) min(v_n(h), v_n(r)) . v_n(r) / (|v_n(h)| |v_n(r)|),
///
/// 0 where a norm is 0. Equal to pycocoevalcap 1.2's Cider, which it calls CIDEr, on the same words; its
/// PTB tokenizer is not part of this. An n-gram that every line's references have weighs nothing, so
/// that all lines of a corpus of one line get 0. Throws UsageError: no line, another number of references'
/// lines, a line without a reference. O(words).
std::vector<double> cider_scores(const std::vector<std::string>& hypotheses,
                                 const ReferencesOfLines& references,
                                 const CiderOptions& options = {});

/// Their mean.
double corpus_cider(const std::vector<std::string>& hypotheses, const ReferencesOfLines& references,
                    const CiderOptions& options = {});

/// How near each text is to all of them: the mean over n = 1 .. 4 and over all texts of all lines of the
/// cosine of their v_n, 0 .. 1, which is what CIDEr (without D) gives it as an answer to every line.
/// O(words). Throws UsageError: no text.
std::vector<std::vector<double>> cider_consensus(const ReferencesOfLines& texts,
                                                 const CiderOptions& options = {});

/// "nrefs:5|case:mixed|tok:13a|n:4|sigma:6"; references 0: "nrefs:var".
std::string cider_signature(const CiderOptions& options, size_t references);

}  // namespace heed
