#include "core/signals.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "core/folder_test_helpers.h"

namespace heed {
namespace {

/// Where the tests were started in the background, SIGINT is ignored.
class StopSignal : public testing::Test {
 protected:
  StopSignal() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  }
};

TEST_F(StopSignal, TheFirstIsNoted) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const StopSignals signals;
    EXPECT_EQ(StopSignals::caught(), 0);
    raise(number);
    EXPECT_EQ(StopSignals::caught(), number);
  }
}

TEST_F(StopSignal, TheSecondEndsTheProcess) {
  for (const auto& [first, second] :
       {std::pair{SIGINT, SIGINT}, {SIGTERM, SIGINT}, {SIGINT, SIGTERM}}) {
    const int status = test::status_of(test::in_child([first = first, second = second] {
      const StopSignals signals;
      raise(first);
      raise(second);
      return 0;
    }));
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + second);
  }
}

TEST_F(StopSignal, OfALaunchedProcessTheSecondIsTheFirstPassedOn) {
  const int status = test::status_of(test::in_child([] {
    setenv("HEED_LAUNCH", "1", 1);
    const StopSignals signals;
    raise(SIGTERM);
    raise(SIGINT);
    return StopSignals::caught();
  }));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), SIGTERM);
}

TEST_F(StopSignal, GivesTheSignalsBack) {
  const int status = test::status_of(test::in_child([] {
    { const StopSignals signals; }
    raise(SIGTERM);
    return 0;
  }));
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST_F(StopSignal, WhatIsIgnoredStaysIgnored) {
  const int status = test::status_of(test::in_child([] {
    signal(SIGINT, SIG_IGN);
    const StopSignals signals;
    raise(SIGINT);
    return StopSignals::caught();
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace heed
