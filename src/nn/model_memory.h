// What a model may take while it is made: refused before the memory is asked for.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace heed::nn {

/// While it lives, tensors that this thread makes on the CPU are held against memory first: one
/// that is larger than what is available is Error(Failure::memory) with both numbers.
class ModelMemory {
 public:
  /// `sizes`: the keys that make a model large, as "encoder.width = 64", for the messages.
  explicit ModelMemory(std::string sizes = "");
  /// Of a model whose weights are known to take `bytes`, as `file` says: a tensor or a stack of
  /// layers that takes more is a ModelError.
  ModelMemory(uint64_t bytes, std::string file, std::string sizes = "");
  ~ModelMemory();
  ModelMemory(const ModelMemory&) = delete;
  ModelMemory& operator=(const ModelMemory&) = delete;

 private:
  friend void check_repeated(const torch::nn::Module&, int64_t);
  friend struct HeldAllocator;
  void check(uint64_t bytes, uint64_t slack) const;

  bool is_known_ = false;
  uint64_t bytes_ = 0;
  std::string file_, sizes_;
  ModelMemory* outer_;
};

/// What to do about a model that is too large, by the keys that make it so; without any in general.
std::string memory_remedy(const std::string& sizes);

/// Bytes of the parameters of a module.
uint64_t parameter_bytes(const torch::nn::Module& module);

/// After the first of `count` like modules was made: throws, as above, where all of them take more
/// than there is.
void check_repeated(const torch::nn::Module& first, int64_t count);

}  // namespace heed::nn
