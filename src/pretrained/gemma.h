// What Gemma 2 and 3 have in common.
#pragma once

#include "pretrained/decoder.h"

namespace heed::pretrained {

/// All but rope and which layers see a window. Norms are stored less one and stand before and behind
/// each branch; embeddings are multiplied by sqrt(M); scores by query_pre_attn_scalar^-0.5.
DecoderConfig gemma_config(Config& config);

}  // namespace heed::pretrained
