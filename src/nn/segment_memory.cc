#include "heed/nn/segment_memory.h"

#include "core/text.h"

namespace heed::nn {
namespace {

template <class... Pieces>
[[noreturn]] void refuse_memory(const Pieces&... pieces) {
  throw UsageError(text_of("segment memory: ", pieces...));
}

}  // namespace

SegmentMemory::SegmentMemory(int64_t layers, int64_t length) : length_(length) {
  if (layers < 1) refuse_memory("layers: expected at least 1, given ", layers);
  if (length < 0) refuse_memory("length: expected at least 0, given ", length);
  states_.resize(static_cast<size_t>(layers));
}

void SegmentMemory::check_layer(int64_t layer) const {
  const auto layers = static_cast<int64_t>(states_.size());
  if (layer < 0 || layer >= layers)
    refuse_memory("layer: expected 0 to ", layers - 1, ", given ", layer);
}

at::Tensor SegmentMemory::before(int64_t layer) const {
  check_layer(layer);
  return states_[static_cast<size_t>(layer)];
}

int64_t SegmentMemory::length(int64_t layer) const {
  const auto states = before(layer);
  return states.defined() ? states.size(1) : 0;
}

void SegmentMemory::check_states(int64_t layer, const at::Tensor& x) const {
  const auto earlier = before(layer);
  if (!x.defined() || x.dim() != 3)
    refuse_memory("x: expected shape (B, L, M), given ",
                  x.defined() ? text_of(x.sizes()) : "no tensor");
  if (earlier.defined() && (earlier.size(0) != x.size(0) || earlier.size(2) != x.size(2)))
    refuse_memory("x: expected shape (", earlier.size(0), ", L, ", earlier.size(2),
                  "), as remembered, given ", x.sizes(), "; clear() before another input");
}

void SegmentMemory::remember(int64_t layer, const at::Tensor& x) {
  check_states(layer, x);
  const auto earlier = before(layer), now = x.detach();
  const auto all = earlier.defined() ? torch::cat({earlier, now}, 1) : now;
  const int64_t kept = std::min(length_, all.size(1));
  // A copy, so that what is left of a segment does not hold all of it.
  states_[static_cast<size_t>(layer)] = all.narrow(1, all.size(1) - kept, kept).clone();
}

at::Tensor SegmentMemory::forward(const torch::nn::ModuleList& layers, const at::Tensor& x,
                                  const AttendInputs& inputs) {
  if (layers->size() != states_.size())
    refuse_memory("layers: expected ", states_.size(), ", given ", layers->size());
  std::vector<at::Tensor> given = {x};  // to each layer, and what the last one gives
  for (size_t i = 0; i < states_.size(); ++i) {
    auto* block = (*layers)[i]->as<TransformerBlockImpl>();
    if (!block) refuse_memory("layers: expected TransformerBlocks, given ", (*layers)[i]->name());
    check_states(static_cast<int64_t>(i), given[i]);
    given.push_back(states_[i].defined() ? block->forward_after(states_[i], given[i], inputs)
                                         : block->forward(given[i], inputs));
  }
  for (size_t i = 0; i < states_.size(); ++i) remember(static_cast<int64_t>(i), given[i]);
  return given.back();
}

void SegmentMemory::clear() {
  for (auto& states : states_) states = at::Tensor();
}

}  // namespace heed::nn
