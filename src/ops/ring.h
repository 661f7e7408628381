// Attention to keys that several processes hold a part of: ring attention (Liu et al. 2023).
#pragma once

#include <torch/types.h>

#include <array>
#include <functional>

#include "heed/ops/attend.h"

namespace heed {

/// Processes that hold a part each of the same sequences, one behind the other.
class Ring {
 public:
  virtual ~Ring() = default;
  virtual int64_t rank() const = 0;
  virtual int64_t count() const = 0;
  /// Sends `from` to the next process and takes `to` from the one before, both contiguous and of one dtype, in the
  /// background; what is returned waits for both. All processes call it in the same order.
  virtual std::function<void()> start_pass(at::Tensor from, at::Tensor to) = 0;
};

namespace ops {

struct Piece {
  int64_t first = 0, size = 0;
  int64_t end() const { return first + size; }
};

/// Of 2 `count` pieces of a sequence, as equal as can be, those numbered rank and 2 count - 1 - rank: under a causal mask the
/// parts have the same work (the zigzag of Zhu 2024).
struct RingPart {
  std::array<Piece, 2> pieces;

  RingPart(int64_t rank, int64_t count, int64_t length);
  int64_t size() const { return pieces[0].size + pieces[1].size; }
  /// The part's places of x along `dim`, one piece behind the other.
  at::Tensor of(const at::Tensor& x, int64_t dim) const;
};

/// attend(q, k, v, how, inputs) of sequences of `length`, of which q (B, H, L_i, D), k and v are this process' part, as is
/// what is returned. Keys and values go round the ring while the ones before are attended to, each pair of pieces by the tile
/// kernels with its place in the whole; what a mask hides wholly is left out. Results are merged in the dtype of the
/// computation by the two numbers a row; backward sends keys, values and their gradients round once more. Same value as one
/// process but for the order of additions; dropout draws otherwise. Cost: 1 / count of the operations and of the memory,
/// 2 (count - 1) / count of k and v sent, and twice that again in backward. No second derivative.
///
/// Throws what check_ring() throws, and UsageError for an input that is a tensor of all pairs.
at::Tensor ring_attend(Ring& ring, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const Attention& how, const AttendInputs& inputs, int64_t length);

/// The whole sequences x (B, length, M) of which this process has the part (B, L_i, M), on every process. Backward adds up what
/// all processes made of it, and each has the gradient of its part.
at::Tensor ring_gather(Ring& ring, const at::Tensor& part, int64_t length);

/// ModelError that names the word of an attention whose parts cannot be merged in one pass (another normalizer than softmax,
/// heads that mix, sinks), or that goes by a key's absolute place.
void check_ring(const Attention& how);

}  // namespace ops
}  // namespace heed
