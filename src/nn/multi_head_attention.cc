#include "heed/nn/multi_head_attention.h"

#include "nn/linear.h"
#include "nn/text.h"

namespace heed::nn {

struct MultiHeadAttentionImpl::Heads {
  at::Tensor q, k, v;
};

namespace {

/// (B, L, n * heads) -> (B, heads, L, n), a view.
at::Tensor split_heads(const at::Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

}  // namespace

MultiHeadAttentionImpl::MultiHeadAttentionImpl(const MultiHeadAttentionOptions& options)
    : options(options) {
  reset();
}

int64_t MultiHeadAttentionImpl::query_rows() const { return options.width(); }  // H D

int64_t MultiHeadAttentionImpl::key_rows() const {  // G D
  const auto& how = options.attention();
  return options.width() / how.heads * how.key_value_heads();
}

int64_t MultiHeadAttentionImpl::value_rows() const {  // G E
  const auto& how = options.attention();
  return how.merge.name == "sum" ? options.width() * how.key_value_heads() : key_rows();
}

void MultiHeadAttentionImpl::reset() {
  const auto& how = options.attention();
  how.check();
  const int64_t M = options.width();
  if (M < 1 || M % how.heads != 0)
    throw ModelError(
        text_of("width: expected a multiple of attention.heads = ", how.heads, ", given ", M));
  const int64_t rows[] = {query_rows(), key_rows(), value_rows()};
  qkv = register_module("qkv", small_linear(M, rows[0] + rows[1] + rows[2]));
  int64_t first = 0;
  for (const int64_t n : rows) xavier_rows(qkv->weight, first, n), first += n;
  if (how.merge.name == "concat") output = register_module("output", xavier_linear(M, M));
  if (is_additive(how.position))
    position = register_module("position",
                               AdditivePosition(AdditivePositionOptions(M).position(how.position)));
}

void MultiHeadAttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "heed::nn::MultiHeadAttention(" << options.width() << "; " << options.attention().text()
         << ")";
}

void MultiHeadAttentionImpl::check_input(const at::Tensor& x, const char* name) const {
  if (!x.defined() || x.dim() != 3 || x.size(2) != options.width())
    throw UsageError(text_of(map_name(), ": ", name, ": expected shape (B, L, ", options.width(),
                             "), given ", x.defined() ? text_of(x.sizes()) : "no tensor"));
}

at::Tensor MultiHeadAttentionImpl::project(const at::Tensor& x, int64_t first, int64_t rows) {
  return torch::linear(x, qkv->weight.narrow(0, first, rows), qkv->bias.narrow(0, first, rows));
}

MultiHeadAttentionImpl::Heads MultiHeadAttentionImpl::heads_of(const at::Tensor& query,
                                                               const at::Tensor& key_value,
                                                               int64_t first) {
  const int64_t nq = query_rows(), nk = key_rows(), nv = value_rows();
  at::Tensor q, k, v;  // (B, Lq, H D), (B, Lk, G D), (B, Lk, G E)
  if (position) {
    q = project(position->forward(query, first), 0, nq);
    k = project(position->forward(key_value), nq, nk);
    v = project(key_value, nq + nk, nv);
  } else if (query.is_same(key_value)) {
    const auto all = affine(qkv, query).split_with_sizes({nq, nk, nv}, 2);
    q = all[0], k = all[1], v = all[2];
  } else {
    q = project(query, 0, nq);
    const auto both = project(key_value, nq, nk + nv).split_with_sizes({nk, nv}, 2);
    k = both[0], v = both[1];
  }
  const auto& how = options.attention();
  return {split_heads(q, how.heads), split_heads(k, how.key_value_heads()),
          split_heads(v, how.key_value_heads())};
}

at::Tensor MultiHeadAttentionImpl::merge(const at::Tensor& heads) {  // (B, H, Lq, E)
  if (!output) return heads.sum(1);
  return affine(output, heads.transpose(1, 2).flatten(2));  // (B, Lq, M)
}

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& x) { return forward(x, x); }

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& x, const AttendInputs& inputs) {
  return forward(x, x, inputs);
}

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& query, const at::Tensor& key_value,
                                           const AttendInputs& inputs) {
  check_input(query, "query"), check_input(key_value, "key_value");
  const auto& how = options.attention();
  const int64_t first = inputs.query_offset.value_or(key_value.size(1) - query.size(1));
  auto [q, k, v] = heads_of(query, key_value, first);
  if (how.position.name == "rope") {
    q = rotate(q, first, how.position);
    k = rotate(k, 0, how.position);
  }
  AttendInputs given = inputs;
  given.training = is_training();
  return merge(attend(q, k, v, how, given));
}

}  // namespace heed::nn
