// One call sets the threads of LibTorch too, and LibTorch's first operator on a thread does not
// undo it.
#include "heed/core/threads.h"

#include <gtest/gtest.h>

#include <thread>

#include "heed/ops/attend.h"

namespace heed::test {
namespace {

TEST(Threads, LibTorchFollows) {
  const int before = num_threads();
  const auto one = torch::ones({1, 1, 1, 1});
  for (int count : {3, 1, 2}) {
    set_num_threads(count);
    EXPECT_EQ(num_threads(), count);
    attend(one, one, one, Attention{});
    torch::ones({100, 1000}).exp().sum();
    EXPECT_EQ(at::get_num_threads(), count);
    int elsewhere = 0;
    std::thread([&] { elsewhere = at::get_num_threads(); }).join();
    EXPECT_EQ(elsewhere, count);
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace heed::test
