#include "heed/tasks/box_tracker.h"

#include <gmock/gmock.h>

#include "heed/core/error.h"

namespace heed {
namespace {

using ::testing::ElementsAre;

PredictedBox at(double x, double y, const std::string& name = "ball") {
  return {name, 0.9, x, y, x + 20, y + 20};
}

TEST(BoxTracker, ObjectsKeepTheirNumbersWhereTheyCross) {
  BoxTracker tracker({});
  int64_t switches = 0;
  std::vector<int64_t> first;
  for (int64_t frame = 0; frame <= 40; ++frame) {
    // One goes right, one left, one down through where they meet, all beside each other in the middle.
    const double step = double(frame) * 5;
    std::vector<PredictedBox> boxes{at(step, 100), at(200 - step, 104), at(100, step)};
    const bool turned = frame % 2 == 1;  // the order of boxes says nothing
    if (turned) std::swap(boxes[0], boxes[2]);
    auto numbers = tracker.next(boxes);
    if (turned) std::swap(numbers[0], numbers[2]);
    if (frame == 0) first = numbers;
    for (size_t i = 0; i < 3; ++i) switches += numbers[i] != first[i];
  }
  EXPECT_THAT(first, ElementsAre(1, 2, 3));
  EXPECT_EQ(switches, 0);
}

TEST(BoxTracker, ObjectsAreMissedForSomeFramesAndThenGone) {
  BoxTracker tracker({.age = 2});
  EXPECT_THAT(tracker.next({at(0, 0)}), ElementsAre(1));
  EXPECT_THAT(tracker.next({at(10, 0)}), ElementsAre(1));
  EXPECT_THAT(tracker.next({}), ElementsAre());
  EXPECT_THAT(tracker.next({}), ElementsAre());
  EXPECT_THAT(tracker.next({at(40, 0)}), ElementsAre(1)) << "it went on as it did";
  for (int frame = 0; frame < 3; ++frame) tracker.next({});
  EXPECT_THAT(tracker.next({at(80, 0)}), ElementsAre(2)) << "three frames are more than two";
}

TEST(BoxTracker, NewObjectsAndOtherClassesGetNumbersOfTheirOwn) {
  BoxTracker tracker({});
  EXPECT_THAT(tracker.next({at(0, 0), at(100, 0)}), ElementsAre(1, 2));
  EXPECT_THAT(tracker.next({at(100, 0), at(0, 0, "dog"), at(300, 0)}), ElementsAre(2, 3, 4));
}

TEST(BoxTracker, PairsAreThoseOfTheLeastSumAndNotTheNearestFirst) {
  BoxTracker tracker({.overlap = 0.1});
  tracker.next({at(0, 0), at(10, 0)});
  // The box at 9 is nearest to object 2, and that at 18 can only be object 2.
  EXPECT_THAT(tracker.next({at(6, 0), at(18, 0)}), ElementsAre(1, 2));
}

TEST(BoxTracker, RefusesOptionsOutOfRange) {
  EXPECT_THROW(BoxTracker({.overlap = 1.5}), UsageError);
  EXPECT_THROW(BoxTracker({.age = -1}), UsageError);
}

}  // namespace
}  // namespace heed
