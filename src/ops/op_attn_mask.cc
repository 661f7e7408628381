// A mask tensor: boolean (true may be seen), or numbers added to the scores where -inf hides.
#include <limits>

#include "kernels/masks.h"
#include "ops/op_definition.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

at::Tensor hide_dense(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  if (context.attn_mask.scalar_type() == at::kBool)
    return scores.masked_fill(~context.attn_mask, kHidden);
  return (scores + context.attn_mask).masked_fill(context.attn_mask == kHidden, kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_dense(const OpSpec&, const CallContext& context) {
  if (context.attn_mask.scalar_type() == at::kBool)
    return std::make_unique<kernels::DenseMask<T>>(view_of<const bool>(context.attn_mask));
  return std::make_unique<kernels::AdditiveMask<T>>(view_of<const T>(context.attn_mask));
}

}  // namespace

OpDefinition op_attn_mask() {
  return {.kind = {OpKind::Role::mask,
                   "attn_mask",
                   {},
                   "a mask tensor, boolean or added to the scores"},
          .change = hide_dense,
          .mask = {make_dense<float>, make_dense<double>}};
}

}  // namespace heed::ops
