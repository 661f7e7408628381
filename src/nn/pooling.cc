#include "heed/nn/pooling.h"

#include "nn/lengths.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

bool is_mean(PoolingKind kind) {
  return kind == PoolingKind::mean || kind == PoolingKind::mean_sqrt ||
         kind == PoolingKind::weighted_mean;
}

/// Of a kind of mean: x (B, L, M), lengths (B) or (1), at least 1 -> (B, M).
at::Tensor weighted_sum(PoolingKind kind, const at::Tensor& x, const at::Tensor& lengths) {
  const auto n = lengths.unsqueeze(1).to(x.dtype());  // (B, 1)
  if (kind == PoolingKind::mean) return x.sum(1) / n;
  if (kind == PoolingKind::mean_sqrt) return x.sum(1) / n.sqrt();
  const auto places = at::arange(1, x.size(1) + 1, x.options());  // (L)
  return (x * places.unsqueeze(1)).sum(1) / (n * (n + 1) / 2);
}

/// Each text by itself, so that neither the others nor what fills it up move a bit. A text without tokens gives zeros.
at::Tensor weighted_sum_alone(PoolingKind kind, const at::Tensor& x, const at::Tensor& lengths) {
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < x.size(0); ++b) {
    const int64_t n = lengths.defined() ? lengths[b].item<int64_t>() : x.size(1);
    rows.push_back(weighted_sum(kind, x.narrow(0, b, 1).narrow(1, 0, n),
                                at::full({1}, std::max<int64_t>(n, 1), at::kLong)));
  }
  return rows.empty() ? x.sum(1) : at::cat(rows);
}

}  // namespace

PoolingImpl::PoolingImpl(int64_t width, const PoolingOptions& options)
    : width(width), options(options) {
  reset();
}

void PoolingImpl::reset() {
  if (width < 1) throw ModelError(text_of("width: expected at least 1, given ", width));
  if (options.kind() == PoolingKind::attention)
    attention = register_module(
        "attention",
        AttentionPooling(AttentionPoolingOptions(width).attention(options.attention())));
}

at::Tensor PoolingImpl::forward(const at::Tensor& x, const at::Tensor& lengths) {
  if (!x.defined() || x.dim() != 3 || x.size(2) != width)
    throw UsageError(text_of("pooling: x: expected shape (B, L, ", width, "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  const int64_t B = x.size(0), L = x.size(1);
  check_lengths("pooling", lengths, B, L);
  const auto& kind = options.kind();
  if (kind == PoolingKind::attention) {
    AttendInputs inputs;
    if (lengths.defined()) inputs.key_lengths = lengths;
    return attention->forward(x, inputs).squeeze(1);
  }
  if (L == 0) return x.sum(1);  // zeros
  if (is_mean(kind) && rows_alone(x)) return weighted_sum_alone(kind, x, lengths);
  if (!lengths.defined()) {
    if (kind == PoolingKind::max) return x.amax(1);
    if (kind == PoolingKind::first || kind == PoolingKind::last)
      return x.select(1, kind == PoolingKind::first ? 0 : L - 1);
    return weighted_sum(kind, x, at::full({1}, L, at::kLong));
  }
  const auto padding = real_tokens(lengths, L).logical_not().unsqueeze(2);  // (B, L, 1)
  const auto none = (lengths == 0).unsqueeze(1);                            // (B, 1)
  // Filled and not multiplied with 0, which would keep a NaN.
  if (is_mean(kind)) return weighted_sum(kind, x.masked_fill(padding, 0), lengths.clamp_min(1));
  if (kind == PoolingKind::max)
    return x.masked_fill(padding, -std::numeric_limits<double>::infinity())
        .amax(1)
        .masked_fill(none, 0);
  if (kind == PoolingKind::first) return x.select(1, 0).masked_fill(none, 0);
  const auto last = (lengths - 1).clamp_min(0).view({B, 1, 1}).expand({B, 1, width});
  return x.gather(1, last).squeeze(1).masked_fill(none, 0);
}

}  // namespace heed::nn
