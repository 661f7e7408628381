// What the stage and the formula of a registered modifier share.
#pragma once

#include <array>

#include "heed/ops/score_mod.h"
#include "ops/op_definition.h"

namespace heed::ops {

inline constexpr size_t kMost = ScoreMod::kMostLearned;

inline std::string parameter_name(const OpSpec& op, const ScoreMod::Learned& learned) {
  return op.name + "." + learned.name;
}

/// One number a head of a learned tensor (H, ...).
template <class T>
struct OfHeads {
  T* data = nullptr;
  int64_t each = 0;

  OfHeads() = default;
  explicit OfHeads(const at::Tensor& t)
      : data(t.defined() ? t.template data_ptr<std::remove_const_t<T>>() : nullptr),
        each(t.defined() && t.size(0) > 0 ? t.numel() / t.size(0) : 0) {}
  T* at(int64_t head) const { return data ? data + head * each : nullptr; }
};

/// The formula of a registered modifier, its own or by tiles.
at::Tensor change_own(const OpSpec& op, const CallContext& context, const at::Tensor& scores);

}  // namespace heed::ops
