// Words that may change places: more stories from the ones at hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace heed::data {

class Renaming;
struct StoryVocabulary;

/// Groups of words that mean nothing but themselves, such as the people of a story: where any two
/// of a group change places in the story, its question and its answer alike, the answer stays
/// right. A reader that learns from stories so renamed cannot learn by heart who was where.
class EntityPermutation {
 public:
  /// A group is a text of at least two words: "mary john sandra". Throws UsageError for fewer, for
  /// a word that the vocabulary lacks, and for one that stands twice.
  EntityPermutation(const std::vector<std::string>& groups, const StoryVocabulary& vocabulary);

  /// Every order of each group equally likely, drawn for a record of an epoch alone. The
  /// permutation must outlive it.
  Renaming draw(uint64_t seed, uint32_t epoch, uint32_t record) const;

 private:
  friend Renaming;
  std::vector<std::vector<int64_t>> groups_, answers_;  // words of each group, of each class
  std::map<std::vector<int64_t>, int64_t> class_of_;
  int64_t words_ = 0;
};

/// One way to rename: every group in another order.
class Renaming {
 public:
  int64_t word(int64_t number) const;
  std::vector<int64_t> words(const std::vector<int64_t>& numbers) const;
  /// The class of the renamed answer; -1 where the vocabulary has no such answer (the lists
  /// "apple,milk" and "milk,apple" are two).
  int64_t answer(int64_t number) const;

 private:
  friend EntityPermutation;
  const EntityPermutation* of_ = nullptr;
  std::vector<int64_t> to_;  // of each word
};

}  // namespace heed::data
