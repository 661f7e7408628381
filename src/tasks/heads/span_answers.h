// Answers that are spans of a context: where they stand, which tokens they are, the best one.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/core/fields.h"
#include "heed/tasks/input.h"
#include "tasks/heads/dense.h"

namespace heed {

/// Questions without an answer.
enum class NoAnswer { refuse, learn };
constexpr std::array<const char*, 2> words(NoAnswer) { return {"refuse", "learn"}; }

struct SpansHeadOptions {
  std::string question = "question", context = "context";
  std::string answer = "answers.text", start = "answers.answer_start";
  NoAnswer no_answer = NoAnswer::refuse;
  int64_t max_answer_length = 30;
  DenseOptions dense;
  double dropout = 0;
  std::string language;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("question", question, "column of the question, by which the baseline guesses");
    v("context", context, "column of the text in which the answer stands");
    v("answer", answer, "column of the answer's text, or of a list of right ones");
    v("start", start,
      "column of the character of the context at which it begins, from 0, or of a list of them");
    v("no_answer", no_answer,
      "questions without an answer: refused, or learned as one more possible answer (SQuAD 2.0)");
    v("max_answer_length", max_answer_length, "tokens of an answer at most",
      between(1, kMostLength));
    v("dense", dense, "");
    v("dropout", dropout, "of tokens", from_to_below(0, 1));
    v("language", language,
      "by whose rules answers are compared: empty: SQuAD's; or MLQA's of a language",
      OneOf{{"", "en", "es", "hi", "vi", "de", "ar", "zh"}});
  }

  bool learns_no_answer() const { return no_answer == NoAnswer::learn; }
};

/// A right answer, and its bytes in the context without white space around it.
struct SpanAnswer {
  std::string text;
  data::ByteRange bytes;
};

/// Finds answers by the characters at which they begin. Throws DataError, without a place, for one
/// that does not stand there.
std::vector<SpanAnswer> find_answers(std::string_view context,
                                     const std::vector<std::string>& texts,
                                     const std::vector<std::string>& starts,
                                     const SpansHeadOptions& options);

/// The example's answers, none where it has none. Throws DataError with the place and, where the
/// records have one, the id.
std::vector<SpanAnswer> answers_of(const Split& split, int64_t example,
                                   const SpansHeadOptions& options);

/// What to call an example: its place, and its id where it has one.
std::string name_of_question(const Split& split, int64_t example);

/// Numbers, among the context's, of the first and the last token of which a part is in the span;
/// none where the tokens end before it does.
std::optional<std::pair<int64_t, int64_t>> tokens_of_span(
    const std::vector<data::ByteRange>& tokens, const data::ByteRange& span);

/// Of the context, without the white space around it.
data::ByteRange span_of_tokens(const std::vector<data::ByteRange>& tokens, std::string_view context,
                               int64_t first, int64_t last);

/// An answer of a model; of no answer no bytes.
struct FoundSpan {
  std::string text;
  data::ByteRange bytes;
  double score = 0;            ///< p(start) p(end)
  double no_answer_score = 0;  ///< of no answer, where it is learned
  bool none = true;
};

/// The span of at most options.max_answer_length tokens whose logits of start and end have the
/// largest sum, or none where that of no answer is larger. `logits` (L, 2) float32: of all tokens of
/// the encoder; no answer is its first. Spans of white space alone are none.
FoundSpan best_span(const at::Tensor& logits, const TextTokens& tokens, std::string_view context,
                    const SpansHeadOptions& options);

/// The sentence of the context that has most of the question's words, the first of equal ones.
std::string sentence_like(const std::string& question, const std::string& context);

}  // namespace heed
