// Masks from small tensors that come with the call: documents packed into one sequence, and any
// pattern of blocks.
#include <limits>

#include "kernels/given_masks.h"
#include "ops/view.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor hide_documents(const Part&, const Scene& scene, const at::Tensor& scores) {
  const auto& of = scene.segment_ids;  // (b, Lk)
  const auto queries = of.narrow(1, scene.row + scene.offset, scores.size(2));
  const auto keys = of.narrow(1, scene.column, scores.size(3));
  return scores.masked_fill((queries.unsqueeze(2) != keys.unsqueeze(1)).unsqueeze(1), kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_segment_ids(const Part&, const Scene& scene) {
  return std::make_unique<kernels::SegmentMask<T>>(scene.segment_ids.data_ptr<int64_t>(),
                                                   scene.sizes.Lk, scene.offset);
}

at::Tensor hide_blocks(const Part& part, const Scene& scene, const at::Tensor& scores) {
  const auto size = static_cast<int64_t>(part.at("size"));
  // Keys beyond the last are hidden anyway.
  const auto block_of = [&](int64_t first, int64_t count, int64_t blocks) {
    const auto at = torch::arange(first, first + count, scores.options().dtype(at::kLong));
    return torch::floor_divide(at, size).clamp_max(blocks - 1);
  };
  const auto& b = scene.block_mask;
  const auto seen = b.index_select(2, block_of(scene.row, scores.size(2), b.size(2)))
                        .index_select(3, block_of(scene.column, scores.size(3), b.size(3)));
  return scores.masked_fill(~seen, kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_block_mask(const Part& part, const Scene& scene) {
  return std::make_unique<kernels::BlockMask<T>>(view_of<const bool>(scene.block_mask),
                                                 static_cast<int64_t>(part.at("size")));
}

}  // namespace

Definition word_documents() {
  return {.word = {Word::Kind::mask, "segment_ids", {}, "a query sees the keys of its document"},
          .change = hide_documents,
          .mask = {make_segment_ids<float>, make_segment_ids<double>}};
}

Definition word_blocks() {
  return {.word = {Word::Kind::mask,
                   "block_mask",
                   {{"size", 64, 1, 1 << 30, true, "queries and keys a block"}},
                   "any pattern of blocks, given as a tensor"},
          .change = hide_blocks,
          .mask = {make_block_mask<float>, make_block_mask<double>}};
}

}  // namespace heed::ops
