// BLEU, how many n-grams of a translation stand in its reference, as sacrebleu counts them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace heed {

/// references[r][i] is line i of the r-th reference; an empty line is a reference too.
using References = std::vector<std::vector<std::string>>;

/// The words that n-grams are made of: mteval_13a: the tokenizer of mteval-v13a; intl: of mteval-v14,
/// which parts punctuation and symbols of Unicode; characters; none: what stands between white space.
enum class BleuTokenizer { mteval_13a, intl, characters, none };
constexpr std::array<const char*, 4> words(BleuTokenizer) {
  return {"13a", "intl", "char", "none"};
}

/// What a precision of 0 becomes.
enum class BleuSmoothing { exp, floor, none };
constexpr std::array<const char*, 3> words(BleuSmoothing) { return {"exp", "floor", "none"}; }

struct BleuOptions {
  BleuTokenizer tokenize = BleuTokenizer::mteval_13a;
  bool lowercase = false;
  BleuSmoothing smooth = BleuSmoothing::exp;
  double floor = 0.1;            ///< of smooth floor: matches that are counted instead of none
  bool effective_order = false;  ///< leave orders without an n-gram out; for single sentences
};

/// What BLEU is computed from; of a corpus, the sum over its sentences.
struct BleuCounts {
  std::array<int64_t, 4> matches{}, total{};  ///< n-grams of 1, 2, 3 and 4 words
  int64_t hypothesis = 0, reference = 0;      ///< words; of the reference nearest in length

  BleuCounts& operator+=(const BleuCounts& other);
};

struct BleuScore {
  double score = 0;                    ///< 0 .. 100
  std::array<double, 4> precisions{};  ///< 0 .. 100, smoothed
  double brevity = 1;                  ///< exp(1 - reference / hypothesis) where that is below 1
  BleuCounts counts;

  /// "34.12 66.7/41.2/26.0/19.0 (BP = 1.000 ratio = 1.013 hyp_len = 81 ref_len = 80)"
  std::string text() const;
};

/// The words with a space between them; white space as Python's split.
std::string tokenize_for_bleu(const std::string& line, BleuTokenizer tokenize);

/// One sentence against at least one reference. Throws UsageError: no reference.
BleuCounts bleu_counts(const std::string& hypothesis, const std::vector<std::string>& references,
                       const BleuOptions& options = {});

/// score = brevity exp(mean over n of ln p_n), p_n = 100 matches / total (Papineni et al. 2002); a
/// precision of 0 is smoothed as options.smooth says (Chen & Cherry 2014: methods 3, 1 and none).
BleuScore bleu_score(const BleuCounts& counts, const BleuOptions& options = {});

/// Throws UsageError: no line, or a reference with another number of lines.
BleuScore corpus_bleu(const std::vector<std::string>& hypotheses, const References& references,
                      const BleuOptions& options = {});

/// "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp", as sacrebleu writes it but for its version;
/// references 0, where lines have different numbers of them: "nrefs:var".
std::string bleu_signature(const BleuOptions& options, size_t references);

}  // namespace heed
