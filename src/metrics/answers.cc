#include "heed/metrics/answers.h"

#include <unicode/uchar.h>

#include <algorithm>
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

/// What a language's rules take out of an answer, and whether characters are words.
struct Rules {
  std::string_view language;
  std::vector<std::string_view> articles;
  std::string_view prefix = "";  ///< an article that is written together with its word
  bool by_character = false;
};

const Rules& rules_of(const std::string& language) {
  static const std::vector<Rules> all = {
      {"", {"a", "an", "the"}},
      {"en", {"a", "an", "the"}},
      {"es", {"un", "una", "unos", "unas", "el", "la", "los", "las"}},
      {"hi", {}},
      {"vi", {"của", "là", "cái", "chiếc", "những"}},
      {"de",
       {"ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem",
        "des"}},
      {"ar", {}, "ال"},
      {"zh", {}, "", true}};
  for (const auto& rules : all)
    if (rules.language == language) return rules;
  throw UsageError("answers: language: unknown '" + language +
                   "'; known: en, es, hi, vi, de, ar, zh, or none for SQuAD's rules");
}

bool is_punctuation(uint32_t code) {
  return (code < 0x80 && is_ascii_punctuation(static_cast<char>(code))) ||
         (U_GET_GC_MASK(static_cast<UChar32>(code)) & U_GC_P_MASK) != 0;
}

/// Lower case without punctuation.
std::string without_punctuation(const std::string& text, const Rules& rules) {
  const std::string lower = lower_case(text);
  std::string out;
  for (std::string_view rest = lower; !rest.empty();) {
    const std::string_view before = rest;
    const uint32_t code = take_character(rest);
    const bool ascii = code < 0x80 && is_ascii_punctuation(static_cast<char>(code));
    if (rules.language.empty() ? ascii : is_punctuation(code)) continue;
    out += before.substr(0, before.size() - rest.size());
  }
  return out;
}

/// White space around each Chinese character, as MLQA's mixed segmentation counts them.
std::string with_parted_characters(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    const uint32_t code = take_character(rest);
    const bool parted = code >= 0x4E00 && code <= 0x9FA5;
    if (parted) out += ' ';
    out += before.substr(0, before.size() - rest.size());
    if (parted) out += ' ';
  }
  return out;
}

std::string without_prefix(const std::string& text, std::string_view prefix) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t found = prefix.empty() ? std::string::npos : text.find(prefix, at);
    out += text.substr(at, found - at);
    if (found == std::string::npos) break;
    out += ' ', at = found + prefix.size();
  }
  return out;
}

/// Every article between two places that are no letter or digit becomes a space.
std::string without_articles(const std::string& text, const Rules& rules) {
  std::string out;
  size_t begin = 0;  // of a run of letters and digits
  const auto end_run = [&](size_t end) {
    const std::string run = text.substr(begin, end - begin);
    out += std::ranges::find(rules.articles, run) != rules.articles.end() ? " " : run;
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

double f1_of(const std::string& answer, const std::string& reference, const Rules& rules) {
  const auto own = metric::split(answer), other = metric::split(reference);
  if (own.empty() || other.empty())
    return rules.language.empty() && own.empty() && other.empty() ? 1 : 0;
  const auto both = static_cast<double>(
      metric::shared(metric::count_words(own, 1), metric::count_words(other, 1)));
  if (both == 0) return 0;
  const double precision = both / static_cast<double>(own.size());
  const double recall = both / static_cast<double>(other.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(const std::string& text, const std::string& language) {
  const auto& rules = rules_of(language);
  std::string plain = without_articles(without_punctuation(text, rules), rules);
  plain = without_prefix(plain, rules.prefix);
  if (rules.by_character) plain = with_parted_characters(plain);
  std::string out;
  for (const auto word : metric::split(plain)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

bool exact_match(const std::string& answer, const std::vector<std::string>& references,
                 const std::string& language) {
  check(references);
  const std::string own = normalize_answer(answer, language);
  for (const auto& reference : references)
    if (own == normalize_answer(reference, language)) return true;
  return false;
}

double answer_f1(const std::string& answer, const std::vector<std::string>& references,
                 const std::string& language) {
  check(references);
  const std::string own = normalize_answer(answer, language);
  double best = 0;
  for (const auto& reference : references)
    best = std::max(best, f1_of(own, normalize_answer(reference, language), rules_of(language)));
  return best;
}

AnswerScores corpus_answers(const std::vector<std::string>& answers,
                            const std::vector<std::vector<std::string>>& references,
                            const std::string& language) {
  metric::check_corpus("answers", answers.size(), references);
  AnswerScores sum;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto own = metric::references_of(i, references);
    sum.exact += exact_match(answers[i], own, language) ? 1 : 0;
    sum.f1 += answer_f1(answers[i], own, language);
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
