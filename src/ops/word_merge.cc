// How the heads' outputs become one; nn::MultiHeadAttention does it.
#include "ops/word.h"

namespace heed::ops {

Definition word_concat() {
  return {.word = {Word::Kind::merge, "concat", {}, "heads side by side, then a linear layer"}};
}

Definition word_sum() {
  return {.word = {Word::Kind::merge, "sum", {}, "each head its own linear layer, then the sum"}};
}

}  // namespace heed::ops
