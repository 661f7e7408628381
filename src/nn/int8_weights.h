// Which weights of this process stand for whole numbers of 8 bits.
#pragma once

#include <torch/types.h>

#include <map>

namespace heed::nn {

/// What a weight W (N, K) is made of: W[i, k] = rows[i] q[i, k] channels[k], q from -127 to 127.
struct Int8Scales {
  at::Tensor rows;      ///< (N) float32; undefined: the weight is none of these
  at::Tensor channels;  ///< (K) float32; undefined: all 1
};

/// Says that a weight (N, K), float32 on the CPU and without gaps, is such a product. Layers whose rows are
/// alone (RowsAlone) multiply by q then; whatever else reads the weight finds float32. It holds as long as
/// the weight's memory, and until an operator changes the weight. Threads may call this at the same time.
void mark_int8(const at::Tensor& weight, const Int8Scales& scales);

/// The scales of `rows` (n, K), all or some rows of a weight that was marked.
Int8Scales int8_scales(const at::Tensor& rows);

/// While one lives, it takes some rows of what each layer of this thread multiplies by its weight, whose
/// rows are alone: samples to choose scales by.
class InputSamples {
 public:
  InputSamples();
  ~InputSamples();
  InputSamples(const InputSamples&) = delete;
  InputSamples& operator=(const InputSamples&) = delete;

  /// (n, K); undefined: the weight was not met.
  at::Tensor of(const at::Tensor& weight) const;
  static void take(const at::Tensor& weight, const at::Tensor& x);

 private:
  std::map<const void*, at::Tensor> rows_;  ///< by the memory of the weight
};

}  // namespace heed::nn
