// A process' part of sequences that are as long as several processes can hold.
#pragma once

#include <torch/types.h>

#include "ops/ring.h"

namespace heed::nn {

/// While one lives on a thread, modules there are given this process' part of sequences of `length` (ops::RingPart):
/// attentions attend to the others' through the ring, positions are those of the whole, and what an attention is told beside
/// (key_lengths, segment_ids, bias ...) belongs to the whole. `memory` is the length of the sequences of which cross attention is
/// given the part. Without a ring there are no parts. Nests.
class SequencePart {
 public:
  struct Place {
    Ring* ring = nullptr;  ///< null: tensors are whole
    int64_t length = 0, memory = 0;
    bool looks_at_memory = false;  ///< keys are those of the memory

    int64_t keys() const noexcept { return looks_at_memory ? memory : length; }
    ops::RingPart part(int64_t of) const { return {ring->rank(), ring->count(), of}; }
  };

  SequencePart(Ring* ring, int64_t length, int64_t memory = 0);
  explicit SequencePart(const Place& place);
  ~SequencePart();
  SequencePart(const SequencePart&) = delete;
  SequencePart& operator=(const SequencePart&) = delete;

  static const Place& here() noexcept;
  /// The place of cross attention.
  static Place at_memory() noexcept;

 private:
  Place outer_;
};

/// While one lives on a thread, a BlockStack there that is given whole sequences gives each process of the ring its part of
/// them, and gathers what comes out. Null: no ring. Nests.
class PartedStacks {
 public:
  explicit PartedStacks(Ring* ring);
  ~PartedStacks();
  PartedStacks(const PartedStacks&) = delete;
  PartedStacks& operator=(const PartedStacks&) = delete;

  static Ring* ring() noexcept;  ///< null inside of a part, too

 private:
  Ring* outer_;
};

/// change(piece of x along `dim`, place of its first token in the whole) of each piece that is here of sequences of `length`, one
/// behind the other; of the whole x, at 0, where there are no parts.
template <class Change>
at::Tensor by_pieces(const at::Tensor& x, int64_t dim, int64_t length, Change&& change) {
  const auto& place = SequencePart::here();
  if (!place.ring) return change(x, int64_t{0});
  std::vector<at::Tensor> all;
  int64_t row = 0;
  for (const auto& piece : place.part(length).pieces) {
    all.push_back(change(x.narrow(dim, row, piece.size), piece.first));
    row += piece.size;
  }
  return at::cat(all, dim);
}

}  // namespace heed::nn
