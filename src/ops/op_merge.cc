// How the heads' outputs become one; nn::MultiHeadAttention does it.
#include "ops/op_definition.h"

namespace heed::ops {

OpDefinition op_concat() {
  return {.kind = {OpKind::Role::merge, "concat", {}, "heads side by side, then a linear layer"}};
}

OpDefinition op_sum() {
  return {.kind = {OpKind::Role::merge, "sum", {}, "each head its own linear layer, then the sum"}};
}

}  // namespace heed::ops
