// Sequences out of models: greedy, by beam search, by sampling; and the probability of given ones.
#pragma once

#include <torch/arg.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/models/sequence_model.h"

namespace heed {

/// What the log-probability of a sequence of n tokens is divided by: ((5 + n) / 6)^a (Wu et al.
/// 2016), or n^a.
enum class LengthPenaltyType { wu, power };
constexpr std::array<const char*, 2> words(LengthPenaltyType) { return {"wu", "power"}; }

/// Whose rules a search goes by: Heed's own, or those of generate() of Hugging Face's transformers
/// (5.24), of which see generate().
enum class GenerateRules { own, transformers };
constexpr std::array<const char*, 2> words(GenerateRules) { return {"own", "transformers"}; }

/// Tokens with a role, as generation_config.json names them; the [generate.tokens] table of models
/// that others trained.
struct GenerateTokens {
  TORCH_ARG(std::vector<int64_t>, begin);
  TORCH_ARG(std::vector<int64_t>, ends);
  TORCH_ARG(std::vector<int64_t>, suppressed);
  TORCH_ARG(std::vector<int64_t>, first_suppressed);
  TORCH_ARG(std::vector<std::string>, suppressed_sequences);
  TORCH_ARG(int64_t, first) = -1;
  TORCH_ARG(std::vector<int64_t>, last);
  TORCH_ARG(std::vector<int64_t>, languages);
  TORCH_ARG(std::string, language);
  TORCH_ARG(std::string, task);

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    constexpr auto kIds = between(0, 1 << 24);
    v("begin", begin(), "tokens that every text begins with, unwritten; none: the tokenizer's <s>",
      kIds);
    v("ends", ends(), "tokens that end a text", kIds);
    v("suppressed", suppressed(), "tokens that are never written", kIds);
    v("first_suppressed", first_suppressed(), "tokens that are never written first", kIds);
    v("suppressed_sequences", suppressed_sequences(),
      "tokens that never come behind each other, as \"5 17 3\"");
    v("first", first(), "the token that is written first; -1: any", between(-1, 1 << 24));
    v("last", last(), "the tokens of which one is written where a text is cut", kIds);
    v("languages", languages(),
      "tokens of which the likeliest comes behind the first of `begin`, a text each; none: no such "
      "choice",
      kIds);
    v("language", language(),
      "of speech, \"de\" for the token <|de|>; empty: the likeliest of `languages`");
    v("task", task(),
      "of speech, \"translate\" for the token <|translate|>; empty: as `begin` has it");
  }
};

/// The [generate] table of a recipe. A length counts tokens with the forced prefix, without <s> and
/// </s>.
struct GenerateOptions {
  TORCH_ARG(int64_t, beam_size) = 1;       ///< K; 1: greedy
  TORCH_ARG(int64_t, num_hypotheses) = 1;  ///< hypotheses per line
  TORCH_ARG(LengthPenaltyType, length_penalty_type) = LengthPenaltyType::wu;
  TORCH_ARG(double, length_penalty) = 0;
  TORCH_ARG(bool, early_stop) = true;
  TORCH_ARG(bool, sample) = false;
  TORCH_ARG(double, temperature) = 1;
  TORCH_ARG(int64_t, top_k) = 0;
  TORCH_ARG(double, top_p) = 1;
  TORCH_ARG(int64_t, seed) = 1;
  TORCH_ARG(int64_t, max_length) = 256;
  TORCH_ARG(double, max_ratio) = 0;
  TORCH_ARG(int64_t, min_length) = 0;
  TORCH_ARG(double, min_ratio) = 0;
  TORCH_ARG(int64_t, max_new) = 0;
  TORCH_ARG(int64_t, min_new) = 0;
  TORCH_ARG(int64_t, no_repeat_ngram) = 0;
  TORCH_ARG(double, repetition_penalty) = 1;
  TORCH_ARG(std::vector<std::string>, stop);  ///< texts; whoever has the tokenizer makes `stops`
  TORCH_ARG(int64_t, batch) = 32;             ///< lines at a time; changes no result
  TORCH_ARG(GenerateRules, rules) = GenerateRules::own;
  TORCH_ARG(GenerateTokens, tokens);

  // Not of a recipe: what the tokenizer, the program or the call knows.
  TORCH_ARG(int64_t, begin) = 2;                ///< <s>: never generated where there is an end
  TORCH_ARG(int64_t, end) = 3;                  ///< </s>; -1: sequences end by their length only
  TORCH_ARG(std::vector<int64_t>, more_ends);   ///< tokens that end a text as `end` does
  TORCH_ARG(std::vector<int64_t>, suppressed);  ///< tokens that are never generated: padding
  TORCH_ARG(std::vector<int64_t>, first_suppressed);  ///< those that are no first behind a prefix
  TORCH_ARG(int64_t, first) = -1;  ///< what comes behind <s> where nothing is forced; -1: any
  TORCH_ARG(std::vector<int64_t>, last);  ///< one of which is the last token of what is cut
  /// Whether a text is at its end behind tokens (<s> left out) that do not end with an end token.
  using Stops = std::function<bool(std::span<const int64_t> tokens)>;
  TORCH_ARG(Stops, stops);
  /// Sequences that are never generated: their last token is impossible behind the others.
  TORCH_ARG(std::vector<std::vector<int64_t>>, suppressed_sequences);
  /// The only tokens that may be generated, among them the end; empty: all. Only their rows of the
  /// output matrix are multiplied, and probabilities are among them. A forced token that is not in
  /// it counts as certain.
  TORCH_ARG(std::vector<int64_t>, shortlist);
  /// Of each line: what its sequences begin with, forced; none, or one per line.
  TORCH_ARG(std::vector<std::vector<int64_t>>, prefixes);
  /// Called with line and token as soon as a token is certain: at once with one hypothesis per
  /// line, else when the line is finished, its best hypothesis token by token. Forced tokens, too.
  using OnToken = std::function<void(int64_t line, int64_t token)>;
  TORCH_ARG(OnToken, on_token);
  /// Number of the first line, where lines of several calls are told apart by what they draw.
  TORCH_ARG(int64_t, first_line) = 0;
  TORCH_ARG(bool, times) = false;  ///< whether hypotheses say when their tokens came

 public:
  /// Throws UsageError that names the field where options contradict each other.
  void check() const;

  bool is_end(int64_t token) const;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("beam_size", beam_size(), "hypotheses that beam search keeps a line; 1: greedy",
      between(1, 256));
    v("num_hypotheses", num_hypotheses(),
      "hypotheses per line, best first; at most beam_size, any number of samples",
      between(1, 65536));
    v("length_penalty_type", length_penalty_type(),
      "what a log-probability is divided by. wu: ((5 + n) / 6)^a; power: n^a");
    v("length_penalty", length_penalty(), "exponent a of the length penalty; 0: none",
      between(0, 10));
    v("early_stop", early_stop(),
      "whether beam search stops at as many ended hypotheses as beams; false: when no other can "
      "become better");
    v("sample", sample(), "whether tokens are drawn instead of searched");
    v("temperature", temperature(), "of drawing: logits are divided by it", between(1e-6, 1e6));
    v("top_k", top_k(), "draws among this many likeliest tokens; 0: all", between(0, kMostCount));
    v("top_p", top_p(), "draws among the likeliest tokens that have this probability together",
      above(0, 1));
    v("seed", seed(), "of drawing", between(0, kMostSeed));
    v("max_length", max_length(), "tokens at most", between(1, 1 << 20));
    v("max_ratio", max_ratio(), "tokens at most, over those of the source; 0: no such limit",
      between(0, 1000));
    v("min_length", min_length(), "tokens at least", between(0, 1 << 20));
    v("min_ratio", min_ratio(), "tokens at least, over those of the source", between(0, 1000));
    v("max_new", max_new(), "tokens at most behind what is forced, instead of max_length; 0: none",
      between(0, 1 << 20));
    v("min_new", min_new(), "tokens at least behind what is forced", between(0, 1 << 20));
    v("no_repeat_ngram", no_repeat_ngram(), "no sequence of so many tokens comes twice; 0: it may",
      between(0, kMostLength));
    v("repetition_penalty", repetition_penalty(),
      "logits of tokens that were there: positive ones are divided by it, others multiplied",
      between(1e-3, 1e3));
    v("stop", stop(), "texts behind which writing ends; they are the end of what is written");
    v("batch", batch(), "lines at a time; changes no result", between(1, kMostCount));
    v("rules", rules(),
      "own; transformers: as its generate() takes penalties, ends beams and cuts texts");
    if (rules() == GenerateRules::transformers) v("tokens", tokens(), "");
  }
};

/// One answer.
struct Hypothesis {
  std::vector<int64_t> tokens;  ///< with the prefix, without <s> and </s>
  double score = 0;             ///< that of what was not forced, over the length penalty
  double log_probability = 0;   ///< the sum of those of the tokens and of </s>, if it came
  /// Of each token, then of </s>, if it came; what the models give, before temperature and whatever
  /// forbids tokens.
  std::vector<double> log_probabilities;
  std::vector<double> seconds;  ///< since the call, of the same; with `times` only
  bool ended = false;           ///< whether </s> came; else the length was at its limit
};

/// For each source its hypotheses, best first: those that ended before those that were cut, the
/// higher score first.
///
/// Search: of all tokens behind all live hypotheses the 2 K with the highest sum of
/// log-probabilities are looked at, in this order: those that end, among the first K, are put
/// aside, and the first K others live on. The length penalty acts where hypotheses are compared at
/// the end,
///
///   wu     log p(Y) / ((5 + n) / (5 + 1))^a      (Wu et al. 2016, 7)
///   power  log p(Y) / n^a                        (a = 1: the mean of a token)
///
/// with n tokens, </s> among them, of what was not forced. Several models: log of the mean of their
/// probabilities. Sampling: `num_hypotheses` independent draws a line, each from random numbers
/// named by (seed, line, draw), among the top_k and then the top_p (Holtzman et al. 2020). Equal
/// probabilities: the lower token, of the lower beam.
///
/// The rules of transformers differ where they could change a token:
///
/// - What is said of tokens that were there means <s>, too. With beams the repetition penalty
///   multiplies log-probabilities, which then do not sum to 1. A forced token counts as certain.
/// - Nothing is forbidden but what the options name.
/// - Beams: with e ends the (1 + e) K best tokens are looked at. What ends among the first K is held
///   against what ended before by its score, and the best K stay. A text that is cut has ended. A
///   line is finished when K have ended (early_stop), and else when the worst of K is as good as the
///   best live one over the penalty of its present length.
///
/// Results do not depend on the batch a line is in, bit for bit, nor on the number of threads.
/// Lines leave the batch as soon as they are finished. `source`: token ids a line, some may be
/// empty; for models without an encoder none, and lines are those of `prefixes`. Models share their
/// vocabularies and are in eval().
///
/// Throws UsageError that names the argument, ModelError where a model gives NaN or infinite
/// logits, with the line and the token.
std::vector<std::vector<Hypothesis>> generate(const std::vector<SequenceModelPtr>& models,
                                              const std::vector<std::vector<int64_t>>& source,
                                              const GenerateOptions& options);

/// The same of the states that an encoder gave (SourceBatch::states and lengths, a row a line), for models that
/// write from them (TransformerOptions::from_encoder).
std::vector<std::vector<Hypothesis>> generate_from_states(
    const std::vector<SequenceModelPtr>& models, const SourceBatch& source,
    const GenerateOptions& options);

/// log p of each token of each target given its source, then of </s> (unless options.end is -1):
/// what generate() would say of it. Of `options` it takes begin, end and batch.
std::vector<std::vector<double>> score(const std::vector<SequenceModelPtr>& models,
                                       const std::vector<std::vector<int64_t>>& source,
                                       const std::vector<std::vector<int64_t>>& target,
                                       const GenerateOptions& options);

std::vector<std::vector<double>> score_from_states(const std::vector<SequenceModelPtr>& models,
                                                   const SourceBatch& source,
                                                   const std::vector<std::vector<int64_t>>& target,
                                                   const GenerateOptions& options);

/// A log-probability over the penalty of n tokens.
double penalised(double log_probability, int64_t n, const GenerateOptions& options);

}  // namespace heed
