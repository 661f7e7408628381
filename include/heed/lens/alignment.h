// Which words of a source a translation's words come from.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "heed/lens/text_maps.h"

namespace heed::lens {

/// How pieces make words.
enum class Joining {
  marks,   ///< U+2581 begins a word (SentencePiece); after "@@" at its end a word goes on
           ///< (subword-nmt), and so where no piece has a mark: each is a word
  pieces,  ///< every piece is one
  spaces   ///< what stands between white space: characters, bytes
};

struct Words {
  std::vector<std::string> words;
  std::vector<int64_t> of;  ///< the word of each piece; -1: of none (special, white space)
};

/// Joins pieces to words, without their marks; pieces that are bytes ("<0xC3>") become those bytes.
/// `special[i]`: piece i is no text. Throws UsageError unless there are as many flags as pieces.
Words join(const std::vector<std::string>& pieces, const std::vector<bool>& special, Joining how);

struct Alignment {
  std::string title;  ///< "cross 5 mean": whose weights they are
  Words source, target;
  std::vector<std::pair<int64_t, int64_t>> links;  ///< (source word, target word), in order
  at::Tensor weights;                              ///< (Lt, Ls) float64, of the pieces
};

/// Every target piece is linked to the source piece of the greatest weight in the row that predicts
/// it (of equal ones the first); special pieces are left out, and words are linked where any of
/// their pieces are (Zenkel et al. 2019, "Adding Interpretable Attention to Neural Translation
/// Models Improves Word Alignment"). Of a translator `layer` and `head` choose as selected() does;
/// without a layer it is the last cross attention but one, and without a head the mean of its
/// heads: what Garg et al. 2019 ("Jointly Learning to Align and Translate with Transformer Models")
/// found to align best in Transformers. A model with one cross attention has that one.
///
/// `target` joins what the rows of the cross maps predict: look() with `predicted`. Throws
/// ModelError for maps without cross attention, UsageError for other numbers of pieces and what
/// selected() throws.
Alignment align(const TextMaps& maps, const Words& source, const Words& target,
                const std::string& layer = "", int64_t head = 0);

/// "0-0 1-2 2-1": source-target, counted from 0 (Pharaoh's format).
std::string pharaoh(const Alignment& alignment);

}  // namespace heed::lens
