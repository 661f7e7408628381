#include "nn/sequence_part.h"

namespace heed::nn {
namespace {

thread_local SequencePart::Place part_here;
thread_local Ring* ring_of_stacks = nullptr;

}  // namespace

SequencePart::SequencePart(Ring* ring, int64_t length, int64_t memory)
    : SequencePart(ring ? Place{ring, length, memory} : Place{}) {}
SequencePart::SequencePart(const Place& place) : outer_(part_here) { part_here = place; }
SequencePart::~SequencePart() { part_here = outer_; }
const SequencePart::Place& SequencePart::here() noexcept { return part_here; }

SequencePart::Place SequencePart::at_memory() noexcept {
  auto place = part_here;
  place.looks_at_memory = true;
  return place;
}

PartedStacks::PartedStacks(Ring* ring) : outer_(ring_of_stacks) { ring_of_stacks = ring; }
PartedStacks::~PartedStacks() { ring_of_stacks = outer_; }
Ring* PartedStacks::ring() noexcept { return part_here.ring ? nullptr : ring_of_stacks; }

}  // namespace heed::nn
