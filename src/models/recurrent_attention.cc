#include "core/text.h"
#include "heed/models/recurrent.h"
#include "heed/ops/op_kinds.h"
#include "nn/learned.h"
#include "nn/linear.h"

namespace heed::models {
namespace {

/// (B, L, n heads) -> (B, heads, L, n), a view.
at::Tensor by_heads(const at::Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

}  // namespace

StateAttentionImpl::StateAttentionImpl(const Attention& how, int64_t width, int64_t source_width)
    : attention(how), given_(how), width_(width), source_width_(source_width) {
  if (!attention.has_mask("key_lengths")) attention.masks.push_back(OpSpec{"key_lengths"});
  const int64_t H = attention.num_heads, D = score_width();
  const auto& score = how.score.name;
  if (score == "general") {
    attention.score = OpSpec{"dot"};
    key = register_module("key", nn::xavier_linear(source_width, H * D, /*bias=*/false));
  } else if (score != "dot" && score != "uniform") {
    query = register_module("query", nn::xavier_linear(width, H * D, /*bias=*/false));
    if (score != "location") key = register_module("key", nn::xavier_linear(source_width, H * D));
  }
  learned = nn::register_learned(*this, attention, H, H, D);
}

std::shared_ptr<StateAttentionImpl> StateAttentionImpl::remade() const {
  return std::make_shared<StateAttentionImpl>(given_, width_, source_width_);
}

int64_t StateAttentionImpl::score_width() const {
  int64_t hidden = 0;
  for (const auto& argument : find_op_kind(attention.score.name)->arguments)
    if (argument.name == "hidden") hidden = static_cast<int64_t>(attention.score.at("hidden"));
  return hidden ? hidden : width_ / attention.num_heads;
}

at::Tensor StateAttentionImpl::keys(const at::Tensor& z) {
  return by_heads(key ? nn::affine(key, z) : z, attention.num_heads);
}

at::Tensor StateAttentionImpl::values(const at::Tensor& z) {
  if (attention.merge.name == "sum")
    return z.unsqueeze(1).expand({-1, attention.num_heads, -1, -1});
  return by_heads(z, attention.num_heads);
}

at::Tensor StateAttentionImpl::look(const at::Tensor& states, const at::Tensor& keys,
                                    const at::Tensor& values, const at::Tensor& lengths,
                                    int64_t place) {
  const int64_t n = keys.size(0);
  const auto rows =
      states.dim() == 3 ? states : states.view({n, n ? states.size(0) / n : 0, width_});
  AttendInputs inputs;
  inputs.key_lengths = lengths;
  inputs.query_offset = place;
  inputs.training = is_training();
  inputs.parameters = learned;
  const auto q = by_heads(query ? nn::affine(query, rows) : rows, attention.num_heads);
  const auto heads = attend(q, keys, values, attention, inputs);  // (n, H, Lq, E)
  const auto merged =
      attention.merge.name == "sum" ? heads.sum(1) : heads.transpose(1, 2).flatten(2);
  return states.dim() == 3 ? merged : merged.reshape({states.size(0), source_width_});
}

}  // namespace heed::models
