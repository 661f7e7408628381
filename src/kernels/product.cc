#include "kernels/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

void add_float(int64_t m, int64_t n, int64_t depth, Left<float> a, Right<float> b,
               Result<float> c) {
  gemm<true>(m, n, depth, a, b, c);
}
void add_double(int64_t m, int64_t n, int64_t depth, Left<double> a, Right<double> b,
                Result<double> c) {
  gemm<true>(m, n, depth, a, b, c);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(add_float);
HWY_EXPORT(add_double);

void add_product(int64_t m, int64_t n, int64_t depth, Left<float> a, Right<float> b,
                 Result<float> c) noexcept {
  HWY_DYNAMIC_DISPATCH(add_float)(m, n, depth, a, b, c);
}

void add_product(int64_t m, int64_t n, int64_t depth, Left<double> a, Right<double> b,
                 Result<double> c) noexcept {
  HWY_DYNAMIC_DISPATCH(add_double)(m, n, depth, a, b, c);
}

}  // namespace heed::kernels
#endif
