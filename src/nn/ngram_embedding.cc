#include "heed/nn/ngram_embedding.h"

#include "core/text.h"
#include "nn/row_bag.h"

namespace heed::nn {
namespace {

void check_feature_ids(const at::Tensor& ids, int64_t R) {
  const int64_t* id = ids.data_ptr<int64_t>();
  const int64_t L = ids.size(1), F = ids.size(2);
  for (int64_t i = 0; i < ids.numel(); ++i)
    if (id[i] < -1 || id[i] >= R)
      throw UsageError(text_of("ngram_embedding: ids[", i / F / L, ", ", i / F % L, ", ", i % F,
                               "]: expected -1 (nothing) to R - 1 = ", R - 1, ", given ", id[i]));
}

}  // namespace

NgramEmbeddingImpl::NgramEmbeddingImpl(int64_t rows, const NgramEmbeddingOptions& options)
    : rows(rows), options(options) {
  reset();
}

void NgramEmbeddingImpl::reset() {
  if (rows < 1) throw ModelError(text_of("rows: expected at least 1, given ", rows));
  if (options.width() < 1)
    throw ModelError(text_of("width: expected at least 1, given ", options.width()));
  const double deviation = options.reduction() == NgramReduction::mean ? 0.1 : 0.02;
  weight =
      register_parameter("weight", torch::empty({rows, options.width()}).normal_(0, deviation));
}

at::Tensor NgramEmbeddingImpl::forward(const at::Tensor& given) {
  if (!given.defined() || given.dim() != 3 || given.scalar_type() != at::kLong)
    throw UsageError(
        text_of("ngram_embedding: ids: expected shape (B, L, F) of int64, given ",
                given.defined() ? text_of(given.sizes(), " of ", given.dtype()) : "no tensor"));
  const auto ids = given.cpu().contiguous();
  check_feature_ids(ids, rows);
  const auto sum = row_bag(weight.cpu(), ids.flatten(0, 1)).to(weight.device());  // (B L, M)
  const auto y = sum.view({ids.size(0), ids.size(1), options.width()});
  if (options.reduction() == NgramReduction::sum) return y;
  const auto count = (ids >= 0).sum(2, /*keepdim=*/true).clamp_min(1);  // (B, L, 1)
  return y / count.to(y.device(), y.scalar_type());
}

}  // namespace heed::nn
