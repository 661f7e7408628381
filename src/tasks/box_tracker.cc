#include "heed/tasks/box_tracker.h"

#include "core/assignment.h"
#include "core/text.h"
#include "heed/core/error.h"
#include "heed/metrics/detection.h"
#include "tasks/heads/box_answer.h"

namespace heed {
namespace {

constexpr double kNewVelocity = 0.5;  // share of the last step in an object's velocity
constexpr double kNoPair = 2;         // dearer than any pair

double overlap_of(const PredictedBox& a, const PredictedBox& b) {
  return a.name == b.name ? box_iou({a.x0, a.y0, a.x1, a.y1}, {b.x0, b.y0, b.x1, b.y1}) : 0;
}

}  // namespace

BoxTracker::BoxTracker(const TrackOptions& options) : options_(options) {
  if (!(options.overlap >= 0 && options.overlap <= 1))
    throw UsageError(text_of("tracking: overlap: expected 0 to 1, given ", options.overlap));
  if (options.age < 0)
    throw UsageError(text_of("tracking: age: expected 0 or more, given ", options.age));
}

PredictedBox BoxTracker::expected(const Object& object) const {
  auto box = object.box;
  const double frames = double(object.missing) + 1;
  box.x0 += object.across * frames, box.x1 += object.across * frames;
  box.y0 += object.down * frames, box.y1 += object.down * frames;
  return box;
}

void BoxTracker::follow(Object& object, const PredictedBox& box) const {
  const double frames = double(object.missing) + 1;
  const auto step = [&](double before, double now, double& velocity) {
    const double moved = (now - before) / frames;
    velocity = object.seen == 1 ? moved : velocity + kNewVelocity * (moved - velocity);
  };
  step((object.box.x0 + object.box.x1) / 2, (box.x0 + box.x1) / 2, object.across);
  step((object.box.y0 + object.box.y1) / 2, (box.y0 + box.y1) / 2, object.down);
  object.box = box, object.missing = 0, ++object.seen;
}

std::vector<int64_t> BoxTracker::next(const std::vector<PredictedBox>& boxes) {
  std::vector<double> cost;
  for (const auto& object : objects_) {
    const auto place = expected(object);
    for (const auto& box : boxes) {
      const double overlap = overlap_of(place, box);
      cost.push_back(overlap > 0 && overlap >= options_.overlap ? 1 - overlap : kNoPair);
    }
  }
  const int64_t n = std::ssize(boxes);
  const auto pairs = assign(cost, std::ssize(objects_), n);
  std::vector<int64_t> numbers(boxes.size(), 0);
  for (size_t i = 0; i < objects_.size(); ++i) {
    const auto at = pairs[i];
    if (at < 0 || cost[i * boxes.size() + static_cast<size_t>(at)] == kNoPair) {
      ++objects_[i].missing;
      continue;
    }
    follow(objects_[i], boxes[static_cast<size_t>(at)]);
    numbers[static_cast<size_t>(at)] = objects_[i].number;
  }
  std::erase_if(objects_, [&](const Object& object) { return object.missing > options_.age; });
  for (size_t i = 0; i < boxes.size(); ++i) {
    if (numbers[i] != 0) continue;
    numbers[i] = next_++;
    objects_.push_back({.number = numbers[i], .box = boxes[i]});
  }
  return numbers;
}

void follow(BoxTracker& tracker, Prediction& answer) {
  const auto numbers = tracker.next(answer.boxes);
  for (size_t i = 0; i < numbers.size(); ++i) answer.boxes[i].number = numbers[i];
  answer = box_answer(std::move(answer.boxes));
}

}  // namespace heed
