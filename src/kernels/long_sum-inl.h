// Sums that many tiles are added to, in two parts.

#if defined(HEED_KERNELS_LONG_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LONG_SUM_INL_H_
#undef HEED_KERNELS_LONG_SUM_INL_H_
#else
#define HEED_KERNELS_LONG_SUM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/gemm_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// sum += more, with what rounding takes from it added to `rest` (Knuth 1997, 4.2.2, theorem B). An
/// infinite sum has no rest.
template <class D, class V>
HWY_INLINE void add_kept(D, V& sum, V& rest, V more) {
  const V all = hn::Add(sum, more), added = hn::Sub(all, sum);
  const V lost = hn::Add(hn::Sub(sum, hn::Sub(all, added)), hn::Sub(more, added));
  rest = hn::Add(rest, hn::IfThenZeroElse(hn::IsNaN(lost), lost));
  sum = all;
}

/// `count` numbers, in whole vectors. Tiles are added to `sum`; after some of them join() moves it
/// to a total with its rest. A sum of any number of tiles then collects the rounding of those few
/// additions that come before join().
template <class T>
class LongSum {
 public:
  T* sum = nullptr;

  LongSum() = default;
  /// total: twice as large as sum; read and written only where join() is called.
  LongSum(T* sum, T* total) : sum(sum), total_(total) {}

  HWY_INLINE void clear(int64_t count) {
    count_ = count, has_total_ = false;
    std::fill_n(sum, count, T{0});
  }

  HWY_NOINLINE void join() {
    T* HWY_RESTRICT rests = total_ + count_;
    if (!has_total_) {
      std::copy_n(sum, count_, total_);
      std::fill_n(rests, count_, T{0});
    } else {
      const Vector<T> d;
      for (int64_t x = 0; x < count_; x += static_cast<int64_t>(hn::Lanes(d))) {
        auto total = hn::LoadU(d, total_ + x), rest = hn::LoadU(d, rests + x);
        add_kept(d, total, rest, hn::LoadU(d, sum + x));
        hn::StoreU(total, d, total_ + x), hn::StoreU(rest, d, rests + x);
      }
    }
    std::fill_n(sum, count_, T{0});
    has_total_ = true;
  }

  /// All of it, in sum.
  HWY_INLINE void close() {
    if (!has_total_) return;
    join();
    for (int64_t x = 0; x < count_; ++x) sum[x] = total_[x] + total_[count_ + x];
    has_total_ = false;
  }

  /// Multiplies `count` numbers from `first` on.
  HWY_INLINE void multiply(int64_t first, int64_t count, T factor) {
    for (int64_t x = first; x < first + count; ++x) sum[x] *= factor;
    if (!has_total_) return;
    for (int64_t x = first; x < first + count; ++x)
      total_[x] *= factor, total_[count_ + x] *= factor;
  }

 private:
  T* total_ = nullptr;  ///< (2, count): the sum of those before and its rest
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
