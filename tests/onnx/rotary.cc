// RotaryEmbedding (opset 23): inputs X, cos_cache, sin_cache, position_ids. X is (B, heads, L, D)
// or (B, L, heads D); the caches are (positions, C) with position_ids (B, L), otherwise (B, L, C),
// where 2 C channels are turned.
#include "heed/core/error.h"
#include "heed/nn/positions.h"
#include "onnx/operators.h"

namespace heed::onnx {
namespace {

/// What each place is turned by: (B, 1, L, C).
at::Tensor table_of(const at::Tensor& cache, const at::Tensor& ids, const char* name) {
  const int64_t rank = ids.defined() ? 2 : 3;
  if (cache.dim() != rank)
    throw UsageError(std::string("input ") + name + ": expected rank " + std::to_string(rank) +
                     ", given " + std::to_string(cache.dim()));
  const auto rows = ids.defined() ? torch::embedding(cache, ids.to(at::kLong)) : cache;
  return rows.unsqueeze(1);
}

}  // namespace

Answer rotary_embedding(Call& call) {
  const bool interleaved = call.attributes.whole("interleaved", 0) != 0;
  const int64_t heads = call.attributes.whole("num_heads", 0);
  const int64_t turned = call.attributes.whole("rotary_embedding_dim", 0);
  call.attributes.refuse_others();
  const auto given = call.required(0, "X"), ids = call.optional(3);
  if (given.dim() != 3 && given.dim() != 4)
    throw UsageError("input X: expected rank 3 or 4, given " + std::to_string(given.dim()));
  const auto x = given.dim() == 3 ? split_heads(given, heads, "num_heads") : given;
  const auto cos = table_of(call.required(1, "cos_cache"), ids, "cos_cache");
  const auto sin = table_of(call.required(2, "sin_cache"), ids, "sin_cache");
  const int64_t width = turned ? turned : x.size(3);
  if (width % 2 != 0 || cos.size(3) != width / 2)
    throw UsageError("input cos_cache: expected half of the " + std::to_string(width) +
                     " channels to turn, given " + std::to_string(cos.size(3)));
  const auto compute = given.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto y = nn::rotate_by(x.to(compute), cos, sin, interleaved).to(given.scalar_type());
  if (given.dim() == 3) y = join_heads(y);
  return {{y}};
}

}  // namespace heed::onnx
