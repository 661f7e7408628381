#include "heed/nn/token_convolution.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "ops/call.h"

namespace heed::nn {

TokenConvolutionImpl::TokenConvolutionImpl(const TokenConvolutionOptions& options)
    : options(options) {
  reset();
}

void TokenConvolutionImpl::reset() {
  const int64_t M = options.width(), k = options.kernel();
  if (M < 1) throw ModelError(text_of("width: expected at least 1, given ", M));
  if (k < 1) throw ModelError(text_of("kernel: expected at least 1, given ", k));
  norm = register_module("norm", RowNorm(M));
  linear = register_module("linear", xavier_linear(k * M, M));
}

at::Tensor TokenConvolutionImpl::forward(const at::Tensor& given,
                                         const std::optional<at::Tensor>& lengths) {
  const int64_t M = options.width(), k = options.kernel();
  if (!given.defined() || given.dim() != 3 || given.size(2) != M)
    throw UsageError(text_of("token convolution: x: expected shape (B, L, ", M, "), given ",
                             given.defined() ? text_of(given.sizes()) : "no tensor"));
  const auto x = ops::in_dtype_of(norm->weight, given);
  auto z = norm->forward(x);
  if (lengths) z = without_padding(z, *lengths);
  const int64_t before = options.causal() ? k - 1 : (k - 1) / 2;
  z = at::constant_pad_nd(z, {0, 0, before, k - 1 - before});
  std::vector<at::Tensor> seen;
  for (int64_t j = 0; j < k; ++j) seen.push_back(z.narrow(1, j, x.size(1)));
  const auto y = affine(linear, torch::cat(seen, 2));  // (B, L, M)
  return heed::dropout(activate(options.activation(), y), options.dropout(), is_training(), x);
}

at::Tensor without_padding(const at::Tensor& x, const at::Tensor& lengths, double value) {
  auto padding = torch::arange(x.size(1), lengths.options()).ge(lengths.unsqueeze(1));  // (B, L)
  for (int64_t i = 2; i < x.dim(); ++i) padding = padding.unsqueeze(-1);
  return x.masked_fill(padding, value);
}

}  // namespace heed::nn
