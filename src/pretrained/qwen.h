// What Qwen 2 and 3 have in common.
#pragma once

#include "pretrained/decoder.h"

namespace heed::pretrained {

/// Llama's keys, and windows: use_sliding_window, sliding_window, and layer_types or
/// max_window_layers.
DecoderConfig qwen_config(Config& config);

}  // namespace heed::pretrained
