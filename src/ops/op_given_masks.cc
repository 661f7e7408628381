// Masks from small tensors that come with the call: documents packed into one sequence, and any
// pattern of blocks.
#include <limits>

#include "kernels/given_masks.h"
#include "ops/op_definition.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

at::Tensor hide_documents(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto& of = context.segment_ids;  // (b, Lk)
  const auto queries = of.narrow(1, context.row + context.offset, scores.size(2));
  const auto keys = of.narrow(1, context.column, scores.size(3));
  return scores.masked_fill((queries.unsqueeze(2) != keys.unsqueeze(1)).unsqueeze(1), kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_segment_ids(const OpSpec&, const CallContext& context) {
  return std::make_unique<kernels::SegmentMask<T>>(context.segment_ids.data_ptr<int64_t>(),
                                                   context.sizes.Lk, context.offset);
}

at::Tensor hide_blocks(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto size = static_cast<int64_t>(op.at("size"));
  // Keys beyond the last are hidden anyway.
  const auto block_of = [&](int64_t first, int64_t count, int64_t blocks) {
    const auto at = torch::arange(first, first + count, scores.options().dtype(at::kLong));
    return torch::floor_divide(at, size).clamp_max(blocks - 1);
  };
  const auto& b = context.block_mask;
  const auto seen = b.index_select(2, block_of(context.row, scores.size(2), b.size(2)))
                        .index_select(3, block_of(context.column, scores.size(3), b.size(3)));
  return scores.masked_fill(~seen, kHidden);
}

template <class T>
std::unique_ptr<kernels::Mask<T>> make_block_mask(const OpSpec& op, const CallContext& context) {
  return std::make_unique<kernels::BlockMask<T>>(view_of<const bool>(context.block_mask),
                                                 static_cast<int64_t>(op.at("size")));
}

}  // namespace

OpDefinition op_segment_ids() {
  return {.kind = {OpKind::Role::mask, "segment_ids", {}, "a query sees the keys of its document"},
          .change = hide_documents,
          .mask = {make_segment_ids<float>, make_segment_ids<double>}};
}

OpDefinition op_block_mask() {
  return {.kind = {OpKind::Role::mask,
                   "block_mask",
                   {{"size", 64, 1, 1 << 30, true, "queries and keys per block"}},
                   "any pattern of blocks, given as a tensor"},
          .change = hide_blocks,
          .mask = {make_block_mask<float>, make_block_mask<double>}};
}

}  // namespace heed::ops
