// By how many threads LibTorch computes, by the size of the products before.
#include "nn/small_products.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/threads.h"
#include "heed/core/threads.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

class SmallProductsTest : public testing::Test {
 protected:
  void SetUp() override {
    set_num_threads(3);
    at::get_num_threads();
    if (detail::openmp_threads() != 3) GTEST_SKIP() << "a build without OpenMP";
  }
  void TearDown() override { set_num_threads(before_); }
  const int before_ = num_threads();
};

/// As affine() has them: x (rows, 64), weight (64, 64).
void multiply(int64_t rows) { affine(torch::ones({rows, 64}), torch::ones({64, 64}), {}); }

TEST_F(SmallProductsTest, OneThreadComputesWhatFollowsASmallProduct) {
  {
    SmallProducts small;
    EXPECT_EQ(detail::openmp_threads(), 3);
    multiply(1023);  // 4,190,208 multiplications
    EXPECT_EQ(detail::openmp_threads(), 1);
    multiply(1024);  // 2^22
    EXPECT_EQ(detail::openmp_threads(), 3);
    multiply(1);
    {
      const SmallProducts inner;
      multiply(4096);
      EXPECT_EQ(detail::openmp_threads(), 3);
    }
    multiply(4096);
    EXPECT_EQ(detail::openmp_threads(), 3) << "the outermost goes on";
    multiply(1);
    EXPECT_EQ(at::get_num_threads(), 1) << "LibTorch goes by it";
    EXPECT_EQ(num_threads(), 3) << "Heed's own operators decide for themselves";
  }
  EXPECT_EQ(detail::openmp_threads(), 3);
}

TEST_F(SmallProductsTest, TheMeanDecidesForBackward) {
  SmallProducts small;
  small.mix();
  EXPECT_EQ(detail::openmp_threads(), 3) << "nothing was multiplied";
  multiply(4096), multiply(512);
  small.mix();
  EXPECT_EQ(detail::openmp_threads(), 3);
  for (int i = 0; i < 6; ++i) multiply(1);
  small.mix();
  EXPECT_EQ(detail::openmp_threads(), 1);
}

TEST_F(SmallProductsTest, WithoutOneNothingIsSet) {
  multiply(1);
  EXPECT_EQ(detail::openmp_threads(), 3);
}

}  // namespace
}  // namespace heed::nn
