#include "heed/metrics/answers.h"

#include <unicode/uchar.h>

#include <cmath>

#include "core/lower_case.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

bool is_word_character(uint32_t code) {
  return (U_GET_GC_MASK(static_cast<UChar32>(code)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

/// Every article between two places that are no letter or digit becomes a space.
std::string without_articles(const std::string& text) {
  std::string out;
  size_t begin = 0;  // of a run of letters and digits
  const auto end_run = [&](size_t end) {
    const std::string run = text.substr(begin, end - begin);
    out += is_article(run) ? " " : run;
  };
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t at = text.size() - rest.size();
    const uint32_t code = take_character(rest);
    if (is_word_character(code)) continue;
    end_run(at);
    const size_t next = text.size() - rest.size();
    out += text.substr(at, next - at);
    begin = next;
  }
  end_run(text.size());
  return out;
}

void check(const std::vector<std::string>& references) {
  if (references.empty()) throw UsageError("answers: expected at least one reference, given none");
}

double f1_of(const std::string& answer, const std::string& reference) {
  const auto own = metric::split(answer), other = metric::split(reference);
  if (own.empty() || other.empty()) return own.empty() && other.empty() ? 1 : 0;
  const auto both = static_cast<double>(
      metric::shared(metric::count_words(own, 1), metric::count_words(other, 1)));
  if (both == 0) return 0;
  const double precision = both / static_cast<double>(own.size());
  const double recall = both / static_cast<double>(other.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(const std::string& text) {
  std::string plain;
  for (const char c : lower_case(text))
    if (!is_ascii_punctuation(c)) plain += c;
  plain = without_articles(plain);
  std::string out;
  for (const auto word : metric::split(plain)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

bool exact_match(const std::string& answer, const std::vector<std::string>& references) {
  check(references);
  const std::string own = normalize_answer(answer);
  for (const auto& reference : references)
    if (own == normalize_answer(reference)) return true;
  return false;
}

double answer_f1(const std::string& answer, const std::vector<std::string>& references) {
  check(references);
  const std::string own = normalize_answer(answer);
  double best = 0;
  for (const auto& reference : references)
    best = std::max(best, f1_of(own, normalize_answer(reference)));
  return best;
}

AnswerScores corpus_answers(const std::vector<std::string>& answers,
                            const std::vector<std::vector<std::string>>& references) {
  metric::check_corpus("answers", answers.size(), references);
  AnswerScores sum;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto own = metric::references_of(i, references);
    sum.exact += exact_match(answers[i], own) ? 1 : 0;
    sum.f1 += answer_f1(answers[i], own);
  }
  const auto lines = static_cast<double>(answers.size());
  return {sum.exact / lines, sum.f1 / lines};
}

double perplexity(double loss, int64_t tokens) {
  if (tokens < 1)
    throw UsageError("perplexity: expected at least one token, given " + std::to_string(tokens));
  return std::exp(loss / static_cast<double>(tokens));
}

}  // namespace heed
