// An n-gram model beside what is heard.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/ngram.h"
#include "heed/data/tokenizer.h"
#include "heed/models/ctc.h"

namespace heed {

/// What the n-grams are of.
enum class NgramUnit { words, pieces };
constexpr std::array<const char*, 2> words(NgramUnit) { return {"words", "pieces"}; }

/// score = ln p(text | sound) + weight ln p(text) + bonus (words of the text), as Hannun et al. 2014.
struct TranscriptLanguageOptions {
  std::string file = "";
  NgramUnit unit = NgramUnit::words;
  double weight = 0.5;
  double bonus = 0;
  bool lexicon = false;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("file", file,
      "an n-gram model of texts, in the ARPA format, plain or .gz, to which a beam search listens; "
      "empty: none");
    v("unit", unit,
      "what its n-grams are of: words, or pieces, the tokenizer's, as characters, with U+2581 for "
      "a space");
    v("weight", weight, "of its ln p beside that of the sound", between(0, 1000));
    v("bonus", bonus, "what each word (or piece) adds to the score, in nats", between(-1000, 1000));
    v("lexicon", lexicon, "write the model's words alone");
  }
  bool is_default() const {
    return file.empty() && unit == NgramUnit::words && weight == 0.5 && bonus == 0 && !lexicon;
  }
};

/// Throws what NgramModel does, the file named by its key; DataError where none of its words could be written in the
/// tokenizer's pieces; ModelError for pieces of which no words are known to end.
std::shared_ptr<const CtcLanguage> make_transcript_language(
    const TranscriptLanguageOptions& options, data::TokenizerPtr tokenizer,
    data::TokenizerKind kind);

}  // namespace heed
