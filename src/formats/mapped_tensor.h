// Tensors that are memory of a file.
#pragma once

#include <torch/types.h>

#include <memory>

#include "core/mapped_file.h"

namespace heed {

/// The numbers of a mapped file from byte `begin` on, which the tensor keeps mapped; to be read
/// alone. Undefined where they do not lie at a multiple of their size, as LibTorch reads them.
at::Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, uint64_t begin,
                         at::IntArrayRef shape, at::ScalarType dtype);

}  // namespace heed
