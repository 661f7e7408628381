// Groups of words that are swapped or masked in texts: what would a model answer if "he" were "she"?
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed {

/// A table of a file of lists:
///
///   [[swap]]
///   name = "gender"
///   pairs = [["he", "she"], ["his", "her"]]   # both ways
///   one_way = [["him", "her"]]                # only the first becomes the second
///
///   [[mask]]
///   name = "pronouns"
///   words = ["he", "she"]
///   by = "[MASK]"                             # "": the word is left out, with a blank beside it
///
/// Swapping is counterfactual data augmentation's change of a text (Lu et al. 2018; Kaushik et al. 2020).
struct WordGroup {
  using Pair = std::pair<std::string, std::string>;
  std::string name;
  std::vector<Pair> pairs = {}, one_way = {};  ///< of a group that swaps
  std::vector<std::string> words = {};         ///< of a group that masks
  std::string by = {};
  bool masks = false;
};

/// The groups of a file, in its order. Throws FileError, and ModelError with file, line and key for what is no such list:
/// an unknown key, a group without words or of a name that another has, and what WordSwap refuses.
std::vector<WordGroup> read_word_lists(const std::filesystem::path& file);
/// The same of a text; `name` stands in messages.
std::vector<WordGroup> parse_word_lists(std::string_view toml, const std::string& name);

/// The group called `name`, or the only one where it is empty. Throws ModelError that names `file` and the nearest name.
const WordGroup& group_called(const std::vector<WordGroup>& groups, const std::string& name,
                              const std::string& file);

/// What a group makes of texts.
///
/// Words lie between the borders of ICU's rules (Unicode Standard Annex 29), and an apostrophe is one, too, so that "he" is
/// found in "he's"; so is each ideograph, of which ICU would make words by a dictionary. Words of a list may be phrases; of
/// those that begin at a place the longest counts. They are compared by Unicode's case folding in its composed form (NFC),
/// any run of white space as a blank. What is put in has the case of what it replaces: HE, He, he become SHE, She, she; a
/// word that stands as the list has it becomes its partner as the list has it.
class WordSwap {
 public:
  /// Throws ModelError for an empty group, an empty or blank word, one without letters or digits, blanks at its ends, a pair of
  /// a word and itself, and a word that would become two others: what it becomes is not clear.
  explicit WordSwap(WordGroup group);
  ~WordSwap();
  WordSwap(WordSwap&&) noexcept;

  struct Changed {
    std::string text;
    std::vector<size_t> used;  ///< numbers of the rules that changed something, ascending
  };
  /// Cost: O(bytes). May be called by several threads at once.
  Changed apply(std::string_view text) const;

  const WordGroup& group() const;
  /// What becomes of a word: "he -> she", "she -> he"; of a mask its words. In the order of the lists, pairs before one_way.
  const std::vector<std::string>& rules() const;

 private:
  struct Matcher;
  std::unique_ptr<const Matcher> matcher_;
};

}  // namespace heed
