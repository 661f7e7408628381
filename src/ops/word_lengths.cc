// Hides the padding: batch b has lengths[b] real keys.
#include <limits>

#include "kernels/masks.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor hide_padding(const Part&, const Scene& scene, const at::Tensor& scores) {
  const auto hidden = key_positions(scene, scores) >= scene.key_lengths.view({-1, 1, 1, 1});
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_key_lengths(const Part&, const Scene& scene) {
  return std::make_unique<kernels::LengthMask<T>>(scene.key_lengths.data_ptr<int64_t>());
}

}  // namespace

Definition word_lengths() {
  return {
      .word = {Word::Kind::mask, "key_lengths", {}, "hides the keys after each sequence's length"},
      .change = hide_padding,
      .mask = {make_key_lengths<float>, make_key_lengths<double>}};
}

}  // namespace heed::ops
