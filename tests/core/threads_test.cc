#include "heed/core/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/threads.h"

namespace heed {
namespace {

class Threads : public testing::Test {
 protected:
  ~Threads() override { set_num_threads(before_); }
  const int before_ = num_threads();
};

TEST_F(Threads, EveryTaskRunsOnce) {
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(num_threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      parallel_for(tasks, [&](int64_t task) { ++runs[static_cast<size_t>(task)]; });
      for (const auto& count : runs)
        ASSERT_EQ(count, 1) << threads << " threads, " << tasks << " tasks";
    }
  }
}

// Short work is begun by one thread alone; what is longer than it was before goes on with the others.
TEST_F(Threads, WorkThatIsShortAndThenLongRunsOnce) {
  set_num_threads(3);
  for (const int64_t us : {0, 0, 100, 0, 0}) {
    std::vector<std::atomic<int>> runs(50);
    std::vector<std::vector<int64_t>> order(50);
    parallel_for(50, [&](int64_t task) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(us);
      while (std::chrono::steady_clock::now() < end) continue;
      ++runs[static_cast<size_t>(task)];
      parallel_for(3, [&](int64_t i) { order[static_cast<size_t>(task)].push_back(i); });
    });
    for (const auto& count : runs) ASSERT_EQ(count, 1) << us << " us";
    for (const auto& inner : order)
      ASSERT_EQ(inner, (std::vector<int64_t>{0, 1, 2})) << us << " us";
  }
}

TEST_F(Threads, AWrongNumberOfTheEnvironmentIsSaid) {
  const char* given = std::getenv("HEED_NUM_THREADS");
  const std::string before = given ? given : "";
  const std::vector<std::string> all = {"abc", "-4", "0", "2 threads",
                                        std::to_string(most_threads() + 1)};
  for (const auto& wrong : all) {
    setenv("HEED_NUM_THREADS", wrong.c_str(), 1);
    testing::internal::CaptureStderr();
    const int threads = detail::default_threads();
    const auto said = testing::internal::GetCapturedStderr();
    EXPECT_GE(threads, 1);
    EXPECT_NE(said.find("heed: warning: HEED_NUM_THREADS: expected a number of threads from 1 to " +
                        std::to_string(most_threads())),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("given '" + wrong + "'; " + std::to_string(threads) + " are used\n"),
              std::string::npos)
        << said;
  }
  setenv("HEED_NUM_THREADS", std::to_string(most_threads()).c_str(), 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(detail::default_threads(), most_threads());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  given ? setenv("HEED_NUM_THREADS", before.c_str(), 1) : unsetenv("HEED_NUM_THREADS");
}

TEST_F(Threads, AtLeastOne) {
  set_num_threads(0);
  EXPECT_EQ(num_threads(), 1);
  set_num_threads(-5);
  EXPECT_EQ(num_threads(), 1);
}

TEST_F(Threads, InsideAnotherTheTasksRunInOrder) {
  set_num_threads(3);
  std::vector<std::vector<int64_t>> order(6);
  parallel_for(6, [&](int64_t outer) {
    parallel_for(50, [&](int64_t inner) { order[static_cast<size_t>(outer)].push_back(inner); });
  });
  for (const auto& one : order) {
    ASSERT_EQ(one.size(), 50u);
    for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i], static_cast<int64_t>(i));
  }
}

TEST_F(Threads, TheLowestTasksExceptionComesOut) {
  for (int threads : {2, 3}) {
    set_num_threads(threads);
    std::atomic<int> ran = 0;
    try {
      parallel_for(100, [&](int64_t task) {
        ++ran;
        if (task == 30 || task == 31 || task == 90) throw std::runtime_error(std::to_string(task));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "30");
    }
    EXPECT_EQ(ran, 100);
  }
  set_num_threads(1);
  EXPECT_THROW(parallel_for(3, [](int64_t) { throw std::runtime_error("x"); }), std::runtime_error);
}

}  // namespace
}  // namespace heed
