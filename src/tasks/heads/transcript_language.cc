#include "tasks/heads/transcript_language.h"

#include <algorithm>
#include <limits>
#include <numbers>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr double kForbidden = -std::numeric_limits<double>::infinity();
const std::string kSpaceOfPieces = "\u2581";

/// What a token does to the words of a text.
struct TokenWriting {
  bool ends_word = false;  ///< the one that was begun, before its own text
  bool whole = false;      ///< its text is a word by itself
  std::string text;
};

TokenWriting writing_of(std::string piece, data::TokenizerKind kind) {
  if (kind == data::TokenizerKind::words) return {true, true, std::move(piece)};
  if (kind == data::TokenizerKind::characters) {
    const bool space = piece == " ";
    return {space, false, space ? "" : std::move(piece)};
  }
  if (!piece.starts_with(kSpaceOfPieces)) return {false, false, std::move(piece)};
  return {true, false, piece.substr(kSpaceOfPieces.size())};
}

class TranscriptLanguage : public CtcLanguage {
 public:
  TranscriptLanguage(const TranscriptLanguageOptions& options, const data::Tokenizer& tokenizer,
                     data::TokenizerKind kind)
      : options_(options), model_(options.file), weight_(options.weight * std::numbers::ln10) {
    for (int64_t i = 0; i < tokenizer.size(); ++i) {
      const auto piece = tokenizer.piece(i);
      if (by_piece())
        units_.push_back(model_.id(piece == " " ? kSpaceOfPieces : piece));
      else
        tokens_.push_back(writing_of(piece, kind));
    }
    by_piece() ? check_units(tokenizer) : check_words(tokenizer);
  }

  State begin() const override { return {model_.begin(), ""}; }

  double added(const State& state, int64_t token) const override {
    const auto i = static_cast<size_t>(token);
    if (by_piece()) return of_unit(state.context, units_[i]);
    const auto& writing = tokens_[i];
    if (writing.whole) return of_word(state.context, writing.text);
    double sum = 0;
    auto begun = state.begun;
    if (writing.ends_word) {
      // A space where no word was begun is nobody's text.
      if (begun.empty()) sum = writing.text.empty() && options_.lexicon ? kForbidden : 0;
      if (!begun.empty()) sum = of_word(state.context, begun);
      begun.clear();
    }
    return may_begin(begun + writing.text) ? sum : kForbidden;
  }

  State after(const State& state, int64_t token) const override {
    const auto i = static_cast<size_t>(token);
    if (by_piece()) return {model_.after(state.context, units_[i]), ""};
    const auto& writing = tokens_[i];
    if (writing.whole) return {model_.after(state.context, model_.id(writing.text)), ""};
    auto next = state;
    if (writing.ends_word && !next.begun.empty()) {
      next.context = model_.after(next.context, model_.id(next.begun));
      next.begun.clear();
    }
    next.begun += writing.text;
    return next;
  }

  double at_end(const State& state) const override {
    if (state.begun.empty()) return weight_ * model_.log10(state.context, model_.end());
    const auto whole = model_.after(state.context, model_.id(state.begun));
    return of_word(state.context, state.begun) + weight_ * model_.log10(whole, model_.end());
  }

 private:
  bool by_piece() const { return options_.unit == NgramUnit::pieces; }
  double of_unit(const data::NgramModel::Context& context, int32_t unit) const {
    if (options_.lexicon && unit == model_.unknown()) return kForbidden;
    return weight_ * model_.log10(context, unit) + options_.bonus;
  }
  double of_word(const data::NgramModel::Context& context, const std::string& word) const {
    return of_unit(context, model_.id(word));
  }
  bool may_begin(const std::string& begun) const {
    if (!options_.lexicon || begun.empty()) return true;
    const auto at = std::lower_bound(lexicon_.begin(), lexicon_.end(), begun);
    return at != lexicon_.end() && at->starts_with(begun);
  }
  void check_words(const data::Tokenizer& tokenizer) {
    lexicon_ = model_.words();
    std::sort(lexicon_.begin(), lexicon_.end());
    if (std::none_of(lexicon_.begin(), lexicon_.end(), [&](const auto& word) {
          const auto ids = tokenizer.encode(word);
          return std::find(ids.begin(), ids.end(), tokenizer.unknown()) == ids.end();
        }))
      throw DataError(options_.file +
                      ": none of its words can be written in the pieces of the model's tokenizer; "
                      "expected words as the transcripts of training have them, in the same case");
  }
  void check_units(const data::Tokenizer& tokenizer) const {
    for (int64_t i = 0; i < tokenizer.size(); ++i) {
      const bool special = i == tokenizer.padding() || i == tokenizer.unknown() ||
                           i == tokenizer.begin() || i == tokenizer.end();
      if (!special && units_[static_cast<size_t>(i)] != model_.unknown()) return;
    }
    throw DataError(options_.file +
                    ": none of its words is a piece of the model's tokenizer; expected n-grams of "
                    "pieces, or head.language.unit = \"words\"");
  }

  TranscriptLanguageOptions options_;
  data::NgramModel model_;
  double weight_;                     // of log10 p
  std::vector<TokenWriting> tokens_;  // unit = words
  std::vector<int32_t> units_;        // unit = pieces
  std::vector<std::string> lexicon_;  // sorted
};

}  // namespace

std::shared_ptr<const CtcLanguage> make_transcript_language(
    const TranscriptLanguageOptions& options, data::TokenizerPtr tokenizer,
    data::TokenizerKind kind) {
  const bool parts_words = kind == data::TokenizerKind::words ||
                           kind == data::TokenizerKind::characters ||
                           kind == data::TokenizerKind::unigram || kind == data::TokenizerKind::bpe;
  if (options.unit == NgramUnit::words && !parts_words)
    throw ModelError(text_of("head.language.unit: pieces of the kind ", word_of(kind),
                             " do not say where words end; expected \"pieces\""));
  try {
    return std::make_shared<TranscriptLanguage>(options, *tokenizer, kind);
  } catch (const FileError& error) {
    throw FileError(std::string("head.language.file: ") + error.what() +
                    "; say where it is by --set head.language.file=FILE, or leave it out by --set "
                    "'head.language.file=\"\"'");
  } catch (const DataError& error) {
    throw DataError(std::string("head.language.file: ") + error.what());
  }
}

}  // namespace heed
