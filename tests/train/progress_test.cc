#include "train/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace heed {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Clock {
  double seconds = 100;
};

ProgressOptions options_for(Clock& clock, bool terminal, int width = 100) {
  ProgressOptions options;
  options.terminal = terminal;
  options.width = [width] { return width; };
  options.now = [&clock] { return clock.seconds; };
  return options;
}

ProgressState at_step(int64_t step) {
  return {.step = step,
          .steps = 1000,
          .epoch = 2,
          .epochs = 5,
          .examples = 32.0 * double(step),
          .metrics = {{"loss", 0.41234}}};
}

TEST(Progress, LinesElsewhere) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, options_for(clock, false));
  for (int step = 0; step <= 80; ++step, clock.seconds += 0.125) progress.update(at_step(step));
  progress.finish();
  // At 0, 5 and 10 seconds.
  EXPECT_EQ(out.str(),
            "  0 %  epoch 2/5  step 0/1000  loss 0.4123\n"
            "  4 %  epoch 2/5  step 40/1000  loss 0.4123  256/s  2:00 left\n"
            "  8 %  epoch 2/5  step 80/1000  loss 0.4123  256/s  1:55 left\n");
}

TEST(Progress, ABarOnATerminal) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, options_for(clock, true));
  progress.update(at_step(0));
  clock.seconds += 10;
  progress.update(at_step(500));
  EXPECT_EQ(out.str(),
            "\r\033[K[===============>              ]  50 %  epoch 2/5  step 500/1000  loss 0.4123 "
            " 1600/s  "
            "0:10 left");
  progress.say("saved best");
  EXPECT_THAT(out.str(), HasSubstr("left\r\033[Ksaved best\n\r\033[K[===="));
  progress.finish();
  EXPECT_EQ(out.str().back(), '\n');
}

TEST(Progress, FitsTheTerminal) {
  for (const int width : {1, 2, 10, 30, 60, 75, 80, 90, 200}) {
    std::ostringstream out;
    Clock clock;
    Progress progress(out, options_for(clock, true, width));
    progress.update(at_step(0));
    clock.seconds += 1;
    progress.update(at_step(999));
    const std::string drawn = out.str().substr(out.str().rfind("\033[K") + 3);
    EXPECT_LT(static_cast<int>(drawn.size()), width) << drawn;
  }
}

TEST(Progress, DrawsTenTimesASecondAndTheLastState) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, options_for(clock, true));
  for (int step = 0; step < 1000; ++step, clock.seconds += 0.001) progress.update(at_step(step));
  const std::string text = out.str();
  EXPECT_LE(std::count(text.begin(), text.end(), '\r'), 10);
  progress.update(at_step(1000));
  progress.finish();
  EXPECT_THAT(out.str(), HasSubstr("100 %  epoch 2/5  step 1000/1000"));
}

TEST(Progress, SpeedAndTimeLeftAreOfThisProcess) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, options_for(clock, false));
  ProgressState resumed = at_step(900);
  resumed.examples = 0;
  progress.update(resumed);
  clock.seconds += 10;
  resumed.step = 910, resumed.examples = 320;
  progress.update(resumed);
  EXPECT_THAT(out.str(), HasSubstr("step 910/1000  loss 0.4123  32/s  1:30 left"));
}

TEST(Progress, Colour) {
  for (const bool colour : {false, true}) {
    std::ostringstream out;
    Clock clock;
    ProgressOptions options = options_for(clock, true);
    options.colour = colour;
    Progress progress(out, options);
    progress.update(at_step(1));
    progress.finish();
    EXPECT_EQ(out.str().find("\033[32m") != std::string::npos, colour);
  }
}

TEST(Progress, OptionsOfDescriptors) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(grantpt(terminal) | unlockpt(terminal), 0);
  const int screen = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_GE(screen, 0);
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(progress_options(screen).terminal);
  EXPECT_TRUE(progress_options(screen).colour);
  EXPECT_GT(progress_options(screen).width(), 0);
  setenv("NO_COLOR", "1", 1);
  EXPECT_TRUE(progress_options(screen).terminal);
  EXPECT_FALSE(progress_options(screen).colour);
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(progress_options(screen).terminal);
  setenv("TERM", "xterm", 1);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EXPECT_FALSE(progress_options(pipe_ends[1]).terminal);
  EXPECT_FALSE(progress_options(pipe_ends[1]).colour);
  for (const int each : {terminal, screen, pipe_ends[0], pipe_ends[1]}) close(each);
}

}  // namespace
}  // namespace heed
