// What passes attention after attention from the tokens to the head.
#include <torch/nn/modules/linear.h>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/nn/multi_head_attention.h"
#include "lens/explain/chain.h"
#include "lens/explain/methods.h"

namespace heed::lens {
namespace {

constexpr int64_t kFlowElements = int64_t{1} << 21;  // weights of all heads at a time

/// mean_h A_h^T r: (B, Lq) -> (B, Lk), float64. `head` from 1; 0: all.
at::Tensor passed_by(const Map& map, const at::Tensor& r, int64_t head = 0) {
  const auto x = r.unsqueeze(1).unsqueeze(3);                           // (B, 1, Lq, 1)
  const auto all = map.transposed_times(x).squeeze(3).to(at::kDouble);  // (B, H, Lk)
  return head > 0 ? all.select(1, head - 1) : all.mean(1);
}

/// visit(batch, rows, weights (H, rows, Lk) float64) for blocks of rows.
template <class Visit>
void for_rows(const Map& map, Visit&& visit) {
  const int64_t H = map.num_heads();
  const int64_t most = std::max<int64_t>(1, kFlowElements / std::max<int64_t>(1, H * map.keys()));
  for (int64_t b = 0; b < map.batch(); ++b)
    for (int64_t i = 0; i < map.queries(); i += most) {
      const Range rows{i, std::min(i + most, map.queries())};
      std::vector<at::Tensor> heads;
      for (int64_t h = 0; h < H; ++h) heads.push_back(map.tile(rows, {0, map.keys()}, b, h));
      visit(b, rows, at::stack(heads).to(at::kDouble));
    }
}

/// (mean_h max(0, A * dvalue/dA))^T r, dvalue/dA_ij = dvalue/dheads_i . v_j.
at::Tensor relevance_by(const Map& map, const Look& look, const at::Tensor& r) {
  auto out = at::zeros({map.batch(), map.keys()}, at::kDouble);
  const int64_t groups = look.call.v.size(1), each = map.num_heads() / groups;
  for_rows(map, [&](int64_t b, Range rows, const at::Tensor& weights) {
    const auto g = look.heads_grad[b].narrow(1, rows.begin, rows.size()).to(at::kDouble);
    const auto v = look.call.v.detach()[b].to(at::kDouble).repeat_interleave(each, 0);
    const auto kept = (weights * at::matmul(g, v.transpose(1, 2))).clamp_min(0).mean(0);
    out[b] += at::matmul(r[b].narrow(0, rows.begin, rows.size()), kept);
  });
  return out;
}

/// f_h(v_j) . f_g(v_j) of all pairs of heads: (Lk, H, H), for |sum_h A_h f_h|.
at::Tensor products_of_values(const Look& look, int64_t b) {
  const auto* module = dynamic_cast<const nn::MultiHeadAttentionImpl*>(look.call.module);
  if (!module)
    throw UsageError("--method value_norms: " + look.call.name +
                     " is no multi-head attention, whose values one could follow");
  for (const auto& modifier : look.call.how.modifiers)
    if (modifier.name == "gate" || modifier.name == "talking")
      throw UsageError("--method value_norms: the modifier '" + modifier.name + "' of " +
                       look.call.name + " mixes or scales heads query by query");
  const int64_t H = look.call.q.size(1), each = H / look.call.v.size(1);
  const auto v = look.call.v.detach()[b].to(at::kDouble).repeat_interleave(each, 0);  // (H, Lk, E)
  at::Tensor f = v;  // of merge = sum
  if (module->output) {
    const auto weight = module->output->weight.detach().to(at::kDouble);         // (M, H E)
    f = at::matmul(v, weight.view({weight.size(0), H, -1}).permute({1, 2, 0}));  // (H, Lk, M)
  }
  const auto by_key = f.transpose(0, 1);  // (Lk, H, M)
  return at::matmul(by_key, by_key.transpose(1, 2));
}

/// N^T r, rows of N with the sum 1.
at::Tensor norms_by(const Map& map, const Look& look, const at::Tensor& r) {
  auto out = at::zeros({map.batch(), map.keys()}, at::kDouble);
  std::vector<at::Tensor> products;
  for (int64_t b = 0; b < map.batch(); ++b) products.push_back(products_of_values(look, b));
  for_rows(map, [&](int64_t b, Range rows, const at::Tensor& weights) {
    const auto by_key = weights.permute({2, 1, 0});  // (Lk, rows, H)
    const auto squares = (at::matmul(by_key, products[static_cast<size_t>(b)]) * by_key).sum(2);
    const auto norms = squares.clamp_min(0).sqrt().t();  // (rows, Lk)
    const auto shares = norms / norms.sum(1, true).clamp_min(1e-300);
    out[b] += at::matmul(r[b].narrow(0, rows.begin, rows.size()), shares);
  });
  return out;
}

/// How one attention passes the shares of its queries on to its keys, and what a query keeps.
struct Step {
  std::function<at::Tensor(const Map&, const Look&, const at::Tensor&)> by;
  double kept = 1, passed = 1;
};

/// From the last block to the first. Cross attentions give to `source`.
at::Tensor through_chain(const Passed& passed, const Chain& chain, at::Tensor r, const Step& step,
                         at::Tensor* source) {
  for (auto block = chain.blocks.rbegin(); block != chain.blocks.rend(); ++block) {
    if (block->cross) {
      if (source) {
        const auto given = step.by(passed.maps.at(block->cross->map), *block->cross, r);
        *source = source->defined() ? *source + given * step.passed : given * step.passed;
      }
      r = r * step.kept;
    }
    r = r * step.kept + step.by(passed.maps.at(block->self->map), *block->self, r) * step.passed;
  }
  return r;
}

at::Tensor along_blocks(const Reader& reader, const Passed& passed, const Step& step) {
  at::Tensor source;
  const auto own = through_chain(passed, passed.own, passed.own.reading, step, &source);
  if (passed.source) source = through_chain(passed, *passed.source, source, step, nullptr);
  return of_tokens(reader, own, passed.source ? source : at::Tensor());
}

/// What single layers give the tokens, by the same shares in each: of one layer from 1, or the mean of all.
at::Tensor of_layers(
    const Reader& reader, const Passed& passed, int64_t layer,
    const std::function<at::Tensor(const Map&, const Look&, const at::Tensor&)>& by) {
  const auto& blocks = passed.own.blocks;
  if (layer < 0 || layer > std::ssize(blocks))
    throw UsageError(text_of("--layer: expected 1 to ", blocks.size(), ", given ", layer));
  at::Tensor own, source;
  double count = 0;
  for (int64_t i = 0; i < std::ssize(blocks); ++i) {
    if (layer > 0 && i != layer - 1) continue;
    const auto& block = blocks[static_cast<size_t>(i)];
    const auto given = by(passed.maps.at(block.self->map), *block.self, passed.own.reading);
    own = own.defined() ? own + given : given;
    if (block.cross) {
      const auto across = by(passed.maps.at(block.cross->map), *block.cross, passed.own.reading);
      source = source.defined() ? source + across : across;
    }
    ++count;
  }
  return of_tokens(reader, own / count, source.defined() ? source / count : source);
}

void check_head(const Passed& passed, int64_t head) {
  const auto& look = *passed.own.blocks.back().self;
  const int64_t H = passed.maps.at(look.map).num_heads();
  if (head < 0 || head > H)
    throw UsageError(text_of("--head: expected 1 to ", H, ", given ", head));
}

}  // namespace

void flow(const Reader& reader, const ExplainOptions& options, Attribution& result) {
  const auto method = options.method;
  const auto passed = pass(reader, method == Method::relevance);
  const at::NoGradGuard no_grad;
  check_head(passed, options.head);
  const auto weights = [&](const Map& map, const Look&, const at::Tensor& r) {
    return passed_by(map, r, options.head);
  };
  const auto last = std::ssize(passed.own.blocks);
  if (method == Method::raw)
    result.values = of_layers(reader, passed, options.layer > 0 ? options.layer : last, weights);
  if (method == Method::averaged) result.values = of_layers(reader, passed, 0, weights);
  if (method == Method::value_norms)
    result.values = of_layers(reader, passed, options.layer, norms_by);
  if (method == Method::rollout) result.values = along_blocks(reader, passed, {weights, 0.5, 0.5});
  if (method == Method::relevance)
    result.values = along_blocks(reader, passed, {relevance_by, 1, 1});
}

}  // namespace heed::lens
