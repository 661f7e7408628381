#include "heed/nn/recording.h"

#include "heed/core/error.h"

namespace heed {
namespace {

thread_local Recording* innermost = nullptr;

at::Tensor detached(const at::Tensor& t) { return t.detach(); }

std::optional<at::Tensor> detached(const std::optional<at::Tensor>& t) {
  return t ? std::optional(t->detach()) : std::nullopt;
}

}  // namespace

Recording::Recording() : outer_(innermost) { innermost = this; }
Recording::~Recording() { innermost = outer_; }
Recording* Recording::active() noexcept { return innermost; }

const Map& Recording::map(size_t i) const {
  if (i < maps_.size()) return maps_[i];
  throw UsageError("recording: expected the number of a map below " + std::to_string(maps_.size()) +
                   ", given " + std::to_string(i));
}

namespace nn {

at::Tensor MapSource::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const Attention& how, const AttendInputs& inputs) const {
  Recording* recording = Recording::active();
  if (!recording) return heed::attend(q, k, v, how, inputs);
  auto [out, rows] = attend_with_rows(q, k, v, how, inputs);
  AttendInputs kept = inputs;
  kept.lengths = detached(inputs.lengths);
  kept.mask = detached(inputs.mask);
  kept.bias = detached(inputs.bias);
  recording->add(Map(map_name_, detached(q), detached(k), rows, how, std::move(kept)));
  return out;
}

void name_maps(torch::nn::Module& root) {
  for (const auto& item : root.named_modules("", /*include_self=*/false))
    if (auto* source = dynamic_cast<MapSource*>(item.value().get())) source->map_name(item.key());
}

}  // namespace nn
}  // namespace heed
