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
  /// The part's places of x along `dim`, one piece behind the other; and what was taken so back into the whole.
  at::Tensor of(const at::Tensor& x, int64_t dim) const;
  void put(const at::Tensor& part, const at::Tensor& whole, int64_t dim) const;
};

/// Of the whole sequences.
struct RingLengths {
  int64_t queries = 0, keys = 0;
};

/// attend(q, k, v, how, inputs) of the whole sequences, of which q (B, H, L_i, D), k and v are this process' parts (RingPart of
/// each one's length), as is what is returned; `inputs` are of the whole. Keys and values go round the ring while the ones before
/// are attended to, each pair of pieces by the tile kernels with its place in the whole; what masks hide wholly is left out.
/// Results of softmax are merged in the dtype of the computation by the two numbers a row, a sink being there from the start;
/// those of sigmoid, whose weights need their own score alone, are added. Backward sends keys, values and their gradients round
/// once more. Same value as one process but for the order of additions, with dropout too where inputs.seed is the same. The
/// gradients of bias and parameters are those of the queries here. Cost: 1 / count of the operations and, but for tensors
/// of all pairs (bias, attn_mask), of the memory, 2 (count - 1) / count of k and v sent, and twice that again in backward. No
/// second derivative.
///
/// row_stats, where given, becomes (2, B, H, L_i) as of attend_with_row_stats. Throws what check_ring() and attend() throw.
at::Tensor ring_attend(Ring& ring, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const Attention& how, const AttendInputs& inputs, RingLengths whole,
                       at::Tensor* row_stats = nullptr);

/// The whole sequences x (B, length, ...) of which this process has the part (B, L_i, ...), on every process. Backward adds up what
/// all processes made of it, and each has the gradient of its part.
at::Tensor ring_gather(Ring& ring, const at::Tensor& part, int64_t length);

/// ModelError that names the word of an attention whose parts cannot be merged in one pass: a normalizer whose weights need all
/// scores of a row (sparsemax, entmax, hard, geometric: their threshold, choice or order is known at the end alone), and heads
/// that mix weights.
void check_ring(const Attention& how);

}  // namespace ops
}  // namespace heed
