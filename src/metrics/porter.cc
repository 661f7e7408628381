// Porter's stemmer ("An algorithm for suffix stripping", 1980) with the extensions of NLTK, which
// rouge-score uses.
#include <map>
#include <string_view>

#include "heed/metrics/rouge.h"

namespace heed {
namespace porter {
namespace {

bool is_consonant(std::string_view word, size_t i) {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
      return false;
    case 'y':
      return i == 0 || !is_consonant(word, i - 1);
    default:
      return true;
  }
}

/// How often a vowel is followed by a consonant: m of the paper.
int measure(std::string_view stem) {
  int count = 0;
  for (size_t i = 1; i < stem.size(); ++i)
    if (!is_consonant(stem, i - 1) && is_consonant(stem, i)) ++count;
  return count;
}

bool has_vowel(std::string_view stem) {
  for (size_t i = 0; i < stem.size(); ++i)
    if (!is_consonant(stem, i)) return true;
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

/// *o of the paper: consonant, vowel, consonant other than w, x, y; or a vowel and a consonant
/// alone.
bool ends_in_cvc(std::string_view word) {
  const size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) &&
         is_consonant(word, n - 1) && word[n - 1] != 'w' && word[n - 1] != 'x' &&
         word[n - 1] != 'y';
}

struct Rule {
  std::string_view suffix, replacement;
};

/// The first rule whose suffix fits decides: it is applied where `allowed(stem, suffix)`.
template <class Rules, class Allowed>
void apply(std::string& word, const Rules& rules, Allowed&& allowed) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::string_view stem(word.data(), word.size() - rule.suffix.size());
    if (allowed(stem, rule.suffix)) word = std::string(stem).append(rule.replacement);
    return;
  }
}

bool any_stem(std::string_view, std::string_view) { return true; }
bool positive(std::string_view stem, std::string_view) { return measure(stem) > 0; }

void plurals(std::string& word) {
  constexpr Rule kShort[] = {{"ies", "ie"}};
  constexpr Rule kRules[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
  if (word.size() == 4 && word.ends_with("ies")) return apply(word, kShort, any_stem);
  apply(word, kRules, any_stem);
}

/// Step 1b: -eed, -ed, -ing.
void past_and_progressive(std::string& word) {
  if (word.ends_with("ied")) {
    word.erase(word.size() - (word.size() == 4 ? 1 : 2));
    return;
  }
  if (word.ends_with("eed")) {
    if (measure(std::string_view(word).substr(0, word.size() - 3)) > 0) word.pop_back();
    return;
  }
  const size_t cut = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (cut == 0 || !has_vowel(std::string_view(word).substr(0, word.size() - cut))) return;
  word.erase(word.size() - cut);
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz")) {
    word += 'e';
  } else if (ends_in_double_consonant(word)) {
    const char last = word.back();
    if (last != 'l' && last != 's' && last != 'z') word.pop_back();
  } else if (measure(word) == 1 && ends_in_cvc(word)) {
    word += 'e';
  }
}

void final_y(std::string& word) {
  if (word.size() > 2 && word.back() == 'y' && is_consonant(word, word.size() - 2))
    word.back() = 'i';
}

void double_suffixes(std::string& word) {
  constexpr Rule kAgain[] = {{"alli", "al"}};
  constexpr Rule kRules[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"},   {"logi", "log"}};
  if (word.ends_with("alli") && positive(std::string_view(word).substr(0, word.size() - 4), {})) {
    apply(word, kAgain, any_stem);
    return double_suffixes(word);
  }
  apply(word, kRules, [&](std::string_view stem, std::string_view suffix) {
    // The l of -logi belongs to the stem, so that geo-, theo- count.
    return suffix == "logi" ? measure(std::string_view(word).substr(0, word.size() - 3)) > 0
                            : measure(stem) > 0;
  });
}

void single_suffixes(std::string& word) {
  constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                             {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  apply(word, kRules, positive);
}

void bare_suffixes(std::string& word) {
  constexpr Rule kRules[] = {{"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""},    {"ic", ""},
                             {"able", ""}, {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""},
                             {"ent", ""},  {"ion", ""},  {"ou", ""},   {"ism", ""},   {"ate", ""},
                             {"iti", ""},  {"ous", ""},  {"ive", ""},  {"ize", ""}};
  apply(word, kRules, [](std::string_view stem, std::string_view suffix) {
    if (measure(stem) <= 1) return false;
    return suffix != "ion" || stem.back() == 's' || stem.back() == 't';
  });
}

void tidy(std::string& word) {
  if (word.ends_with('e')) {
    const std::string stem = word.substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_in_cvc(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(std::string_view(word).substr(0, word.size() - 1)) > 1)
    word.pop_back();
}

}  // namespace
}  // namespace porter

std::string porter_stem(std::string word) {
  static const std::map<std::string_view, std::string_view> kIrregular = {
      {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
      {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
      {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
      {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
      {"succeed", "succeed"}};
  if (const auto found = kIrregular.find(word); found != kIrregular.end())
    return std::string(found->second);
  if (word.size() <= 2) return word;
  using namespace porter;
  plurals(word);
  past_and_progressive(word);
  final_y(word);
  double_suffixes(word);
  single_suffixes(word);
  bare_suffixes(word);
  tidy(word);
  return word;
}

}  // namespace heed
