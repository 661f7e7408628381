// What somebody did, item by item, to tokens.
#pragma once

#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

/// The [encoder] table of a recipe for histories of items.
struct ItemsEncoderOptions : BlockStackOptions {
  ItemsEncoderOptions() { attention = Attention::parse("learned; causal; num_heads=2"); }

  int64_t max_positions = 50;
  int64_t gaps = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
    v("max_positions", max_positions, "items of the longest history; 0: any number",
      between(0, kMostLength));
    v("gaps", gaps, "vectors of the time since the item before, by its logarithm; 0: none",
      between(0, kMostLength));
  }
};

/// Batch: items (B, L) int64 below V, lengths (B) int64, padding at the end, and with `gaps` times
/// (B, L) floating, not falling. -> states (B, L, M), whose token t saw the items up to t alone
/// (SASRec, Kang & McAuley 2018):
///
///   z = drop(sqrt(M) E[items] + G[gap] + P),  gap_t = floor(log2(1 + time_t - time_t-1))
///   states = blocks(z)
///
/// gap_0 = 0, and a gap past the last vector takes that one. The attention becomes causal if it is
/// not. item_embedding() is E (V, M), for a head that ranks items by states E^T. E starts from a
/// normal of M^-0.5. Parameters: embedding (V, M), [gap_embedding], [position.*], layers.I.*,
/// [norm.*]. Throws ModelError that names the field where options do not fit each other.
class ItemsEncoderImpl : public nn::Remade<ItemsEncoderImpl, Encoder> {
 public:
  ItemsEncoderImpl(const ItemsEncoderOptions& options, int64_t items);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<ItemsEncoderImpl> remade() const {
    return std::make_shared<ItemsEncoderImpl>(options, items);
  }
  int64_t max_positions() const override;
  const at::Tensor& item_embedding() const { return embedding; }

  ItemsEncoderOptions options;
  int64_t items;             ///< V
  at::Tensor embedding;      ///< (V, M)
  at::Tensor gap_embedding;  ///< (gaps, M) or undefined
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  at::Tensor gaps(const Batch& batch, const at::Tensor& lengths, int64_t L) const;
};
TORCH_MODULE(ItemsEncoder);

}  // namespace heed
