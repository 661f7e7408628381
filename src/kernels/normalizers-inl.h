// Which normalizer a problem asks for.

#if defined(HEED_KERNELS_NORMALIZERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_NORMALIZERS_INL_H_
#undef HEED_KERNELS_NORMALIZERS_INL_H_
#else
#define HEED_KERNELS_NORMALIZERS_INL_H_
#endif

#include "kernels/entmax_tile-inl.h"
#include "kernels/hard_tile-inl.h"
#include "kernels/sigmoid_tile-inl.h"
#include "kernels/softmax_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// Calls use(normalizer), a TileNormalizer or a RowNormalizer.
template <class T, class Use>
HWY_INLINE void with_normalizer(const Problem<T>& problem, Use&& use) {
  switch (problem.normalizer) {
    case NormalizerKind::softmax:
      return use(Softmax<T>(problem.per_head));
    case NormalizerKind::sigmoid:
      return use(Sigmoid<T>(problem.normalizer_argument));
    case NormalizerKind::sparsemax:
      return use(Entmax<T, Sparsemax<T>>(nullptr));
    case NormalizerKind::entmax15:
      return use(Entmax<T, Entmax15<T>>(nullptr));
    case NormalizerKind::entmax:
      return use(Entmax<T, EntmaxAlpha<T>>(problem.per_head));
    case NormalizerKind::hard:
      return use(Hard<T>(problem.normalizer_argument));
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
