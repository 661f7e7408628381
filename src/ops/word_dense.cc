// A mask tensor: boolean (true may be seen), or numbers added to the scores where -inf hides.
#include <limits>

#include "kernels/masks.h"
#include "ops/view.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor hide_dense(const Part&, const Scene& scene, const at::Tensor& scores) {
  if (scene.attn_mask.scalar_type() == at::kBool)
    return scores.masked_fill(~scene.attn_mask, kHidden);
  return (scores + scene.attn_mask).masked_fill(scene.attn_mask == kHidden, kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_dense(const Part&, const Scene& scene) {
  if (scene.attn_mask.scalar_type() == at::kBool)
    return std::make_unique<kernels::DenseMask<T>>(view_of<const bool>(scene.attn_mask));
  return std::make_unique<kernels::AdditiveMask<T>>(view_of<const T>(scene.attn_mask));
}

}  // namespace

Definition word_dense() {
  return {
      .word = {Word::Kind::mask, "attn_mask", {}, "a mask tensor, boolean or added to the scores"},
      .change = hide_dense,
      .mask = {make_dense<float>, make_dense<double>}};
}

}  // namespace heed::ops
