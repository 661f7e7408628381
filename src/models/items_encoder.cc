#include "heed/models/items_encoder.h"

#include "heed/nn/token_convolution.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/probed.h"

namespace heed {

using models::Dtype, models::taken;

ItemsEncoderImpl::ItemsEncoderImpl(const ItemsEncoderOptions& given, int64_t items)
    : options(given), items(items) {
  models::check_fields(options);
  models::check_blocks(options, {.name = "items", .lengths = true});
  if (items < 1) throw ModelError(text_of("items: expected at least 1, given ", items));
  for (const auto& mask : options.attention.masks)
    if (!mask.alternatives.empty())
      throw ModelError(
          "encoder.attention.masks: what is joined by '|' with causal lets an item see "
          "what it predicts; join masks by ';'");
  const int64_t M = options.width;
  embedding = models::embedding_table(*this, "embedding", items, M);
  if (options.gaps > 0)
    gap_embedding = models::embedding_table(*this, "gap_embedding", options.gaps, M);
  position = models::additive_position(*this, "position", options.attention.position, M,
                                       options.max_positions);
  blocks =
      BlockStack(*this, models::with_mask(models::with_mask(options, "causal"), "key_lengths"));
}

int64_t ItemsEncoderImpl::max_positions() const {
  const int64_t places = position ? position->max_positions() : 0;
  return places ? places : options.max_positions;
}

/// (B, L) int64: which vector the time since the item before has.
at::Tensor ItemsEncoderImpl::gaps(const Batch& batch, const at::Tensor& lengths, int64_t L) const {
  const auto& given = taken(batch, "times", {{"B", lengths.size(0)}, {"L", L}}, Dtype::floating);
  const auto times = given.to(at::kDouble);
  const auto since = times.slice(1, 1) - times.slice(1, 0, -1);
  const auto first = torch::zeros({times.size(0), std::min<int64_t>(L, 1)}, times.options());
  const auto all = nn::without_padding(torch::cat({first, since}, 1), lengths);
  if (!all.ge(0).all().item<bool>())
    throw UsageError("encoder: times: expected times that do not fall, of one record");
  return all.add(1).log2().floor().clamp_max(double(options.gaps - 1)).to(at::kLong);
}

Tokens ItemsEncoderImpl::forward(const Batch& batch) {
  const auto& given = taken(batch, "items", {{"B"}, {"L"}}, Dtype::int64);
  const int64_t B = given.size(0), L = given.size(1);
  const auto& lengths = models::taken_lengths(batch, B, L);
  if (max_positions() > 0 && L > max_positions())
    throw UsageError(text_of("encoder: items: expected at most max_positions = ", max_positions(),
                             " of a history, given ", L, "; keep the last ones"));
  const auto ids = nn::without_padding(given, lengths);
  models::check_ids("items", ids, 0, items - 1);
  auto x = nn::embedded(models::embed(ids, embedding, /*scale=*/true));
  if (gap_embedding.defined()) x = x + torch::embedding(gap_embedding, gaps(batch, lengths, L));
  if (position) x = position->forward(x);
  const auto states = blocks.forward(heed::dropout(x, options.dropout, is_training()),
                                     models::told_lengths(lengths));
  return {.states = states, .lengths = lengths};
}

}  // namespace heed
