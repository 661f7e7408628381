// Sums that many tiles are added to, in two parts.

#if defined(HEED_KERNELS_LONG_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LONG_SUM_INL_H_
#undef HEED_KERNELS_LONG_SUM_INL_H_
#else
#define HEED_KERNELS_LONG_SUM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// `count` numbers. Tiles are added to `sum`; after some of them join() moves it to `total`. A sum
/// of n tiles then collects the rounding of n / 16 + 16 additions, not of n.
template <class T>
class LongSum {
 public:
  T* sum = nullptr;

  LongSum() = default;
  /// total: as large as sum; read and written only where join() is called.
  LongSum(T* sum, T* total) : sum(sum), total_(total) {}

  HWY_INLINE void clear(int64_t count) {
    count_ = count, has_total_ = false;
    std::fill_n(sum, count, T{0});
  }

  HWY_NOINLINE void join() {
    if (!has_total_) {
      std::copy_n(sum, count_, total_);
    } else {
      for (int64_t x = 0; x < count_; ++x) total_[x] += sum[x];
    }
    std::fill_n(sum, count_, T{0});
    has_total_ = true;
  }

  /// All of it, in sum.
  HWY_INLINE void close() {
    if (has_total_) join(), std::copy_n(total_, count_, sum);
    has_total_ = false;
  }

  /// Multiplies `count` numbers from `first` on.
  HWY_INLINE void multiply(int64_t first, int64_t count, T factor) {
    for (int64_t x = first; x < first + count; ++x) sum[x] *= factor;
    for (int64_t x = first; has_total_ && x < first + count; ++x) total_[x] *= factor;
  }

 private:
  T* total_ = nullptr;
  int64_t count_ = 0;
  bool has_total_ = false;
};

/// Calls join() of a sum where a stretch of keys begins.
class Stretches {
 public:
  template <class T>
  HWY_INLINE void enter(int64_t key, LongSum<T>& sum) {
    const int64_t stretch = key / kStretch;
    if (at_ >= 0 && stretch != at_) sum.join();
    at_ = stretch;
  }

 private:
  int64_t at_ = -1;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
