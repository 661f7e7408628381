// Operators of ours as LibTorch's record of operators sees its own: with inputs and output.
#pragma once

#include <ATen/record_function.h>

#include <vector>

namespace heed::ops {

/// What compute() gives, recorded under a name with what it was given.
template <class Compute>
at::Tensor recorded(const char* name, const std::vector<c10::IValue>& inputs,
                    const Compute& compute) {
  at::RecordFunction record(at::RecordScope::FUNCTION);
  if (record.isActive())
    record.before(name, c10::ArrayRef<const c10::IValue>(inputs.data(), inputs.size()));
  auto y = compute();
  if (record.isActive() && record.needsOutputs()) record.setOutputs(std::vector<c10::IValue>{y});
  return y;
}

}  // namespace heed::ops
