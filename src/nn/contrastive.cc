#include "heed/nn/contrastive.h"

#include <ATen/autocast_mode.h>

#include "core/text.h"

namespace heed::nn {
namespace {

void check_pairs(const at::Tensor& queries, const at::Tensor& targets,
                 const ContrastiveOptions& options, const at::Tensor& ids) {
  const auto given = [](const at::Tensor& t) {
    return t.defined() ? text_of(t.sizes(), " of ", t.dtype()) : "no tensor";
  };
  const auto refuse = [](const std::string& what) {
    throw UsageError("contrastive_loss: " + what);
  };
  if (!queries.defined() || queries.dim() != 2 || !queries.is_floating_point())
    refuse("queries: expected floating (N, M), given " + given(queries));
  if (!targets.defined() || targets.dim() != 2 || targets.size(1) != queries.size(1) ||
      targets.size(0) < queries.size(0) || targets.scalar_type() != queries.scalar_type())
    refuse(text_of("targets: expected (C, M = ", queries.size(1), ") with C of at least N = ",
                   queries.size(0), ", of ", queries.dtype(), ", given ", given(targets)));
  if (ids.defined() &&
      (ids.scalar_type() != at::kLong || ids.dim() != 1 || ids.size(0) != targets.size(0)))
    refuse(
        text_of("ids: expected shape (C) = [", targets.size(0), "] of int64, given ", given(ids)));
  if (!(options.temperature > 0) || !std::isfinite(options.temperature))
    refuse(text_of("temperature: expected above 0, given ", options.temperature));
}

at::Tensor unit(const at::Tensor& x) { return x / x.norm(2, {1}, true).clamp_min(1e-12); }

/// -log p of the diagonal, summed over rows.
at::Tensor diagonal_loss(const at::Tensor& scores) {
  return -at::log_softmax(scores, 1).diagonal().sum();
}

}  // namespace

at::Tensor contrastive_loss(const at::Tensor& given_queries, const at::Tensor& given_targets,
                            const ContrastiveOptions& options, const at::Tensor& ids) {
  check_pairs(given_queries, given_targets, options, ids);
  // Autocast would compute the scores in 16 bits.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto wide = [](const at::Tensor& x) {
    return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  };
  auto queries = wide(given_queries), targets = wide(given_targets);
  const int64_t N = queries.size(0);
  if (N == 0) return queries.sum();
  if (options.cosine) queries = unit(queries), targets = unit(targets);
  auto scores = at::matmul(queries, targets.t()) / options.temperature;  // (N, C)
  if (ids.defined()) {
    const auto own = ids.narrow(0, 0, N).unsqueeze(1);
    auto duplicate = at::logical_and(own == ids.unsqueeze(0), own >= 0);
    duplicate.diagonal().fill_(false);
    scores = scores.masked_fill(duplicate, -std::numeric_limits<double>::infinity());
  }
  auto loss = diagonal_loss(scores);
  if (options.symmetric) loss = (loss + diagonal_loss(scores.narrow(1, 0, N).t())) / 2;
  return loss / static_cast<double>(N);
}

}  // namespace heed::nn
