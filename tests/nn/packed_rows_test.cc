#include "nn/packed_rows.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace heed::nn {
namespace {

TEST(PackedRows, ComeAndGoWithoutPadding) {
  const auto x = at::arange(24, at::kFloat).view({2, 4, 3});
  const auto packed = PackedRows::of(at::tensor({1, 3}, at::kLong), 4);
  ASSERT_TRUE(packed);
  const auto y = packed->pack(x);
  EXPECT_TRUE(y.equal(at::cat({x[0].narrow(0, 0, 1), x[1].narrow(0, 0, 3)}).unsqueeze(0)));
  auto expected = x.clone();
  expected[0].narrow(0, 1, 3).zero_(), expected[1].narrow(0, 3, 1).zero_();
  EXPECT_TRUE(packed->unpack(y).equal(expected));
  EXPECT_FALSE(PackedRows::of(at::tensor({4, 4}, at::kLong), 4));
  EXPECT_FALSE(PackedRows::of(at::tensor({0, 0}, at::kLong), 4));
}

TEST(PackedRows, AreGivenWhileTheirScopeLives) {
  EXPECT_EQ(PackedRows::given(), nullptr);
  const auto packed = PackedRows::of(at::tensor({1, 3}, at::kLong), 4);
  {
    const PackedRows::Scope scope(*packed);
    EXPECT_EQ(PackedRows::given(), &*packed);
  }
  EXPECT_EQ(PackedRows::given(), nullptr);
}

}  // namespace
}  // namespace heed::nn
