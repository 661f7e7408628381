#include "heed/tasks/word_lists.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/printable.h"
#include "core/text.h"
#include "tasks/word_segments.h"

namespace heed {
namespace {

std::vector<std::string> folded_parts(std::string_view text) {
  const auto borders = word_borders(text);
  std::vector<std::string> parts;
  for (size_t i = 0; i + 1 < borders.size(); ++i)
    parts.push_back(folded_part(text.substr(borders[i], borders[i + 1] - borders[i])));
  return parts;
}

void check_list_word(const std::string& word) {
  if (word.empty()) throw ModelError("a word is empty; take it out");
  const auto parts = folded_parts(word);
  if (parts.front() == " " || parts.back() == " ")
    throw ModelError("'" + printable(word) + "' has blanks at its ends; take them off");
  if (!has_letter_or_digit(word))
    throw ModelError("'" + printable(word) +
                     "' has neither letter nor digit; words are found, not marks");
}

/// A word of the list and what becomes of it.
struct SwappedWord {
  std::string listed, becomes;
  std::vector<std::string> parts;
  size_t rule;
};

}  // namespace

struct WordSwap::Matcher {
  WordGroup group;
  std::vector<std::string> rules;
  /// By their first part, those of more parts before those of fewer.
  std::unordered_map<std::string, std::vector<SwappedWord>> words;

  void add(const std::string& listed, const std::string& becomes, size_t rule) {
    check_list_word(listed);
    auto parts = folded_parts(listed);
    auto& known = words[parts.front()];
    for (const auto& other : known)
      if (other.parts == parts)
        throw ModelError("'" + printable(listed) + "' stands in '" + rules[other.rule] +
                         "' and in '" + rules[rule] +
                         "', so that it is not clear what it becomes; " +
                         (group.masks ? "leave one out"
                                      : "leave one out, or give the pair by one_way, whose second "
                                        "word becomes nothing"));
    known.push_back({listed, becomes, std::move(parts), rule});
    std::stable_sort(known.begin(), known.end(),
                     [](const auto& a, const auto& b) { return a.parts.size() > b.parts.size(); });
  }

  void add_pair(const WordGroup::Pair& pair, bool both_ways) {
    const auto& [first, second] = pair;
    check_list_word(first), check_list_word(second);
    if (folded_parts(first) == folded_parts(second))
      throw ModelError("the pair '" + printable(first) + "', '" + printable(second) +
                       "' is of a word and itself");
    rules.push_back(printable(first) + " -> " + printable(second));
    add(first, second, rules.size() - 1);
    if (!both_ways) return;
    rules.push_back(printable(second) + " -> " + printable(first));
    add(second, first, rules.size() - 1);
  }

  const SwappedWord* find(const std::vector<std::string>& parts, size_t at) const {
    const auto found = words.find(parts[at]);
    if (found == words.end()) return nullptr;
    for (const auto& word : found->second)
      if (word.parts.size() <= parts.size() - at &&
          std::equal(word.parts.begin(), word.parts.end(),
                     parts.begin() + static_cast<int64_t>(at)))
        return &word;
    return nullptr;
  }
};

WordSwap::WordSwap(WordGroup group) {
  auto matcher = std::make_unique<Matcher>();
  matcher->group = std::move(group);
  const auto& own = matcher->group;
  for (const auto& pair : own.pairs) matcher->add_pair(pair, true);
  for (const auto& pair : own.one_way) matcher->add_pair(pair, false);
  for (const auto& word : own.words) {
    matcher->rules.push_back(printable(word));
    matcher->add(word, own.by, matcher->rules.size() - 1);
  }
  if (matcher->rules.empty())
    throw ModelError(own.masks ? "words: expected at least one"
                               : "pairs: expected at least one pair of words");
  matcher_ = std::move(matcher);
}
WordSwap::~WordSwap() = default;
WordSwap::WordSwap(WordSwap&&) noexcept = default;

const WordGroup& WordSwap::group() const { return matcher_->group; }
const std::vector<std::string>& WordSwap::rules() const { return matcher_->rules; }

WordSwap::Changed WordSwap::apply(std::string_view text) const {
  const auto borders = word_borders(text);
  const auto parts = folded_parts(text);
  const bool leaves_out = matcher_->group.masks && matcher_->group.by.empty();
  Changed changed;
  std::set<size_t> used;
  const auto part = [&](size_t i) { return text.substr(borders[i], borders[i + 1] - borders[i]); };
  const auto ends_blank = [&] {
    return changed.text.empty() || changed.text.back() == ' ' || changed.text.back() == '\n';
  };
  for (size_t i = 0; i < parts.size();) {
    const auto* word = matcher_->find(parts, i);
    if (!word) {
      changed.text += part(i++);
      continue;
    }
    used.insert(word->rule);
    const size_t next = i + word->parts.size();
    const auto found = text.substr(borders[i], borders[next] - borders[i]);
    i = next;
    if (!leaves_out) {
      changed.text += matcher_->group.masks ? matcher_->group.by
                                            : in_case_of(found, word->listed, word->becomes);
    } else if (ends_blank() && i < parts.size() && parts[i] == " ") {
      ++i;  // of two blanks one stays
    } else if (i == parts.size() && !changed.text.empty() && ends_blank()) {
      changed.text.pop_back();
    }
  }
  changed.used.assign(used.begin(), used.end());
  return changed;
}

const WordGroup& group_called(const std::vector<WordGroup>& groups, const std::string& name,
                              const std::string& file) {
  std::vector<std::string> names;
  for (const auto& group : groups) names.push_back(group.name);
  if (name.empty()) {
    if (groups.size() == 1) return groups.front();
    std::string all;
    for (const auto& known : names) all += (all.empty() ? "" : ", ") + known;
    throw ModelError(file + ": expected the name of one of its groups: " + all);
  }
  for (const auto& group : groups)
    if (group.name == name) return group;
  throw ModelError(file + ": no group is called '" + name + "'" + suggestion(name, names));
}

}  // namespace heed
