#include "ops/packed_memory.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "heed/core/error.h"
#include "heed/ops/row_linear.h"

namespace heed {
namespace {

TEST(PackedMemory, TensorsLieSideBySideAtCacheLines) {
  PackedMemory memory;
  std::vector<at::Tensor> tensors;
  // Blocks from below a page to the largest, what is larger than that, and nothing.
  for (const int64_t n : {1, 0, 17, 5000, 100'000, 400'000, 600'000, 3'000'000, 9'000'000, 17, 1})
    for (const auto type : {at::kFloat, at::kDouble}) {
      tensors.push_back(memory.empty({n}, type));
      EXPECT_EQ(tensors.back().sizes(), at::IntArrayRef({n}));
      EXPECT_EQ(tensors.back().scalar_type(), type);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors.back().data_ptr()) % 64, 0u);
    }
  memory = {};  // they hold what they lie in
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].fill_(static_cast<double>(i));
  for (size_t i = 0; i < tensors.size(); ++i)
    EXPECT_TRUE(tensors[i].eq(static_cast<double>(i)).all().item<bool>()) << i;
}

TEST(PackedMemory, GoesOnAfterWhatDidNotFit) {
  PackedMemory memory;
  const auto before = memory.empty({100}, at::kFloat).fill_(1);
  try {
    memory.empty({int64_t{1} << 50}, at::kFloat);
    FAIL() << "4 PB were given";
  } catch (const Error& error) {
    EXPECT_EQ(error.why(), Failure::memory) << error.what();
  }
  memory.empty({100}, at::kFloat).fill_(2);
  EXPECT_TRUE(before.eq(1).all().item<bool>());
}

TEST(PackedMemory, WeightsAreThoseThatLieAlone) {
  torch::manual_seed(1);
  PackedMemory memory;
  std::vector<at::Tensor> weights;
  std::vector<PackedWeight> packed;
  for (int i = 0; i < 40; ++i) {
    weights.push_back(at::randn({100 + i, 333}));
    packed.emplace_back(weights.back(), memory);
  }
  const auto x = at::randn({3, 333});
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_TRUE(row_linear(x, packed[i]).equal(row_linear(x, weights[i]))) << i;
}

}  // namespace
}  // namespace heed
