// The formula a block of rows at a time, so that it needs no Lq x Lk memory: for mechanisms whose
// words have no stage in the kernels.
//
// A row's bits depend on nothing but the row, as in the kernels. LibTorch computes the last numbers
// of a tensor, those that fill no vector, otherwise than the rest, and a sum over a row by its
// length. So every block of scores is whole vectors: its keys begin and end at multiples of kKeys,
// between what its rows see at most, and those beyond the last are zeros and hidden. Products are
// Heed's own (product.h). Rows of a block lie on a grid of positions; batch elements whose rows see
// as many keys share one.
#include <algorithm>

#include "kernels/blocks.h"
#include "ops/kernel_call.h"
#include "ops/make_mask.h"
#include "ops/product.h"
#include "ops/view.h"
#include "ops/zeros.h"

namespace heed::ops {
namespace {

constexpr int64_t kRows = 64, kKeys = 64;       // the grid
constexpr int64_t kScores = int64_t{1} << 16;   // of a block, or
constexpr int64_t kInLayer = int64_t{1} << 19;  // numbers in the hidden layer of a network
constexpr int64_t kBlocksAtOnce = 16;           // of backward, whose gradients wait to be added

struct Block {
  Interval batch, rows, keys;  ///< keys: whole vectors, to the last or beyond

  Interval real_keys(int64_t Lk) const { return {keys.begin, std::min(keys.end, Lk)}; }
};

int64_t round_down(int64_t x, int64_t step) { return x - ((x % step) + step) % step; }

/// What rows of a batch element see at most, of any head.
template <class T>
class Spans {
 public:
  Spans(const Attention& how, CallContext context) : context_(std::move(context)) {
    const auto& s = context_.sizes;
    if (context_.attn_mask.defined())
      context_.attn_mask = context_.attn_mask.expand({s.B, s.H, s.Lq, s.Lk});
    if (context_.block_mask.defined())
      context_.block_mask = context_.block_mask.expand({s.B, s.H, -1, -1});
    for (const auto& part : how.masks) masks_.push_back(make_mask<T>(part, context_));
  }

  Interval at(int64_t batch, Interval rows) const {
    const auto& s = context_.sizes;
    kernels::Span all{s.Lk, 0};
    for (int64_t h = 0; h < s.H; ++h) {
      kernels::Span span{0, s.Lk};
      for (const auto& mask : masks_)
        if (span.begin < span.end) span = mask->span(batch, h, rows.begin, rows.size(), span);
      if (span.begin >= span.end) continue;
      all = {std::min(all.begin, span.begin), std::max(all.end, span.end)};
    }
    if (all.begin >= all.end) return {0, kKeys};  // nothing, and all that there is to say so
    return {round_down(all.begin, kKeys), kernels::round_up(all.end, kKeys)};
  }

 private:
  CallContext context_;
  std::vector<std::unique_ptr<kernels::Mask<T>>> masks_;
};

/// How many rows of `keys` scores, of all heads, make a block.
int64_t rows_at_once(const Call& call, int64_t keys) {
  const auto& s = call.context.sizes;
  const int64_t scores = std::max<int64_t>(1, s.H * keys);
  const bool network = call.how.score.name == "feed_forward" || call.how.score.name == "additive";
  const int64_t rows = network ? kInLayer / (scores * std::max<int64_t>(1, s.D)) : kScores / scores;
  return std::max<int64_t>(1, rows);
}

template <class T>
std::vector<Block> blocks_of(const Call& call, const CallContext& context) {
  const auto& s = context.sizes;
  const Spans<T> spans(call.how, context);
  std::vector<Block> all;
  for (int64_t first = 0, end = 0; first < s.Lq; first = end) {
    end = std::min(s.Lq, round_down(first + context.offset, kRows) + kRows - context.offset);
    for (int64_t b = 0, next = 0; b < s.B; b = next) {
      const Interval keys = spans.at(b, {first, end});
      const int64_t each = rows_at_once(call, keys.size());
      const int64_t together = std::max<int64_t>(1, each / (end - first));
      for (next = b + 1; next < std::min(s.B, b + together); ++next)
        if (!(spans.at(next, {first, end}) == keys)) break;
      for (int64_t i = first; i < end; i += each)
        all.push_back({{b, next}, {i, std::min(end, i + each)}, keys});
    }
  }
  return all;
}

std::vector<Block> blocks_of(const Call& call, const CallContext& context) {
  return call.compute == at::kDouble ? blocks_of<double>(call, context)
                                     : blocks_of<float>(call, context);
}

/// The part of t (b or 1, h or 1, rows or 1, keys or 1) that belongs to a block.
at::Tensor part_of(const at::Tensor& t, const Block& block, int64_t Lk) {
  const auto one = [](const at::Tensor& x, int64_t dim, Interval range) {
    return x.size(dim) == 1 ? x : x.narrow(dim, range.begin, range.size());
  };
  return one(one(one(t, 0, block.batch), 2, block.rows), 3, block.real_keys(Lk));
}

/// Some rows of t (B, h, L, ...) of a block's batch elements.
at::Tensor of_block(const at::Tensor& t, const Block& block, Interval rows) {
  return t.narrow(0, block.batch.begin, block.batch.size()).narrow(2, rows.begin, rows.size());
}

/// Zeros behind the last of `count` keys.
at::Tensor with_more(const at::Tensor& t, int64_t dim, int64_t count) {
  const int64_t missing = count - t.size(dim);
  if (missing <= 0) return t;
  std::vector<int64_t> pad(static_cast<size_t>(2 * (t.dim() - dim)), 0);
  pad.back() = missing;
  return torch::constant_pad_nd(t, pad);
}

/// The call's inputs in the computation's dtype; mask, bias and blocks have four dimensions, of
/// which those of size 1 are for all.
struct Inputs {
  at::Tensor q, k, v;
  CallContext context;
  bool finite;

  explicit Inputs(const Call& call)
      : q(call.q.detach().to(call.compute)),
        k(call.k.detach().to(call.compute)),
        v(call.v.detach().to(call.compute)),
        context(call.context),
        finite(are_finite(q, k, v)) {
    for (auto* t : {&context.attn_mask, &context.bias, &context.block_mask}) {
      if (!t->defined()) continue;
      while (t->dim() < 4) *t = t->unsqueeze(0);
      if (t->scalar_type() != at::kBool) *t = t->detach().to(call.compute);
    }
    for (auto& [name, tensor] : context.parameters) tensor = tensor.detach().to(call.compute);
  }

  /// What a block computes from: q, k, v and the bias where there is one, then the parameters, as
  /// differentiable() lists them.
  std::vector<at::Tensor> of(const Block& block) const {
    const auto keys = block.real_keys(k.size(2));
    const auto some = [&](const at::Tensor& t, Interval rows) {
      return of_block(t, block, rows).contiguous();
    };
    std::vector<at::Tensor> all = {some(q, block.rows), some(k, keys), some(v, keys)};
    if (context.bias.defined()) all.push_back(part_of(context.bias, block, k.size(2)));
    for (const auto& [name, tensor] : context.parameters) all.push_back(tensor);
    return all;
  }

  /// The formula of a block from those.
  Attended attended(const Call& call, const Block& block, const std::vector<at::Tensor>& from,
                    bool want_row_stats) const {
    const int64_t H = context.sizes.H, keys = block.keys.size();
    const auto per_head = [&](const at::Tensor& t) {
      return for_each_head(with_more(t, 2, keys), H);
    };
    size_t next = 3;
    const auto own = context_of(block, from, next);
    const auto k = per_head(from[1]), v = per_head(from[2]);
    return finite ? formula_rows(call, own, from[0], k, v, want_row_stats)
                  : formula_visible(call, own, from[0], k, v, want_row_stats);
  }

 private:
  CallContext context_of(const Block& block, const std::vector<at::Tensor>& from,
                         size_t next) const {
    CallContext own = context;
    own.row = block.rows.begin, own.column = block.keys.begin, own.batch = block.batch.begin;
    const int64_t some = block.batch.size();
    const auto whole = [&](const at::Tensor& t) {
      return (t.size(3) == 1 ? t : with_more(t, 3, block.keys.size()))
          .expand({some, context.sizes.H, block.rows.size(), block.keys.size()});
    };
    if (own.attn_mask.defined())
      own.attn_mask = whole(part_of(own.attn_mask, block, context.sizes.Lk));
    if (own.bias.defined()) own.bias = whole(from[next++]);
    if (own.block_mask.defined())
      own.block_mask = own.block_mask.expand({context.sizes.B, context.sizes.H, -1, -1})
                           .narrow(0, own.batch, some);
    for (auto* t : {&own.key_lengths, &own.segment_ids})
      if (t->defined()) *t = t->narrow(0, own.batch, some);
    if (own.segment_ids.defined()) own.segment_ids = with_more(own.segment_ids, 1, block.keys.end);
    for (auto& [name, tensor] : own.parameters) tensor = from[next++];
    return own;
  }
};

/// The gradients of what a block computed from.
std::vector<at::Tensor> gradients_of(const Call& call, const Inputs& inputs, const Block& block,
                                     const at::Tensor& grad, const std::vector<bool>& wanted) {
  auto from = inputs.of(block);
  for (size_t i = 0; i < from.size(); ++i) from[i] = from[i].detach().requires_grad_(wanted[i]);
  const torch::AutoGradMode record(true);
  const auto out = inputs.attended(call, block, from, false).out;
  return gradients_through({out}, {grad}, from);
}

/// Where the gradients of all blocks are added. What many blocks share is added in float64.
class Sums {
 public:
  Sums(const Call& call, const Inputs& inputs, const std::vector<bool>& wanted) : inputs_(inputs) {
    std::vector<at::Tensor> all = {inputs.q, inputs.k, inputs.v};
    if (inputs.context.bias.defined()) all.push_back(inputs.context.bias);
    bias_ = all.size() > 3;
    for (const auto& [name, tensor] : inputs.context.parameters) all.push_back(tensor);
    for (size_t i = 0; i < all.size(); ++i) {
      sums_.emplace_back();
      if (wanted[i]) sums_[i] = zeros_of(i < 3 ? all[i] : all[i].to(at::kDouble));
    }
    inputs_of_call_ = differentiable(call);
  }

  void add(const Block& block, const std::vector<at::Tensor>& grads) {
    for (size_t i = 0; i < grads.size(); ++i)
      if (sums_[i].defined() && grads[i].defined()) place(block, i).add_(grads[i]);
  }

  std::vector<at::Tensor> all() const {
    std::vector<at::Tensor> found;
    for (size_t i = 0; i < sums_.size(); ++i) {
      const auto& like = inputs_of_call_[i];
      found.push_back(sums_[i].defined() ? sums_[i].to(like.scalar_type()).view(like.sizes())
                                         : at::Tensor());
    }
    return found;
  }

 private:
  at::Tensor place(const Block& block, size_t i) const {
    const int64_t Lk = inputs_.k.size(2);
    if (i >= 3) return i == 3 && bias_ ? part_of(sums_[i], block, Lk) : sums_[i];
    return of_block(sums_[i], block, i == 0 ? block.rows : block.real_keys(Lk));
  }

  const Inputs& inputs_;
  std::vector<at::Tensor> sums_, inputs_of_call_;
  bool bias_ = false;
};

}  // namespace

Attended by_blocks(const Call& call, bool want_logsumexp) {
  const torch::NoGradGuard no_gradient;
  const auto& s = call.context.sizes;
  const Inputs inputs(call);
  Attended result;
  result.out = at::empty({s.B, s.H, s.Lq, s.E}, inputs.q.options());
  result.row_stats = at::empty({2, s.B, s.H, s.Lq}, inputs.q.options());
  if (want_logsumexp) result.logsumexp = at::empty({s.B, s.H, s.Lq}, inputs.q.options());
  const auto blocks = blocks_of(call, inputs.context);
  in_tasks(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    const auto& block = blocks[i];
    const auto found = inputs.attended(call, block, inputs.of(block), true);
    of_block(result.out, block, block.rows).copy_(found.out);
    for (int64_t n = 0; n < 2; ++n)
      of_block(result.row_stats[n], block, block.rows).copy_(found.row_stats[n]);
    if (want_logsumexp) of_block(result.logsumexp, block, block.rows).copy_(found.logsumexp);
  });
  return result;
}

std::vector<at::Tensor> block_gradients(const Call& call, const at::Tensor& grad_out,
                                        const std::vector<bool>& wanted) {
  const torch::NoGradGuard no_gradient;
  const Inputs inputs(call);
  const auto grad = grad_out.to(call.compute);
  const auto blocks = blocks_of(call, inputs.context);
  Sums sums(call, inputs, wanted);
  const auto count = static_cast<int64_t>(blocks.size());
  for (int64_t first = 0; first < count; first += kBlocksAtOnce) {
    const int64_t some = std::min(kBlocksAtOnce, count - first);
    std::vector<std::vector<at::Tensor>> found(static_cast<size_t>(some));
    in_tasks(some, [&](int64_t i) {
      const auto& block = blocks[first + i];
      const auto of_rows = of_block(grad, block, block.rows);
      found[i] = gradients_of(call, inputs, block, of_rows, wanted);
    });
    for (int64_t i = 0; i < some; ++i) sums.add(blocks[first + i], found[i]);
  }
  return sums.all();
}

}  // namespace heed::ops
