#include "nn/block_step.h"

#include <algorithm>
#include <new>

#include "heed/core/error.h"
#include "heed/nn/positions.h"
#include "heed/nn/probe.h"
#include "heed/nn/recording.h"
#include "kernels/layer_norm.h"
#include "kernels/masks.h"
#include "kernels/rms_norm.h"
#include "kernels/scratch.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/rows_attention.h"
#include "ops/call.h"
#include "ops/op_definition.h"

namespace heed::nn {
namespace {

using kernels::Function;

bool is_plain_array(const at::Tensor& t) {
  return !t.defined() || (t.scalar_type() == at::kFloat && t.is_cpu() && t.is_contiguous());
}

bool is_plain(const torch::nn::Linear& linear) {
  return linear && is_plain_array(linear->weight) && is_plain_array(linear->bias) &&
         linear->children().empty();
}

bool is_plain(const RowNorm& norm) {
  return !norm || (is_plain_array(norm->weight) && is_plain_array(norm->bias));
}

bool is_plain(const FeedForwardImpl& layer) {
  return is_plain(layer.up) && is_plain(layer.down) && (!layer.gate || is_plain(layer.gate));
}

/// Whether an attention is softmax of scaled products, hides what `mask` says alone and learns nothing
/// but its projections.
bool is_plain(const MultiHeadAttentionImpl& attention, const char* mask) {
  const auto& how = attention.options.attention();
  const bool only_mask = std::all_of(how.masks.begin(), how.masks.end(), [&](const OpSpec& op) {
    return op.name == mask && op.alternatives.empty();
  });
  return only_mask && (how.score.name == "scaled_dot" || how.score.name == "dot") &&
         how.normalizer.name == "softmax" && how.modifiers.empty() && how.merge.name == "concat" &&
         !attention.position && !attention.gate && !attention.query_norm && !attention.key_norm &&
         attention.learned.empty() && is_plain(attention.output) &&
         (attention.qkv ? is_plain(attention.qkv) : is_plain(attention.query));
}

bool is_plain_self(const MultiHeadAttentionImpl& attention) {
  const auto& place = attention.options.attention().position.name;
  return attention.qkv && is_plain(attention, "causal") && (place == "none" || place == "rope");
}

bool is_plain(const TransformerBlockImpl& block) {
  return !block.is_training() && block.attention && is_plain_self(*block.attention) &&
         is_plain(*block.feed_forward) && is_plain(block.attention_norm) &&
         is_plain(block.feed_forward_norm) && is_plain(block.attention_post_norm) &&
         is_plain(block.feed_forward_post_norm);
}

bool is_plain(const TransformerDecoderBlockImpl& block) {
  const auto& cross = *block.cross;
  return !block.is_training() && is_plain_self(*block.attention) &&
         is_plain(cross, "key_lengths") && cross.options.attention().position.name == "none" &&
         is_plain(*block.feed_forward) && is_plain(block.attention_norm) &&
         is_plain(block.cross_norm) && is_plain(block.feed_forward_norm) &&
         is_plain(block.attention_post_norm) && is_plain(block.cross_post_norm) &&
         is_plain(block.feed_forward_post_norm);
}

/// Whether rows of x share the sequences of z equally, whose lengths are there where the mask asks for them.
bool is_plain_source(const TransformerDecoderBlockImpl& block, const at::Tensor& x,
                     const KeyValues& z, const std::optional<at::Tensor>& lengths) {
  const bool asks = !block.cross->options.attention().masks.empty();
  if (asks != lengths.has_value() || !z.keys.defined() || !is_plain_array(z.keys) ||
      !is_plain_array(z.values) || z.keys.size(0) == 0 || x.size(0) % z.keys.size(0) != 0)
    return false;
  return !lengths || (lengths->is_contiguous() && lengths->scalar_type() == at::kLong &&
                      lengths->numel() == z.keys.size(0));
}

bool has_only_lengths(const AttendInputs& inputs) {
  return !inputs.attn_mask && !inputs.bias && !inputs.segment_ids && !inputs.block_mask &&
         !inputs.query_offset && inputs.parameters.empty();
}

bool is_row_alone(const at::Tensor& x, int64_t width) {
  return rows_alone(x) && x.scalar_type() == at::kFloat && x.dim() == 3 &&
         x.size(StepRows::given() ? 0 : 1) == 1 && x.size(2) == width && x.is_contiguous() &&
         !Recording::active() && !Probe::active() && !ops::autocasts();
}

/// Whether sequences that step together, if there are such, can do so here.
bool rows_can_step(const MultiHeadAttentionImpl& attention) {
  auto* rows = StepRows::given();
  return !rows || rows_can_attend(attention, *rows);
}

/// What a step of one block writes on its way, each (m, ...).
struct StepMemory {
  float *normed, *branch, *projected, *turned, *seen, *hidden, *gated, *row_stats;

  StepMemory(int64_t m, int64_t width, const FeedForwardImpl& layer,
             std::initializer_list<const MultiHeadAttentionImpl*> attentions) {
    int64_t rows = 0, merged = 0, heads = 0;
    for (const auto* one : attentions) {
      rows = std::max(rows, one->query_rows() + one->key_rows() + one->value_rows());
      merged = std::max(merged, one->output->weight.size(1));
      heads = std::max(heads, one->options.attention().num_heads);
    }
    kernels::Arena count;
    take(count, m, width, rows, merged, heads, layer.options.hidden());
    kernels::Arena arena(memory(count.used()));
    take(arena, m, width, rows, merged, heads, layer.options.hidden());
  }

 private:
  void take(kernels::Arena& arena, int64_t m, int64_t width, int64_t rows, int64_t merged,
            int64_t heads, int64_t F) {
    normed = arena.take<float>(m * width), branch = arena.take<float>(m * width);
    projected = arena.take<float>(m * rows), seen = arena.take<float>(m * merged);
    turned = arena.take<float>(StepRows::given() ? m * rows : 0);
    hidden = arena.take<float>(m * F), gated = arena.take<float>(m * F);
    row_stats = arena.take<float>(2 * m * heads);
  }

  /// Of this thread, kept from step to step; not thread_scratch(), which the kernels take.
  static std::byte* memory(size_t bytes) {
    thread_local kernels::AlignedMemory<std::byte> kept;
    thread_local size_t size = 0;
    if (bytes > size) {
      size = 0;
      kept = kernels::aligned_memory<std::byte>(static_cast<int64_t>(bytes)), size = bytes;
    }
    return kept.get();
  }
};

void norm_rows(const RowNorm& norm, int64_t m, const float* x, float* y) {
  const int64_t M = norm->options.width();
  const auto* scale = norm->weight.data_ptr<float>();
  if (norm->options.type() == NormType::rms)
    return kernels::rms_norm(kernels::RmsNorm<float>{m, M, x, scale, norm->options.eps(), y});
  const auto* shift = norm->bias.defined() ? norm->bias.data_ptr<float>() : nullptr;
  kernels::layer_norm(
      kernels::LayerNorm<float>{m, M, x, scale, shift, static_cast<float>(norm->options.eps()), y});
}

/// y = x + f(norm(x)), or norm(x + f(x)), in place; y (m, M).
template <class F>
void add_branch(bool before, const RowNorm& norm, const RowNorm& post_norm, int64_t m, int64_t M,
                const StepMemory& at, float* y, const F& f) {
  if (before && norm) norm_rows(norm, m, y, at.normed);
  f(before && norm ? at.normed : y);
  if (post_norm) norm_rows(post_norm, m, at.branch, at.branch);
  for (int64_t i = 0; i < m * M; ++i) y[i] += at.branch[i];
  if (!before) norm_rows(norm, m, y, y);
}

/// Queries, keys and values of heads, and where what they see goes.
struct Heads {
  kernels::Sizes sizes;
  kernels::View<const float> q, k, v;
  float* seen;  ///< (B, Lq, H E)
};

void attend_rows(const MultiHeadAttentionImpl& attention, const Heads& heads,
                 const kernels::Mask<float>* mask, float* row_stats) {
  const auto& s = heads.sizes;
  kernels::Problem<float> problem;
  problem.sizes = s, problem.q = heads.q, problem.k = heads.k, problem.v = heads.v;
  problem.scale = static_cast<float>(ops::dot_scale(attention.options.attention().score, s.D));
  if (mask) problem.masks.push_back(mask);
  kernels::attend_forward(problem,
                          kernels::View<float>{heads.seen, s.Lq * s.H * s.E, s.E, s.H * s.E, 1},
                          {row_stats, row_stats + s.B * s.H * s.Lq});
}

/// x (m, M), the next tokens of sequences that step together, with what each has seen, to at.branch.
void attend_to_pages(const MultiHeadAttentionImpl& attention, StepRows& rows, int64_t m,
                     const float* x, const StepMemory& at) {
  const int64_t all = attention.query_rows() + attention.key_rows() + attention.value_rows();
  affine_to(attention.qkv, 0, all, m, x, Function::none, at.projected);
  attend_rows_to_own(attention, rows, {at.projected, all, at.turned, at.seen, at.row_stats});
  affine_to(attention.output, 0, attention.options.width(), m, at.seen, Function::none, at.branch);
}

/// The same with their sources.
void attend_to_source_pages(const MultiHeadAttentionImpl& attention, const StepRows& rows,
                            int64_t m, const float* x, const StepMemory& at) {
  const int64_t nq = attention.query_rows();
  affine_to(attention.qkv ? attention.qkv : attention.query, 0, nq, m, x, Function::none,
            at.projected);
  attend_rows_to_source(attention, rows, {at.projected, nq, at.turned, at.seen, at.row_stats});
  affine_to(attention.output, 0, attention.options.width(), m, at.seen, Function::none, at.branch);
}

/// x (m, M) with the keys and values of the sequences, to at.branch. False, and nothing done: the cache has
/// no memory for them.
bool attend_to_cache(MultiHeadAttentionImpl& attention, KeyValueCache& cache, int64_t m,
                     const float* x, const StepMemory& at) {
  if (auto* rows = StepRows::given()) {
    attend_to_pages(attention, *rows, m, x, at);
    return true;
  }
  const auto& how = attention.options.attention();
  const int64_t H = how.num_heads, G = how.kv_heads(), first = cache.position();
  const int64_t nq = attention.query_rows(), nk = attention.key_rows(), nv = attention.value_rows(),
                rows = nq + nk + nv, D = nk / G, E = nv / G;
  if (!cache.has_room(m, G, D, E)) return false;
  affine_to(attention.qkv, 0, rows, m, x, Function::none, at.projected);
  kernels::View<const float> q{at.projected, rows, D, rows, 1};
  kernels::View<const float> k{at.projected + nq, rows, D, rows, 1};
  at::Tensor turned_q, turned_k;
  if (is_rotary(how.position)) {
    const auto heads_at = [&](float* data, int64_t heads) {
      return at::from_blob(data, {m, heads, 1, D}, {rows, D, rows, 1});
    };
    turned_q = rotate(heads_at(at.projected, H), first, how.position, first + 1);
    turned_k = rotate(heads_at(at.projected + nq, G), first, how.position);
    q = {turned_q.data_ptr<float>(), H * D, D, D, 1};
    k = {turned_k.data_ptr<float>(), G * D, D, D, 1};
  }
  cache.append_rows({k.data, k.batch}, {at.projected + nq + nk, rows});
  const int64_t room = cache.capacity(), start = cache.start();
  const kernels::View<const float> keys{cache.key_memory().data_ptr<float>() + start * D,
                                        G * room * D, room * D, D, 1};
  const kernels::View<const float> values{cache.value_memory().data_ptr<float>() + start * E,
                                          G * room * E, room * E, E, 1};
  try {
    attend_rows(attention, {{m, H, G, 1, cache.length(), D, E}, q, keys, values, at.seen}, nullptr,
                at.row_stats);
  } catch (...) {
    cache.rewind(1);
    throw;
  }
  affine_to(attention.output, 0, attention.options.width(), m, at.seen, Function::none, at.branch);
  return true;
}

/// The same with a source that m / n rows share each; `lengths` (n) or null.
void attend_to_source(MultiHeadAttentionImpl& attention, const KeyValues& z, const int64_t* lengths,
                      int64_t m, const float* x, const StepMemory& at) {
  if (const auto* rows = StepRows::given())
    return attend_to_source_pages(attention, *rows, m, x, at);
  const int64_t H = attention.options.attention().num_heads, nq = attention.query_rows();
  const int64_t n = z.keys.size(0), G = z.keys.size(1), Lk = z.keys.size(2), D = z.keys.size(3),
                E = z.values.size(3), Lq = m / n;
  affine_to(attention.qkv ? attention.qkv : attention.query, 0, nq, m, x, Function::none,
            at.projected);
  const kernels::LengthMask<float> mask(lengths);
  attend_rows(attention,
              {{n, H, G, Lq, Lk, D, E},
               {at.projected, Lq * nq, D, nq, 1},
               {z.keys.data_ptr<float>(), G * Lk * D, Lk * D, D, 1},
               {z.values.data_ptr<float>(), G * Lk * E, Lk * E, E, 1},
               at.seen},
              lengths ? &mask : nullptr, at.row_stats);
  affine_to(attention.output, 0, attention.options.width(), m, at.seen, Function::none, at.branch);
}

void feed_rows(const FeedForwardImpl& layer, int64_t m, const float* x, const StepMemory& at) {
  const int64_t F = layer.options.hidden();
  affine_to(layer.gate ? layer.gate : layer.up, 0, F, m, x, function_of(layer.options.activation()),
            at.hidden);
  if (layer.gate) {
    affine_to(layer.up, 0, F, m, x, Function::none, at.gated);
    for (int64_t i = 0; i < m * F; ++i) at.hidden[i] *= at.gated[i];
  }
  affine_to(layer.down, 0, layer.options.width(), m, at.hidden, Function::none, at.branch);
}

/// Runs `step`; a kernel's lack of memory is said as one.
template <class Step>
at::Tensor with_memory_said(const Step& step) {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    throw Error(Failure::memory, "step: not enough memory for the kernels' buffers");
  }
}

}  // namespace

at::Tensor step_by_rows(TransformerBlockImpl& block, const at::Tensor& x, KeyValueCache& cache,
                        const AttendInputs& inputs) {
  if (!is_row_alone(x, block.options.width()) || inputs.key_lengths || !has_only_lengths(inputs) ||
      !is_plain(block) || !rows_can_step(*block.attention))
    return {};
  return with_memory_said([&]() -> at::Tensor {
    const int64_t m = x.size(0) * x.size(1), M = x.size(2);
    const bool before = is_before(block.options.norm());
    auto& attention = *block.attention;
    const StepMemory at(m, M, *block.feed_forward, {&attention});
    auto y = x.clone();
    auto* to = y.data_ptr<float>();
    bool has_room = true;
    add_branch(
        before, block.attention_norm, block.attention_post_norm, m, M, at, to,
        [&](const float* rows) { has_room = attend_to_cache(attention, cache, m, rows, at); });
    if (!has_room) return {};
    add_branch(before, block.feed_forward_norm, block.feed_forward_post_norm, m, M, at, to,
               [&](const float* rows) { feed_rows(*block.feed_forward, m, rows, at); });
    return y;
  });
}

at::Tensor step_by_rows(TransformerDecoderBlockImpl& block, const at::Tensor& x,
                        KeyValueCache& cache, const KeyValues& z, const AttendInputs& to_source) {
  if (!is_row_alone(x, block.options.width()) || !has_only_lengths(to_source) || !is_plain(block) ||
      !rows_can_step(*block.attention) ||
      (!StepRows::given() && !is_plain_source(block, x, z, to_source.key_lengths)))
    return {};
  return with_memory_said([&]() -> at::Tensor {
    const int64_t m = x.size(0) * x.size(1), M = x.size(2);
    const bool before = is_before(block.options.norm());
    auto &attention = *block.attention, &cross = *block.cross;
    const StepMemory at(m, M, *block.feed_forward, {&attention, &cross});
    const auto* lengths =
        to_source.key_lengths ? to_source.key_lengths->data_ptr<int64_t>() : nullptr;
    auto y = x.clone();
    auto* to = y.data_ptr<float>();
    bool has_room = true;
    add_branch(
        before, block.attention_norm, block.attention_post_norm, m, M, at, to,
        [&](const float* rows) { has_room = attend_to_cache(attention, cache, m, rows, at); });
    if (!has_room) return {};
    add_branch(before, block.cross_norm, block.cross_post_norm, m, M, at, to,
               [&](const float* rows) { attend_to_source(cross, z, lengths, m, rows, at); });
    add_branch(before, block.feed_forward_norm, block.feed_forward_post_norm, m, M, at, to,
               [&](const float* rows) { feed_rows(*block.feed_forward, m, rows, at); });
    return y;
  });
}

}  // namespace heed::nn
