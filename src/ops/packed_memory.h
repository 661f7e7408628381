// Memory of many packed weights, in huge pages.
#pragma once

#include <torch/types.h>

#include <cstddef>

namespace heed {

/// Numbers of weights that are read together, one after the other in blocks of up to 32 MB: a
/// weight by itself fills a huge page only by luck, and a model of 538 MB in weights of 0.4 to 3.5
/// MB that is read for each token in pages of 4 KB takes 1.3 times as long. A block is given back
/// with the last of its tensors.
class PackedMemory {
 public:
  /// A tensor whose numbers are not set, from a multiple of 64 bytes on. Throws Error (memory) where
  /// there is none; tensors can be asked for as before.
  at::Tensor empty(at::IntArrayRef shape, const at::TensorOptions& options);

 private:
  void begin_block(size_t at_least);

  at::Tensor block_;  ///< of bytes
  size_t size_ = 0;   ///< of it
  size_t used_ = 0;   ///< of it, by tensors
  size_t taken_ = 0;  ///< of it, in pages that are there
};

}  // namespace heed
