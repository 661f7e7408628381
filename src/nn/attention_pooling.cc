#include "heed/nn/attention_pooling.h"

#include "core/text.h"
#include "nn/learned.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

bool sums(const Attention& how) { return how.merge.name == "sum"; }

/// What of the tokens' attention pooling keeps.
Attention pooling_part(const Attention& how) {
  Attention pooling;
  pooling.score = how.score;
  // Keys are as wide as the tokens' heads.
  std::erase_if(pooling.score.arguments, [](const auto& a) { return a.name == "hidden"; });
  pooling.normalizer = how.normalizer, pooling.merge = how.merge;
  pooling.num_heads = how.num_heads, pooling.dropout = how.dropout;
  pooling.num_kv_heads = sums(how) ? 1 : how.num_heads;
  return pooling;
}

}  // namespace

AttentionPoolingImpl::AttentionPoolingImpl(const AttentionPoolingOptions& options)
    : options(options) {
  reset();
}

void AttentionPoolingImpl::reset() {
  options.attention(pooling_part(options.attention()));
  const auto& how = options.attention();
  how.check();
  const int64_t M = options.width(), H = how.num_heads;
  if (M < 1 || M % H != 0)
    throw ModelError(
        text_of("width: expected a multiple of attention.num_heads = ", H, ", given ", M));
  if (options.queries() < 1)
    throw ModelError(text_of("queries: expected at least 1, given ", options.queries()));
  query = register_parameter("query", torch::empty({H, options.queries(), sums(how) ? M : M / H}));
  truncated_normal(query);
  learned =
      register_learned(*this, how, H, how.kv_heads(), sums(how) ? M : M / H, M / how.kv_heads());
  if (options.keys() == PoolKeys::tanh) key = register_module("key", xavier_linear(M, M));
}

at::Tensor AttentionPoolingImpl::forward(const at::Tensor& x, const AttendInputs& inputs) {
  const auto& how = options.attention();
  const int64_t M = options.width(), G = how.kv_heads();
  if (!x.defined() || x.dim() != 3 || x.size(2) != M)
    throw UsageError(text_of(map_name(), ": x: expected shape (B, L, ", M, "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  const auto by_head = [&](const at::Tensor& t) {
    return t.unflatten(2, {G, M / G}).transpose(1, 2);  // (B, G, L, D)
  };
  const auto q = query.unsqueeze(0).expand({x.size(0), -1, -1, -1});  // (B, H, Q, D)
  const auto v = by_head(x), k = key ? by_head(torch::tanh(affine(key, x))) : v;
  AttendInputs given = inputs;
  given.training = is_training();
  given.parameters = learned;
  const auto pooled = attend(q, k, v, how, given);  // (B, H, Q, D)
  return sums(how) ? pooled.sum(1) : pooled.transpose(1, 2).flatten(2);
}

}  // namespace heed::nn
