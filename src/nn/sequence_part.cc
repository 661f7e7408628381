#include "nn/sequence_part.h"

namespace heed::nn {
namespace {

thread_local std::pair<Ring*, int64_t> part_here{nullptr, 0};

}  // namespace

SequencePart::SequencePart(Ring* ring, int64_t length) : outer_(part_here) {
  part_here = {ring, length};
}
SequencePart::~SequencePart() { part_here = outer_; }
Ring* SequencePart::ring() noexcept { return part_here.first; }
int64_t SequencePart::length() noexcept { return part_here.second; }

}  // namespace heed::nn
