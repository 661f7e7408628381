#include "ops/zeros.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace heed::ops {
namespace {

// Of memory that held other numbers just before, and on both sides of a huge page (2 MB).
TEST(ZerosOf, EveryNumberIsZero) {
  for (const int64_t n : {0, 1, 1000, (1 << 19) - 1, 1 << 19, (1 << 19) + 1, 3000000, 9000000})
    for (const auto type : {at::kFloat, at::kDouble}) {
      const auto sizes = std::vector<int64_t>{n};
      at::ones(sizes, type);
      const auto like = at::empty({1}, type).expand(sizes);
      const auto zeros = zeros_of(like);
      EXPECT_EQ(zeros.sizes(), like.sizes());
      EXPECT_EQ(zeros.scalar_type(), type);
      EXPECT_TRUE(zeros.is_contiguous());
      EXPECT_EQ(zeros.count_nonzero().item<int64_t>(), 0) << n;
    }
}

}  // namespace
}  // namespace heed::ops
