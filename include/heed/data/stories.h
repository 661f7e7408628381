// Stories and questions about them: the format of the bAbI tasks (Weston et al. 2015).
//
//   1 Mary moved to the bathroom.
//   2 John went to the hallway.
//   3 Where is Mary?<TAB>bathroom<TAB>1
//   4 ...
//
// A line is a number, a blank and text. A line with a tab is a question about the sentences above
// it: question, answer, the numbers of the sentences that support it. Number 1 begins a new story.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/data/cursor.h"
#include "heed/data/entity_permutation.h"
#include "heed/data/lines.h"

namespace heed::data {

struct Story {
  std::vector<std::string> sentences;
  std::vector<int64_t> numbers;  ///< of each sentence, as the file has them
};

struct Question {
  int64_t story = 0;      ///< its story's index in Stories
  int64_t sentences = 0;  ///< how many of the story's sentences stand above it
  std::string text;
  std::string answer;               ///< empty where the file has none
  std::vector<int64_t> supporting;  ///< indices of sentences, those that the file names
  std::string place;                ///< "qa1_train.txt:3"
};

struct Stories {
  std::vector<Story> stories;
  std::vector<Question> questions;
};

enum class Answers { required, optional };

/// Reads a file of stories, plain or gzipped. With Answers::optional a question may lack its
/// answer: "3 Where is Mary?<TAB>", or a line without a tab that ends with '?'. Throws FileError
/// (absent, unreadable), DataError (file:line, what is wrong): no number or no text, a number that
/// is neither 1 nor the one after the last, a question or sentence without words, a question
/// without an answer, a supporting number that is no sentence above the question, more than three
/// fields, a file without questions, and what LineReader refuses.
Stories read_stories(const std::filesystem::path& file, Answers answers = Answers::required);
/// The same from lines, as far as they go; `name` stands in messages. Standard input:
/// read_stories(LineReader::standard_input(), "standard input").
Stories read_stories(LineReader lines, const std::string& name,
                     Answers answers = Answers::required);

/// The words of a text: ASCII letters lowered, parted by blanks and by ASCII punctuation other than
/// ' and -. "Where's Mary-Ann?" has two words, where's and mary-ann.
std::vector<std::string> words_of(std::string_view text);

/// Words and answers by number. An answer is a class as a whole: "football,apple" (a list, task 8)
/// and "s,e" (a path, task 19) are one class each, as in Sukhbaatar et al. 2015, so only lists that
/// the training data has can be answered.
struct StoryVocabulary {
  static constexpr int64_t kPadding = 0, kUnknown = 1, kFirstWord = 2;
  std::vector<std::string> words;    ///< number i + kFirstWord is words[i]; sorted
  std::vector<std::string> answers;  ///< class i; sorted

  /// All words of stories and questions, all answers.
  static StoryVocabulary of(const Stories& stories);
  int64_t size() const { return static_cast<int64_t>(words.size()) + kFirstWord; }
  int64_t word(const std::string& text) const;    ///< kUnknown where it has none
  int64_t answer(const std::string& text) const;  ///< -1 where it has none
};

/// Questions with their stories as numbers. Sentences repeat within a batch, so each distinct one
/// stands once: story[b, s] is a row of `sentences`.
struct StoryBatch {
  at::Tensor sentences;  ///< (U, W) int64: words, padded with 0; row 0 is without words
  at::Tensor story;      ///< (B, S) int64: the sentences in their order, padded with 0 at the end
  at::Tensor lengths;    ///< (B) int64: sentences of each story, 0 .. S
  at::Tensor questions;  ///< (B, Wq) int64: words, padded with 0
  at::Tensor answers;    ///< (B) int64: classes; -1 where the vocabulary lacks the answer
  at::Tensor indices;    ///< (B) int64: the record's number in the set
};

/// Counts of a StorySet.
struct StoryStats {
  int64_t questions = 0;
  int64_t longest = 0;          ///< sentences of the longest story
  int64_t unknown_words = 0;    ///< words, in all records, that the vocabulary lacks
  int64_t unknown_answers = 0;  ///< records whose answer it lacks
  int64_t shortened = 0;        ///< records of which sentences were left out
};

/// Questions in memory, by number.
class StorySet {
 public:
  /// Keeps the last `max_length` sentences above each question; 0: all.
  StorySet(const Stories& stories, const StoryVocabulary& vocabulary, int64_t max_length = 0);

  int64_t size() const { return static_cast<int64_t>(records_.size()); }
  /// The records of a batch in that order, renamed where `renamings` has one for each. A record
  /// whose renamed answer is no class keeps its words. Throws UsageError for an index outside
  /// 0 .. size() - 1.
  StoryBatch batch(const std::vector<int64_t>& indices,
                   const std::vector<Renaming>& renamings = {}) const;
  /// What to call the record in a message: "qa1_train.txt:3".
  const std::string& name(int64_t index) const;
  /// The first `count` records, and the rest.
  std::pair<StorySet, StorySet> split(int64_t count) const;

  StoryStats stats() const;

 private:
  struct Record {
    std::vector<int64_t> sentences;  // rows of sentences_
    std::vector<int64_t> question;
    int64_t answer = -1, unknown = 0;
    bool shortened = false;
    std::string name;
  };
  StorySet() = default;
  std::vector<std::vector<int64_t>> sentences_;  // distinct
  std::vector<Record> records_;
};

/// Batches of a StorySet, an epoch at a time, as data::Loader gives them: the order of an epoch
/// depends on (seed, epoch) alone, and a loader that seeks to a cursor goes on with the same
/// batches.
class StoryLoader {
 public:
  /// The set must outlive the loader. With a `permutation`, which must outlive it, too, the words
  /// of every record are renamed in every epoch as drawn from (seed, epoch, record). Throws
  /// UsageError for a batch below 1, DataError for an empty set.
  StoryLoader(const StorySet& set, int64_t batch, bool shuffle = false, uint64_t seed = 0,
              const EntityPermutation* permutation = nullptr);

  std::optional<StoryBatch> next();
  Cursor cursor() const { return cursor_; }
  void seek(const Cursor& cursor);
  int64_t batches() const { return (set_->size() + batch_ - 1) / batch_; }

 private:
  void make_order();
  const StorySet* set_;
  int64_t batch_;
  bool shuffle_;
  uint64_t seed_;
  const EntityPermutation* permutation_;
  Cursor cursor_;
  std::vector<int64_t> order_;
};

}  // namespace heed::data
