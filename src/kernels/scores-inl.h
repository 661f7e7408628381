// Which score a problem asks for.

#if defined(HEED_KERNELS_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_SCORES_INL_H_
#undef HEED_KERNELS_SCORES_INL_H_
#else
#define HEED_KERNELS_SCORES_INL_H_
#endif

#include "kernels/additive_score-inl.h"
#include "kernels/dot_score-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T, class Use>
HWY_INLINE void with_score(const Problem<T>& problem, Use&& use) {
  const int64_t width = problem.sizes.D;
  switch (problem.score) {
    case ScoreKind::dot:
      return use(DotScore<T>(width));
    case ScoreKind::additive_tanh:
      return use(AdditiveScore<T, Tanh>(width, problem.score_weight));
    case ScoreKind::additive_relu:
      return use(AdditiveScore<T, Relu>(width, problem.score_weight));
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
