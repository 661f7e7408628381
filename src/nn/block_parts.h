// What blocks make of their options.
#pragma once

#include "heed/nn/block_parts.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/row_norm.h"

namespace heed::nn {

RowNorm norm_of(const BlockParts& parts, int64_t width);
MultiHeadAttentionOptions attention_of(const BlockParts& parts, int64_t width,
                                       const Attention& attention);

/// Of the options of a block with a feed-forward part.
template <class BlockOptions>
FeedForward feed_forward_of(const BlockOptions& options) {
  return FeedForward(FeedForwardOptions(options.width(), options.hidden())
                         .activation(options.activation())
                         .dropout(options.dropout())
                         .bias(options.parts().has_bias("feed_forward"))
                         .gated(options.parts().gated));
}

}  // namespace heed::nn
