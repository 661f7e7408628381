#include "heed/nn/recording.h"

#include <ATen/record_function.h>

#include "heed/core/error.h"
#include "ops/call.h"

namespace heed {
namespace {

thread_local Recording* innermost = nullptr;

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
  RECORD_FUNCTION(map_name_, std::vector<c10::IValue>({q, k, v}));
  Recording* recording = Recording::active();
  const auto own = ops::operator_part(how);
  if (!recording) return heed::attend(q, k, v, own, inputs);
  auto [out, row_stats] = attend_with_row_stats(q, k, v, own, inputs);
  recording->add(Map(map_name_, q, k, numbers, how, inputs));
  return out;
}

void name_maps(torch::nn::Module& root) {
  for (const auto& item : root.named_modules("", /*include_self=*/false))
    if (auto* source = dynamic_cast<MapSource*>(item.value().get())) source->map_name(item.key());
}

}  // namespace nn
}  // namespace heed
