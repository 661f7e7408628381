#include "heed/nn/recording.h"

#include <ATen/record_function.h>

#include "heed/core/error.h"
#include "heed/nn/probe.h"
#include "nn/sequence_part.h"
#include "ops/call.h"

namespace heed {
namespace {

thread_local Recording* innermost = nullptr;
thread_local const nn::MapPaths* innermost_paths = nullptr;

}  // namespace

Recording::Recording(const torch::nn::Module& root) : paths_(root), outer_(innermost) {
  innermost = this;
}
Recording::~Recording() { innermost = outer_; }
Recording* Recording::active() noexcept { return innermost; }

const Map& Recording::map(size_t i) const {
  if (i < maps_.size()) return maps_[i];
  throw UsageError("recording: expected the number of a map below " + std::to_string(maps_.size()) +
                   ", given " + std::to_string(i));
}

namespace nn {

MapPaths::MapPaths(const torch::nn::Module& root) : outer_(innermost_paths) {
  const auto add = [&](const torch::nn::Module& module, const std::string& path) {
    if (const auto* source = dynamic_cast<const MapSource*>(&module)) paths_.emplace(source, path);
  };
  add(root, "attention");
  for (const auto& item : root.named_modules("", /*include_self=*/false))
    add(*item.value(), item.key());
  innermost_paths = this;
}
MapPaths::~MapPaths() { innermost_paths = outer_; }

const std::string& MapPaths::of(const MapSource& source) noexcept {
  static const std::string unknown = "attention";
  for (const auto* paths = innermost_paths; paths; paths = paths->outer_) {
    const auto found = paths->paths_.find(&source);
    if (found != paths->paths_.end()) return found->second;
  }
  return unknown;
}

namespace {

/// x (B, H, L, ...) of all processes, on each.
at::Tensor gathered(const at::Tensor& part, int64_t length) {
  auto& ring = *SequencePart::here().ring;
  return ops::ring_gather(ring, part.transpose(1, 2), length).transpose(1, 2);
}

/// Of parts; the map is that of the whole, on every process.
at::Tensor attend_in_parts(const std::string& name, const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v, const Attention& how, const AttendInputs& inputs) {
  const auto& place = SequencePart::here();
  const ops::RingLengths whole{place.length, place.keys()};
  at::Tensor row_stats;  // (2, B, H, L_i)
  const auto out =
      ops::ring_attend(*place.ring, q, k, v, ops::operator_part(how), inputs, whole, &row_stats);
  if (auto* recording = Recording::active()) {
    const torch::NoGradGuard no_gradient;
    const auto stats = gathered(row_stats.permute({1, 2, 3, 0}), whole.queries);
    recording->add(Map(name, gathered(q, whole.queries), gathered(k, whole.keys),
                       stats.permute({3, 0, 1, 2}).contiguous(), how, inputs));
  }
  return out;
}

}  // namespace

at::Tensor MapSource::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const Attention& how, const AttendInputs& inputs) const {
  RECORD_FUNCTION(map_name(), std::vector<c10::IValue>({q, k, v}));
  auto* probe = Probe::active();
  if (!probe) return attended(q, k, v, how, inputs);
  AttentionCall call{map_name(), q, k, v, how, inputs, this};
  probe->attending(call);
  return probe->attended(call, attended(call.q, call.k, call.v, call.how, call.inputs));
}

at::Tensor MapSource::attended(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const Attention& how, const AttendInputs& inputs) const {
  if (SequencePart::here().ring) return attend_in_parts(map_name(), q, k, v, how, inputs);
  Recording* recording = Recording::active();
  const auto own = ops::operator_part(how);
  if (!recording) return heed::attend(q, k, v, own, inputs);
  auto [out, row_stats] = attend_with_row_stats(q, k, v, own, inputs);
  recording->add(Map(map_name(), q, k, row_stats, how, inputs));
  return out;
}

}  // namespace nn
}  // namespace heed
