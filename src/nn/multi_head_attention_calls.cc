// What a multi-head attention computes; what it is made of stands in multi_head_attention.cc.
#include "core/text.h"
#include "heed/nn/multi_head_attention.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/packed_rows.h"
#include "nn/sequence_part.h"
#include "nn/step_rows.h"
#include "ops/call.h"

namespace heed::nn {
namespace {

/// (B, L, n * heads) -> (B, heads, L, n), a view.
at::Tensor split_heads(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// The same, each head's numbers normalised if there is a norm.
at::Tensor heads_in(const at::Tensor& x, int64_t heads, RowNorm& norm) {
  if (!norm) return split_heads(x, heads);
  return norm->forward(x.unflatten(2, {heads, x.size(2) / heads})).transpose(1, 2);
}

/// Whether a mask goes by the distance of a key, or by what the call brings.
bool is_relative(const OpSpec& mask) {
  for (const char* name : {"causal", "window", "dilated", "strided", "key_lengths", "segment_ids",
                           "attn_mask", "adaptive_span"})
    if (mask.name == name) return true;
  return false;
}

/// Masks that steps over a cache cannot give, one that `forgot` its first tokens or not.
template <class Refuse>
void check_step_masks(const std::vector<OpSpec>& masks, bool forgot, const Refuse& refuse) {
  for (const auto& mask : masks) {
    const auto& name = mask.name;
    if (name == "random_blocks")
      refuse("random_blocks is drawn for the whole length, which steps do not know");
    if (forgot && !is_relative(mask))
      refuse(name, " goes by absolute position, and the cache forgot tokens; keep them all");
    check_step_masks(mask.alternatives, forgot, refuse);
  }
}

/// Queries and keys of the whole sequences of which x and z are.
ops::RingLengths whole_lengths(const at::Tensor& x, const at::Tensor& z) {
  const auto& place = SequencePart::here();
  if (!place.ring) return {x.size(1), z.size(1)};
  return {place.length, place.keys()};
}

/// Of packed texts (1, H, T, D) -> (B, H, L, D).
at::Tensor heads_apart(const at::Tensor& heads, const PackedRows& rows) {
  return rows.unpack(heads.transpose(1, 2)).transpose(1, 2);
}

}  // namespace

void MultiHeadAttentionImpl::check_input(const at::Tensor& x, const char* name,
                                         int64_t width) const {
  if (!x.defined() || x.dim() != 3 || x.size(2) != width)
    throw UsageError(text_of(map_name(), ": ", name, ": expected shape (B, L, ", width, "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
}

at::Tensor MultiHeadAttentionImpl::project_query(const at::Tensor& x) {
  return qkv ? affine_rows(qkv, x, 0, query_rows()) : affine(query, x);
}

/// Rows are counted among those of keys and values.
at::Tensor MultiHeadAttentionImpl::project_key_value(const at::Tensor& z, int64_t first,
                                                     int64_t rows) {
  return qkv ? affine_rows(qkv, z, query_rows() + first, rows)
             : affine_rows(key_value, z, first, rows);
}

at::Tensor MultiHeadAttentionImpl::queries_of(const at::Tensor& x, int64_t first, int64_t length) {
  const auto placed = position ? by_pieces(x, 1, SequencePart::here().length,
                                           [&](const at::Tensor& piece, int64_t at) {
                                             return position->forward(piece, first + at, length);
                                           })
                               : x;
  return heads_in(project_query(placed), options.attention().num_heads, query_norm);
}

KeyValues MultiHeadAttentionImpl::key_values_of(const at::Tensor& z, int64_t first) {
  const int64_t nk = key_rows(), nv = value_rows(), G = options.attention().kv_heads();
  at::Tensor k, v;  // (B, Lk, G D), (B, Lk, G E)
  if (position) {
    auto& own = key_position ? key_position : position;
    const int64_t keys = SequencePart::here().keys();
    const auto placed = by_pieces(z, 1, keys, [&](const at::Tensor& piece, int64_t at) {
      return own->forward(piece, first + at, keys);
    });
    k = project_key_value(placed, 0, nk);
    v = project_key_value(z, nk, nv);
  } else {
    const auto both = project_key_value(z, 0, nk + nv).split_with_sizes({nk, nv}, 2);
    k = both[0], v = both[1];
  }
  return {heads_in(k, G, key_norm), split_heads(v, G)};
}

MultiHeadAttentionImpl::Heads MultiHeadAttentionImpl::heads_of(const at::Tensor& x,
                                                               const at::Tensor& z, int64_t first,
                                                               int64_t key_first) {
  if (position || !qkv || !x.is_same(z)) {
    const auto [k, v] = key_values_of(z, key_first);
    return {queries_of(x, first, key_first + whole_lengths(x, z).keys), k, v};
  }
  const auto all = affine(qkv, x).split_with_sizes({query_rows(), key_rows(), value_rows()}, 2);
  const auto& how = options.attention();
  return {heads_in(all[0], how.num_heads, query_norm), heads_in(all[1], how.kv_heads(), key_norm),
          split_heads(all[2], how.kv_heads())};
}

/// With rotary positions.
MultiHeadAttentionImpl::Heads MultiHeadAttentionImpl::placed_heads(const at::Tensor& x,
                                                                   const at::Tensor& z,
                                                                   int64_t first,
                                                                   int64_t key_first) {
  auto heads = heads_of(x, z, first, key_first);
  const auto& position = options.attention().position;
  if (!is_rotary(position)) return heads;
  const auto whole = whole_lengths(x, z);
  const int64_t length = key_first + whole.keys;
  heads.q = by_pieces(heads.q, 2, whole.queries, [&](const at::Tensor& q, int64_t at) {
    return rotate(q, first + at, position, length);
  });
  heads.k = by_pieces(heads.k, 2, whole.keys, [&](const at::Tensor& k, int64_t at) {
    return rotate(k, key_first + at, position, length);
  });
  return heads;
}

at::Tensor MultiHeadAttentionImpl::attended(const at::Tensor& q, const at::Tensor& k,
                                            const at::Tensor& v, AttendInputs inputs) {
  const auto& how = options.attention();
  inputs.training = is_training();
  inputs.parameters = learned;
  return attend(q, k, v, how, inputs);
}

/// heads (B, H, Lq, E) of the queries x (B, Lq, M).
at::Tensor MultiHeadAttentionImpl::merge(at::Tensor heads, const at::Tensor& x) {
  if (gate) heads = heads * sigmoid_of(affine(gate, x)).transpose(1, 2).unsqueeze(3);
  if (!output) return heads.sum(1);
  return affine(output, heads.transpose(1, 2).flatten(2));  // (B, Lq, M)
}

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& x) { return forward(x, x); }

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& x, const AttendInputs& inputs) {
  return forward(x, x, inputs);
}

at::Tensor MultiHeadAttentionImpl::forward(const at::Tensor& x, const at::Tensor& z,
                                           const AttendInputs& inputs) {
  check_input(x, "query", options.width()), check_input(z, "key_value", key_width());
  if (const auto* rows = PackedRows::given()) {  // each text is placed and attended by itself
    auto [q, k, v] = heads_of(x, x, 0, 0);
    q = heads_apart(q, *rows), k = heads_apart(k, *rows), v = heads_apart(v, *rows);
    const auto& place = options.attention().position;
    if (is_rotary(place)) q = rotate(q, 0, place, k.size(2)), k = rotate(k, 0, place);
    AttendInputs own = inputs;
    own.key_lengths = rows->lengths();
    const auto seen = attended(q, k, v, own);  // (B, H, L, E)
    return merge(rows->pack(seen.transpose(1, 2)).transpose(1, 2), x);
  }
  const auto whole = whole_lengths(x, z);
  const int64_t first = inputs.query_offset.value_or(whole.keys - whole.queries);
  const auto [q, k, v] = placed_heads(x, z, first, 0);
  return merge(attended(q, k, v, inputs), x);
}

KeyValues MultiHeadAttentionImpl::project(const at::Tensor& z) {
  check_input(z, "key_value", key_width());
  auto both = key_values_of(z, 0);
  const auto& place = options.attention().position;
  if (is_rotary(place)) both.keys = rotate(both.keys, 0, place, z.size(1));
  // Every look reads all of them: a head's rows from end to end, as memory likes it.
  return {both.keys.contiguous(), both.values.contiguous()};
}

at::Tensor MultiHeadAttentionImpl::look(const at::Tensor& x, const KeyValues& at,
                                        const AttendInputs& inputs) {
  check_input(x, "query", options.width());
  const auto& place = options.attention().position;
  const int64_t Lk = at.keys.size(2), first = inputs.query_offset.value_or(Lk - x.size(1));
  auto q = queries_of(x, first, Lk);
  if (is_rotary(place)) q = rotate(q, first, place, Lk);
  return merge(attended(q, at.keys, at.values, inputs), x);
}

void MultiHeadAttentionImpl::check_step(const at::Tensor& x, const KeyValueCache& cache,
                                        const AttendInputs& inputs) const {
  const auto refuse = [&](const auto&... pieces) {
    throw UsageError(text_of(map_name(), ": step: ", pieces...));
  };
  check_input(x, "x", options.width());
  if (!qkv)
    refuse("expected keys of the width of queries, ", options.width(), ", given ", key_width());
  if (inputs.query_offset) refuse("query_offset: the cache knows it; leave it out");
  const auto& how = options.attention();
  if (is_of_grid(how.position) && how.position.at("columns") == 0)
    refuse(how.position.name, " does not know its grid from a part of it; say columns");
  check_step_masks(how.masks, cache.first() > 0, refuse);
}

at::Tensor MultiHeadAttentionImpl::step(const at::Tensor& x, KeyValueCache& cache,
                                        const AttendInputs& inputs) {
  const torch::NoGradGuard no_gradient;
  if (const auto* rows = StepRows::given()) {
    // Products are taken of all rows together; where a row stands and what it sees is its own.
    check_step(x, KeyValueCache(), inputs);
    const auto all = heads_of(x, x, 0, 0);
    const auto& place = options.attention().position;
    std::vector<at::Tensor> seen;
    int64_t from = 0;
    for (const auto& row : rows->rows()) {
      const int64_t first = row.own->tokens(), L = row.tokens;
      auto q = all.q.narrow(2, from, L), k = all.k.narrow(2, from, L);
      if (is_rotary(place)) q = rotate(q, first, place, first + L), k = rotate(k, first, place);
      rows->write(row, k, all.v.narrow(2, from, L));
      const auto [keys, values] = rows->own(row, L);
      AttendInputs given = inputs;
      given.query_offset = first;
      seen.push_back(attended(q, keys, values, given));
      from += L;
    }
    return merge(at::cat(seen, 2), x);
  }
  check_step(x, cache, inputs);
  const int64_t first = cache.position(), L = x.size(1);
  const auto [q, k, v] = placed_heads(x, x, first, first);
  cache.append(k, v);
  AttendInputs given = inputs;
  given.query_offset = cache.length() - L;
  // A map outlives the cache's next change.
  const auto keys = Recording::active() ? cache.keys().clone() : cache.keys();
  try {
    return merge(attended(q, keys, cache.values(), given), x);
  } catch (...) {
    cache.rewind(L);
    throw;
  }
}

}  // namespace heed::nn
