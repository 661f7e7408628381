// Blocks of a few bits a number, as GGUF files hold them, to float32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/gguf_header.h"

namespace heed {

/// `blocks` blocks of that type, F16 and BF16 among them, to blocks * type.numbers numbers. What
/// each type means stands beside its code (ggml's ggml-quants.c is the definition). The type is not
/// F32, F64 or one of integers.
void unpack_blocks(const GgufType& type, const uint8_t* from, size_t blocks, float* to);

}  // namespace heed
