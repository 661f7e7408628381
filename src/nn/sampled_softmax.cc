#include "heed/nn/sampled_softmax.h"

#include <ATen/autocast_mode.h>

#include "core/text.h"
#include "nn/row_bag.h"
#include "ops/call.h"

namespace heed::nn {
namespace {

/// Scores of the rows that count.
struct SampledScores {
  at::Tensor labels;     // (N)
  at::Tensor own;        // (N)
  at::Tensor negatives;  // (N, n)
  at::Tensor hits;       // (N, n) bool: the negative is the row's class
};

template <class... Pieces>
[[noreturn]] void refuse_sampled(const char* who, const Pieces&... pieces) {
  throw UsageError(text_of(who, ": ", pieces...));
}

std::string shape_of(const at::Tensor& t) {
  return t.defined() ? text_of(t.sizes(), " of ", t.dtype()) : "no tensor";
}

void check_matrices(const char* who, const at::Tensor& hidden, const at::Tensor& weight,
                    const at::Tensor& bias) {
  if (!weight.defined() || weight.dim() != 2 || weight.size(0) < 1 ||
      (weight.scalar_type() != at::kFloat && weight.scalar_type() != at::kDouble))
    refuse_sampled(who, "weight: expected shape (V, M) of float32 or float64, given ",
                   shape_of(weight));
  if (!hidden.defined() || hidden.dim() != 2 || hidden.size(1) != weight.size(1) ||
      hidden.scalar_type() != weight.scalar_type())
    refuse_sampled(who, "hidden: expected shape (N, M = ", weight.size(1), ") of ", weight.dtype(),
                   ", given ", shape_of(hidden));
  if (bias.defined() && (bias.dim() != 1 || bias.size(0) != weight.size(0) ||
                         bias.scalar_type() != weight.scalar_type()))
    refuse_sampled(who, "bias: expected shape (V) = [", weight.size(0), "] of ", weight.dtype(),
                   ", given ", shape_of(bias));
}

void check_classes(const char* who, const char* name, const at::Tensor& ids, int64_t V) {
  if (ids.numel() == 0) return;
  const auto low = ids.min().item<int64_t>(), high = ids.max().item<int64_t>();
  if (low < 0 || high >= V)
    refuse_sampled(who, name, ": expected 0 to V - 1 = ", V - 1, ", given ", low < 0 ? low : high);
}

/// weight[ids], whose gradient adds up fast and in order.
at::Tensor rows_of(const at::Tensor& weight, const at::Tensor& ids) {
  if (!weight.is_cpu()) return weight.index_select(0, ids);
  return row_bag(weight, ids.unsqueeze(1));
}

SampledScores scores_of(const char* who, const at::Tensor& hidden, const at::Tensor& weight,
                        const at::Tensor& bias, const at::Tensor& labels,
                        const Negatives& negatives, int64_t ignore) {
  check_matrices(who, hidden, weight, bias);
  if (!labels.defined() || labels.scalar_type() != at::kLong || labels.dim() != 1 ||
      labels.size(0) != hidden.size(0))
    refuse_sampled(who, "labels: expected shape (N) = [", hidden.size(0), "] of int64, given ",
                   shape_of(labels));
  const auto index = (labels != ignore).nonzero().squeeze(1);
  const auto y = labels.index_select(0, index);
  const auto ids = negatives.ids.to(hidden.device());
  if (ids.dim() != 1 || ids.size(0) < 1)
    refuse_sampled(who, "negatives: expected at least one, given ", shape_of(ids));
  check_classes(who, "labels", y, weight.size(0));
  check_classes(who, "negatives", ids, weight.size(0));
  const auto x = hidden.index_select(0, index);          // (N, M)
  const auto rows = rows_of(weight, at::cat({y, ids}));  // (N + n, M)
  const int64_t N = y.size(0), n = ids.size(0);
  SampledScores scores;
  scores.labels = y;
  scores.own = (x * rows.narrow(0, 0, N)).sum(1);
  scores.negatives = at::matmul(x, rows.narrow(0, N, n).t());
  if (bias.defined()) {
    scores.own = scores.own + bias.index_select(0, y);
    scores.negatives = scores.negatives + bias.index_select(0, ids);
  }
  scores.hits = ids.unsqueeze(0) == y.unsqueeze(1);
  return scores;
}

}  // namespace

SampledLoss sampled_softmax(const at::Tensor& given_hidden, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& labels,
                            const Negatives& negatives, const NegativeSampler& sampler,
                            int64_t ignore) {
  const auto hidden = ops::in_dtype_of(weight, given_hidden);
  // Autocast would compute the scores in 16 bits.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  if (weight.defined() && weight.dim() == 2 && weight.size(0) != sampler.classes())
    refuse_sampled("sampled_softmax", "sampler: expected one of V = ", weight.size(0),
                   " classes, given one of ", sampler.classes());
  const auto s = scores_of("sampled_softmax", hidden, weight, bias, labels, negatives, ignore);
  const auto own = s.own - sampler.log_expected(s.labels).to(s.own.options());
  const auto others = (s.negatives - negatives.log_expected.to(s.negatives.options()))
                          .masked_fill(s.hits, -std::numeric_limits<double>::infinity());
  const auto all = at::cat({own.unsqueeze(1), others}, 1);  // (N, 1 + n)
  return {-at::log_softmax(all, 1).select(1, 0).sum(), s.labels.size(0)};
}

SampledLoss gbce(const at::Tensor& given_hidden, const at::Tensor& weight, const at::Tensor& bias,
                 const at::Tensor& labels, const Negatives& negatives, double calibration,
                 int64_t ignore) {
  const auto hidden = ops::in_dtype_of(weight, given_hidden);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  if (!(calibration >= 0 && calibration <= 1))
    refuse_sampled("gbce", "calibration: expected 0 to 1, given ", calibration);
  const auto s = scores_of("gbce", hidden, weight, bias, labels, negatives, ignore);
  const double others = static_cast<double>(std::max<int64_t>(weight.size(0) - 1, 1));
  const double a = std::min(1.0, static_cast<double>(negatives.ids.size(0)) / others);
  const double beta = a * (calibration * (1 - 1 / a) + 1 / a);
  // log(1 - sigmoid(s)) = log sigmoid(-s)
  const auto wrong = at::log_sigmoid(-s.negatives).masked_fill(s.hits, 0).sum(1);
  const auto terms = s.hits.logical_not().sum(1) + 1;
  const auto right = at::log_sigmoid(s.own) * beta;
  return {-((right + wrong) / terms.to(right.dtype())).sum(), s.labels.size(0)};
}

}  // namespace heed::nn
