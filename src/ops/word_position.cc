// Positions that act on inputs or on q and k before they are compared: the modules in nn apply
// them, so here they are declared only.
#include "ops/word.h"

namespace heed::ops {

Definition word_none() {
  return {.word = {Word::Kind::position, "none", {}, "order adds nothing"}};
}

Definition word_sinusoidal() {
  return {.word = {Word::Kind::position,
                   "sinusoidal",
                   {{"base", 10000, 1, 1e12, false, "the longest wavelength is 2 pi base"}},
                   "fixed sines and cosines added to the inputs (Vaswani et al. 2017)"}};
}

Definition word_learned() {
  return {.word = {Word::Kind::position,
                   "learned",
                   {{"length", 0, 0, 1 << 24, true,
                     "positions in the table; 0: the longest input that the model declares"}},
                   "a trained vector a position added to the inputs"}};
}

Definition word_rope() {
  return {
      .word = {Word::Kind::position,
               "rope",
               {{"base", 10000, 1, 1e12, false, "the longest wavelength is 2 pi base"},
                {"interleaved", 0, 0, 1, true,
                 "1: rotates neighbours (0, 1), (2, 3), ...; 0: halves (0, D/2), (1, D/2+1), ..."}},
               "queries and keys rotated by their position (Su et al. 2021)"}};
}

}  // namespace heed::ops
