#include "core/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "heed/core/error.h"

namespace heed {
namespace {

using ::testing::HasSubstr;
using Texts = std::vector<std::string>;

std::function<bool(std::string&)> from(Texts given) {
  return [given = std::move(given), at = size_t{0}](std::string& text) mutable {
    if (at == given.size()) return false;
    text = given[at++];
    return true;
  };
}

TEST(ChildProcess, GivesWhatTheWorkMakesOfAllTexts) {
  Texts texts{"", "a\0b"};
  for (int i = 0; i < 2000; ++i) texts.push_back(std::string(static_cast<size_t>(i), 'x'));
  const auto result = in_child_process(from(texts), [&](const Texts& given) {
    std::string all = given == texts ? "same" : "others";
    return all + std::string(5000000, '\0');  // more than any pipe holds
  });
  ASSERT_TRUE(result.returned) << result.end;
  EXPECT_EQ(result.bytes, "same" + std::string(5000000, '\0'));
  const auto nothing = in_child_process(from({}), [](const Texts&) { return std::string(); });
  EXPECT_TRUE(nothing.returned);
  EXPECT_EQ(nothing.bytes, "");
}

TEST(ChildProcess, ExitAndSignalsEndTheChildAlone) {
  const auto ended = [](void (*end)()) {
    return in_child_process(from({"a"}), [=](const Texts&) {
      std::fputs("first\nlast word\n", stderr);
      end();
      return std::string("not reached");
    });
  };
  const auto left = ended([] { std::exit(7); });
  EXPECT_FALSE(left.returned);
  EXPECT_THAT(left.end, HasSubstr("exit code"));
  EXPECT_EQ(left.said, "last word");
  const auto broken = ended([] { ::raise(SIGSEGV); });
  EXPECT_FALSE(broken.returned);
  EXPECT_THAT(broken.end, HasSubstr("signal 11"));
  EXPECT_EQ(broken.said, "last word");
}

int said_at_exit = -1;  // a descriptor

TEST(ChildProcess, WhatThisProgramDoesAtItsEndIsNotDoneByTheChild) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  said_at_exit = ends[1];
  std::atexit([] {
    if (said_at_exit >= 0 && write(said_at_exit, "x", 1) != 1) std::abort();
  });
  const auto result = in_child_process(from({}), [](const Texts&) -> std::string { std::exit(3); });
  said_at_exit = -1;
  EXPECT_FALSE(result.returned);
  EXPECT_EQ(result.end, "exit code 255");
  char said = 0;
  EXPECT_LT(read(ends[0], &said, 1), 0);
  close(ends[0]), close(ends[1]);
}

TEST(ChildProcess, TheChildEndsWithAParentThatIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    in_child_process(from({}), [&](const Texts&) {
      const auto say = [&](char what) { return write(ends[1], &what, 1) == 1; };
      if (say('b')) sleep(20);
      say('e');  // the end of the work, which nobody waits for
      return std::string();
    });
    _exit(0);
  }
  close(ends[1]);
  char said = 0;
  ASSERT_EQ(read(ends[0], &said, 1), 1);
  EXPECT_EQ(said, 'b');
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_EQ(read(ends[0], &said, 1), 0) << "the work went on alone";
  close(ends[0]);
}

TEST(ChildProcess, WhatTheTextsThrowArrivesAndMemoryIsNamed) {
  EXPECT_THROW(in_child_process([](std::string&) -> bool { throw DataError("broken"); },
                                [](const Texts&) { return std::string(); }),
               DataError);
  EXPECT_THROW(
      in_child_process(from({}), [](const Texts&) -> std::string { throw std::bad_alloc(); }),
      std::bad_alloc);
}

}  // namespace
}  // namespace heed
