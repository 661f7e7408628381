#include "heed/data/entity_permutation.h"

#include <numeric>
#include <set>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/data/stories.h"

namespace heed::data {
namespace {

constexpr uint64_t kPermutationKey = 0x65786368616e6765;

[[noreturn]] void refuse_permutation(const std::string& what) {
  throw UsageError("entity_permutation: " + what);
}

}  // namespace

EntityPermutation::EntityPermutation(const std::vector<std::string>& groups,
                                     const StoryVocabulary& vocabulary)
    : words_(vocabulary.size()) {
  std::set<std::string> seen;
  for (const auto& text : groups) {
    auto& group = groups_.emplace_back();
    for (const auto& word : words_of(text)) {
      const int64_t number = vocabulary.word(word);
      if (number == StoryVocabulary::kUnknown)
        refuse_permutation("no story has the word '" + word + "'" +
                           suggestion(word, vocabulary.words));
      if (!seen.insert(word).second)
        refuse_permutation("the word '" + word + "' stands twice; a word has one group");
      group.push_back(number);
    }
    if (group.size() < 2)
      refuse_permutation("expected a text of at least two words per group, given '" + text + "'");
  }
  // Answers may have words that no story has: they have numbers behind the vocabulary's.
  std::map<std::string, int64_t> others;
  for (const auto& answer : vocabulary.answers) {
    auto& row = answers_.emplace_back();
    for (const auto& word : words_of(answer)) {
      const int64_t number = vocabulary.word(word);
      const auto next = words_ + static_cast<int64_t>(others.size());
      row.push_back(number != StoryVocabulary::kUnknown ? number
                                                        : others.emplace(word, next).first->second);
    }
    class_of_.emplace(row, static_cast<int64_t>(answers_.size()) - 1);
  }
}

Renaming EntityPermutation::draw(uint64_t seed, uint32_t epoch, uint32_t record) const {
  Renaming renaming;
  renaming.of_ = this;
  renaming.to_.resize(static_cast<size_t>(words_));
  std::iota(renaming.to_.begin(), renaming.to_.end(), int64_t{0});
  uint64_t key = seed ^ kPermutationKey;
  for (const auto& group : groups_) {
    const auto order =
        permutation(static_cast<int64_t>(group.size()), Random(key++, epoch, record));
    for (size_t i = 0; i < group.size(); ++i)
      renaming.to_[static_cast<size_t>(group[i])] = group[order[i]];
  }
  return renaming;
}

int64_t Renaming::word(int64_t number) const {
  return number < of_->words_ ? to_[static_cast<size_t>(number)] : number;
}

std::vector<int64_t> Renaming::words(const std::vector<int64_t>& numbers) const {
  std::vector<int64_t> row;
  for (const int64_t number : numbers) row.push_back(word(number));
  return row;
}

int64_t Renaming::answer(int64_t number) const {
  if (number < 0) return -1;
  const auto found = of_->class_of_.find(words(of_->answers_[static_cast<size_t>(number)]));
  return found == of_->class_of_.end() ? -1 : found->second;
}

}  // namespace heed::data
