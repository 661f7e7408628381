// ONNX's operators of attention, by Heed.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "onnx/case.h"

namespace heed::onnx {

/// One node to compute.
struct Call {
  int64_t opset;
  Attributes attributes;
  std::vector<at::Tensor> inputs;  ///< by place; undefined where left out
  std::vector<bool> wanted;        ///< the outputs, by place

  /// An input, undefined where it is left out.
  at::Tensor optional(size_t place) const;
  /// Throws UsageError where it is left out.
  at::Tensor required(size_t place, const char* name) const;
  bool wants(size_t place) const { return place < wanted.size() && wanted[place]; }
};

struct Answer {
  std::vector<at::Tensor> outputs;  ///< by place; undefined where it is not wanted
  /// What the node computes in where that is less than its outputs hold; undefined: no less.
  at::ScalarType precision = at::ScalarType::Undefined;
};

/// An operator of the default domain. Throws UsageError for what it does not know.
using Operator = Answer (*)(Call& call);

Answer attention(Call& call);         ///< since opset 23
Answer linear_attention(Call& call);  ///< since opset 27
Answer rotary_embedding(Call& call);  ///< since opset 23

/// Throws UsageError where no such operator is known.
Operator find_operator(const Case& one);

/// x (B, L, heads width) as (B, heads, L, width).
at::Tensor split_heads(const at::Tensor& x, int64_t heads, const char* attribute);
/// The way back.
at::Tensor join_heads(const at::Tensor& x);

}  // namespace heed::onnx
