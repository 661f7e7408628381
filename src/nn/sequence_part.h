// A process' part of sequences that are as long as several processes can hold.
#pragma once

#include <torch/types.h>

#include <utility>

#include "ops/ring.h"

namespace heed::nn {

/// While one lives on a thread, modules there are given this process' part of sequences of `length` (ops::RingPart):
/// attentions attend to the others' through the ring, and positions are those of the whole. Without a ring there are no
/// parts. Nests.
class SequencePart {
 public:
  SequencePart(Ring* ring, int64_t length);
  ~SequencePart();
  SequencePart(const SequencePart&) = delete;
  SequencePart& operator=(const SequencePart&) = delete;

  static Ring* ring() noexcept;  ///< null: tensors are whole
  static int64_t length() noexcept;

 private:
  std::pair<Ring*, int64_t> outer_;
};

/// change(piece of x along `dim`, place of its first token in the whole) of each piece that is here, one behind the other;
/// of the whole x, at 0, where there are no parts.
template <class Change>
at::Tensor by_pieces(const at::Tensor& x, int64_t dim, Change&& change) {
  auto* ring = SequencePart::ring();
  if (!ring) return change(x, int64_t{0});
  const ops::RingPart part(ring->rank(), ring->count(), SequencePart::length());
  std::vector<at::Tensor> all;
  int64_t row = 0;
  for (const auto& piece : part.pieces) {
    all.push_back(change(x.narrow(dim, row, piece.size), piece.first));
    row += piece.size;
  }
  return at::cat(all, dim);
}

}  // namespace heed::nn
