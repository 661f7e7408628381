// Connectionist temporal classification (Graves et al. 2006): texts that are shorter than the frames they are read from.
//
// A path has a token or a blank for each of T frames; the text of a path is what remains when equal neighbours are one and
// then blanks are left out. p(text) is the sum over its paths, whose frames are independent of each other given the sound.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace heed {

/// The fewest frames of a path that has this text: its tokens, and a blank between two that are equal.
int64_t ctc_frames(const std::vector<int64_t>& tokens);

/// ln p of a text by all its paths. log_p (T, V): ln p of each token in each frame; -infinity where T < ctc_frames(tokens).
double ctc_log_probability(const at::Tensor& log_p, const std::vector<int64_t>& tokens,
                           int64_t blank);

/// Frames begin .. end - 1.
struct FrameSpan {
  int64_t begin = 0, end = 0;
  bool operator==(const FrameSpan&) const = default;
};
/// The frames of each token on the likeliest path of a text (Viterbi); of equal paths one. Throws UsageError where there are
/// too few frames. Cost: O(T U).
std::vector<FrameSpan> ctc_alignment(const at::Tensor& log_p, const std::vector<int64_t>& tokens,
                                     int64_t blank);

/// The text of the likeliest path, which need not be the likeliest text.
std::vector<int64_t> ctc_greedy(const at::Tensor& log_p, int64_t blank);

/// What a text is worth beside what is heard: a language model. What it knows of a text that grows is a State.
class CtcLanguage {
 public:
  struct State {
    std::vector<int32_t> context;  ///< the last whole words
    std::string begun;             ///< what there is of the word that is written
  };
  virtual ~CtcLanguage() = default;
  virtual State begin() const = 0;
  /// What the token adds, in nats; -infinity: it may not stand there.
  virtual double added(const State& state, int64_t token) const = 0;
  virtual State after(const State& state, int64_t token) const = 0;
  /// What it adds that the text ends there.
  virtual double at_end(const State& state) const = 0;
};

struct CtcSearch {
  int64_t blank = 0;
  int64_t beam_size = 16;                 ///< texts that are kept from frame to frame
  const CtcLanguage* language = nullptr;  ///< none: the likeliest text is looked for
};
struct CtcText {
  std::vector<int64_t> tokens;
  double score = 0;  ///< ln p of the paths that were looked at, and what the language added
};
/// Prefix beam search (Graves 2012, 7.5.1; with a language: Hannun et al. 2014): the paths of a prefix that end in a blank and
/// in its last token are summed apart, and after each frame the beam_size prefixes of the largest ln p + language go on.
/// Tokens more than kCtcNegligible nats below a frame's likeliest are not looked at. Best first, at most beam_size; texts that
/// the language does not let end are left out, unless none remains. log_p (T, V). Throws UsageError for a beam_size below 1.
/// Cost: O(T beam_size V), V being the tokens that are looked at.
std::vector<CtcText> ctc_search(const at::Tensor& log_p, const CtcSearch& options);
inline constexpr double kCtcNegligible = 30;

}  // namespace heed
