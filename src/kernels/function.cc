#include "kernels/function.h"

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/function.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/function-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

void apply_float(Function function, const float* x, int64_t n, float* y) {
  apply_any(function, x, n, y);
}
void apply_double(Function function, const double* x, int64_t n, double* y) {
  apply_any(function, x, n, y);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(apply_float);
HWY_EXPORT(apply_double);

constexpr int64_t kPiece = 8192;

template <class T, class F>
void by_pieces(int64_t n, const T* x, T* y, const F& f) {
  parallel_for(divide_up(n, kPiece), [&](int64_t piece) {
    const int64_t first = piece * kPiece;
    f(x + first, std::min(kPiece, n - first), y + first);
  });
}

}  // namespace

void apply(Function function, const float* x, int64_t n, float* y) {
  by_pieces(n, x, y, [&](const float* from, int64_t count, float* to) {
    HWY_DYNAMIC_DISPATCH(apply_float)(function, from, count, to);
  });
}

void apply(Function function, const double* x, int64_t n, double* y) {
  by_pieces(n, x, y, [&](const double* from, int64_t count, double* to) {
    HWY_DYNAMIC_DISPATCH(apply_double)(function, from, count, to);
  });
}

}  // namespace heed::kernels
#endif
