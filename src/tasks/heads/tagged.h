// Sentences with a tag a word, and what answers them without a model.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/metrics/spans.h"
#include "heed/tasks/input.h"
#include "tasks/heads/dense.h"
#include "tasks/heads/unseen.h"

namespace heed {

/// What a tag says.
enum class TagsScheme { none, iob2, iobes, roles };
constexpr std::array<const char*, 4> words(TagsScheme) {
  return {"none", "iob2", "iobes", "roles"};
}

enum class TagDecoder { softmax, crf };
constexpr std::array<const char*, 2> words(TagDecoder) { return {"softmax", "crf"}; }

struct TagsHeadOptions {
  std::string column = "upos";
  TagsScheme scheme = TagsScheme::none;
  TagDecoder decoder = TagDecoder::softmax;
  DenseOptions dense;
  double dropout = 0;
  Unseen unseen = Unseen::refuse;
  std::string predicate = "pred";
  std::string part_of_speech;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "list of the tags, one a word");
    v("scheme", scheme,
      "what a tag says: none: of its word, as a part of speech; iob2, iobes: of a span of words, "
      "as a name; roles: of its word as an argument of the example's predicate, _: none");
    v("decoder", decoder,
      "softmax: each tag by itself; crf: all tags of a sentence together, as the scheme allows");
    v("dense", dense, "");
    v("dropout", dropout, "of tokens", from_to_below(0, 1));
    v("unseen", unseen, "tags of valid and test that training never saw: refused, or wrong");
    if (scheme != TagsScheme::roles) return;
    v("predicate", predicate, "list that marks the predicate, as that of the input");
    v("part_of_speech", part_of_speech,
      "list by which, with the distance, the baseline guesses; empty: by the distance alone");
  }

  bool has_spans() const { return scheme == TagsScheme::iob2 || scheme == TagsScheme::iobes; }
  bool has_roles() const { return scheme == TagsScheme::roles; }
};

/// What a head and its baseline know of an example.
struct TaggedSentence {
  std::string text;  ///< in which words have their places
  std::vector<TokenPlace> words;
  std::vector<std::string> parts_of_speech;  ///< of roles, where the options name them
  int64_t predicate = -1;                    ///< word of roles; -1: there is none
};

TaggedSentence tagged_sentence(const Split& split, int64_t example, const TagsHeadOptions& options);

/// The tags of an example, "_" for empty ones of roles. Throws DataError where they do not match
/// the words in number.
std::vector<std::string> tags_of(const Split& split, int64_t example,
                                 const TagsHeadOptions& options, size_t words);

/// Words begin .. end - 1 with a space between them.
std::string text_of_words(const std::vector<TokenPlace>& words, int64_t begin, int64_t end);

/// What training says without a model: the most frequent tag of each word, type of each name, or
/// role of each part of speech at a distance.
class TagBaseline {
 public:
  TagBaseline() = default;
  explicit TagBaseline(const TagsHeadOptions& options) : options_(options) {}
  void learn(const TaggedSentence& sentence, const std::vector<std::string>& tags);
  /// After the last sentence.
  void finish();

  bool knows(const std::string& word) const { return best_.contains(word); }
  /// A word that training did not have has the most frequent tag of all. Not for spans.
  std::vector<std::string> tags(const TaggedSentence& sentence) const;
  /// The longest names of training that stand there, from left to right.
  std::vector<Span> spans(const TaggedSentence& sentence) const;

  std::string file() const;  ///< JSON
  static TagBaseline from_file(const Files& files, const std::string& name,
                               const TagsHeadOptions& options);

 private:
  std::string key_of(const TaggedSentence& sentence, int64_t word) const;
  void find_longest();

  TagsHeadOptions options_;
  std::map<std::string, std::map<std::string, int64_t>> counts_;  // while it learns
  std::map<std::string, std::string> best_;
  std::string major_;
  int64_t longest_ = 0;  // words of a name
};

}  // namespace heed
