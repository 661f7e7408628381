// Hides the padding: batch b has lengths[b] real keys.
#include <limits>

#include "kernels/masks.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor hide_padding(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto hidden = key_positions(context, scores) >= context.key_lengths.view({-1, 1, 1, 1});
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_key_lengths(const OpSpec&, const CallContext& context) {
  return std::make_unique<kernels::LengthMask<T>>(context.key_lengths.data_ptr<int64_t>());
}

}  // namespace

OpDefinition op_key_lengths() {
  return {.kind = {OpKind::Role::mask,
                   "key_lengths",
                   {},
                   "hides the keys after each sequence's length"},
          .change = hide_padding,
          .mask = {make_key_lengths<float>, make_key_lengths<double>}};
}

}  // namespace heed::ops
