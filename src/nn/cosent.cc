#include "heed/nn/cosent.h"

#include <ATen/autocast_mode.h>

#include "core/text.h"

namespace heed::nn {

at::Tensor cosent_loss(const at::Tensor& cosines, const at::Tensor& scores, double temperature) {
  const auto refuse = [](const std::string& what) { throw UsageError("cosent_loss: " + what); };
  const auto given = [](const at::Tensor& t) {
    return t.defined() ? text_of(t.sizes(), " of ", t.dtype()) : "no tensor";
  };
  if (!cosines.defined() || cosines.dim() != 1 || !cosines.is_floating_point())
    refuse("cosines: expected floating (N), given " + given(cosines));
  if (!scores.defined() || !scores.is_floating_point() || scores.sizes() != cosines.sizes())
    refuse(
        text_of("scores: expected floating (N) = [", cosines.size(0), "], given ", given(scores)));
  if (!(temperature > 0) || !std::isfinite(temperature))
    refuse(text_of("temperature: expected above 0, given ", temperature));
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto c = cosines.scalar_type() == at::kDouble ? cosines : cosines.to(at::kFloat);
  const auto wrong_way = (c.unsqueeze(0) - c.unsqueeze(1)) / temperature;  // [i, j] = c_j - c_i
  const auto compared = scores.unsqueeze(1) > scores.unsqueeze(0);
  // The 1 of the formula is exp(0).
  const auto terms = at::cat({wrong_way.masked_select(compared), at::zeros({1}, c.options())});
  return at::logsumexp(terms, 0);
}

}  // namespace heed::nn
