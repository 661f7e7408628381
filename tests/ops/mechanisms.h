// The list of mechanisms: every word that acts in attend, in combinations that people use. What
// holds for all attentions is tested for each of these.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/cases.h"

namespace heed::test {

struct Mechanism {
  std::string how;
  bool added = false;  ///< of the mask dense: numbers that are added to the scores
};

inline std::string describe(const Mechanism& m) { return m.how + (m.added ? " (added)" : ""); }

inline const std::vector<Mechanism>& mechanisms() {
  static const std::vector<Mechanism> all = {{"scaled_dot"},
                                             {"dot; key_lengths"},
                                             {"uniform"},
                                             {"general; relative"},
                                             {"cosine; alibi"},
                                             {"additive; adaptive_span(90)"},
                                             {"feed_forward(activation=relu); sinks"},
                                             {"feed_forward(activation=gelu)"},
                                             {"feed_forward(layers=2)"},
                                             {"feed_forward(query=0)"},
                                             {"location(500)"},
                                             {"shaw(20); softcap(5)"},
                                             {"shaw(40, values=1); dropout=0.1"},
                                             {"transformer_xl"},
                                             {"talking"},
                                             {"sparsemax"},
                                             {"entmax15; dropout=0.1"},
                                             {"entmax(1.7)"},
                                             {"sigmoid"},
                                             {"hard"},
                                             {"geometric"},
                                             {"uniform; bias; geometric"},
                                             {"bias; causal"},
                                             {"window(20, 5)"},
                                             {"window(20, 5); sparsemax"},
                                             {"window(20, 5); sigmoid"},
                                             {"causal | prefix(70)"},
                                             {"window(15, 15) | global(5)"},
                                             {"dilated(10, 3, 7)"},
                                             {"strided(24)"},
                                             {"fixed(32, 2)"},
                                             {"random_blocks(32, 2)"},
                                             {"segment_ids"},
                                             {"block_mask(40)"},
                                             {"attn_mask"},
                                             {.how = "attn_mask", .added = true},
                                             {"adaptive_span(90); alibi; sinks"}};
  return all;
}

/// The words that do nothing in attend, and who acts for them.
inline const std::map<std::string, std::string>& exempt_words() {
  static const std::map<std::string, std::string> all = {
      {"none", "order adds nothing"},
      {"sinusoidal", "added to a model's inputs"},
      {"learned", "added to a model's inputs"},
      {"sinusoidal_2d", "added to a model's inputs"},
      {"learned_2d", "added to a model's inputs"},
      {"rope", "nn's modules turn q and k"},
      {"rope_2d", "nn's modules turn q and k"},
      {"gate", "nn::MultiHeadAttention multiplies its outputs"},
      {"concat", "nn::MultiHeadAttention merges the heads"},
      {"sum", "nn::MultiHeadAttention merges the heads"}};
  return all;
}

/// A call of that mechanism, training, with whatever it names.
inline Tensors call_of(const Mechanism& m, const Case& sizes) {
  Case c = sizes;
  c.how = m.how;
  const auto how = Attention::parse(m.how);
  c.mask = how.has_mask("attn_mask") && !m.added, c.added = m.added;
  if (how.has_modifier("bias")) c.bias = {c.H, c.Lq, c.Lk};
  auto t = make(c);
  if (how.has_mask("key_lengths"))
    t.inputs.key_lengths = c.Lk - torch::arange(c.B, at::kLong) * (c.Lk / 20);
  t.inputs.training = true, t.inputs.seed = 3;
  return t;
}

/// Lengths on both sides of the kernels' blocks of 96 queries and 72 keys.
inline Case tiled_sizes() {
  return {.B = 2, .H = 4, .G = 2, .Lq = 200, .Lk = 230, .D = 8, .E = 12};
}

/// The call for some of its queries: first must begin a block of the mask blocks, where there is
/// one, and `count` end with it or be 1.
inline Tensors some_queries(Tensors t, int64_t first, int64_t count) {
  const int64_t Lq = t.q.size(2);
  t.inputs.query_offset = t.inputs.query_offset.value_or(t.k.size(2) - Lq) + first;
  t.q = t.q.narrow(2, first, count);
  for (auto* x : {&t.inputs.attn_mask, &t.inputs.bias})
    if (*x) *x = (*x)->narrow(-2, first, count);
  for (const auto& part : t.how.masks) {
    if (part.name != "block_mask") continue;
    const auto size = static_cast<int64_t>(part.at("size"));
    t.inputs.block_mask = t.inputs.block_mask->narrow(2, first / size, (count + size - 1) / size);
  }
  return t;
}

/// The call for one of its sequences.
inline Tensors one_sequence(Tensors t, int64_t batch) {
  const int64_t B = t.q.size(0);
  for (auto* x : {&t.q, &t.k, &t.v}) *x = x->narrow(0, batch, 1);
  for (auto* x : {&t.inputs.key_lengths, &t.inputs.segment_ids})
    if (*x) *x = (*x)->narrow(0, batch, 1);
  for (auto* x : {&t.inputs.attn_mask, &t.inputs.bias, &t.inputs.block_mask})
    if (*x && (*x)->dim() == 4 && (*x)->size(0) == B) *x = (*x)->narrow(0, batch, 1);
  return t;
}

/// Gradients, zero where there is none.
inline std::vector<at::Tensor> all_gradients(const std::function<at::Tensor(const Tensors&)>& f,
                                             const Tensors& t, const at::Tensor& weight) {
  auto grads = gradients(f, t, weight);
  const auto leaves = t.leaves();
  for (size_t i = 0; i < grads.size(); ++i)
    if (!grads[i].defined()) grads[i] = torch::zeros_like(leaves[i]);
  return grads;
}

inline void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                        const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(torch::equal(a[i], b[i])) << what << ": gradient of leaf " << i;
}

}  // namespace heed::test
