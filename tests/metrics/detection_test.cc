#include "heed/metrics/detection.h"

#include <gmock/gmock.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

/// The numbers of bench/peers/detection.py.
class BoxDraw {
 public:
  explicit BoxDraw(uint64_t seed) : state_(seed) {}
  double uniform() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return double(state_ >> 33) / 2147483648.0;
  }
  int64_t below(double n) { return static_cast<int64_t>(uniform() * n); }
  Rectangle box() {
    const double x = uniform() * 400, y = uniform() * 400, w = uniform(), h = uniform();
    return {x, y, x + 4 + w * w * 200, y + 4 + h * h * 200};
  }
  double near(double side) { return side + (uniform() - 0.5) * 3; }
  double score(double most) { return std::floor(uniform() * most) / 100; }

 private:
  uint64_t state_;
};

std::vector<DetectedImage> random_images(uint64_t seed) {
  BoxDraw draw(seed);
  std::vector<DetectedImage> images(12);
  for (auto& image : images) {
    for (int64_t n = draw.below(8); n > 0; --n) {
      const auto kind = draw.below(3);
      const auto box = draw.box();
      image.expected.push_back({.kind = kind, .box = box, .crowd = draw.uniform() < 0.1});
      if (!(draw.uniform() < 0.8)) continue;
      FoundBox found{};
      found.kind = draw.uniform() < 0.9 ? kind : draw.below(3);
      found.score = draw.score(100);
      found.box.x0 = draw.near(box.x0), found.box.y0 = draw.near(box.y0);
      found.box.x1 = draw.near(box.x1), found.box.y1 = draw.near(box.y1);
      image.found.push_back(found);
    }
    for (int64_t n = draw.below(6); n > 0; --n) {
      const auto kind = draw.below(3);
      const double score = draw.score(60);
      image.found.push_back({kind, score, draw.box()});
    }
  }
  return images;
}

struct DetectionCase {
  uint64_t seed;
  std::vector<double> coco;  // as pycocotools' summary orders them
  double eleven, all;
};

TEST(Detection, TheNumbersOfPycocotoolsAndOfVocsRule) {
  const DetectionCase cases[] = {
      {1,
       {0.474635528643, 0.690915364912, 0.456553181104, 0.263586358636, 0.670811724030,
        0.950495049505, 0.398611111111, 0.684722222222, 0.684722222222, 0.320000000000,
        0.779259259259, 1.000000000000},
       0.690026542658,
       0.690838813558},
      {2,
       {0.533460089014, 0.673440358093, 0.614392402227, 0.514648000514, 0.643831311703,
        0.489273927393, 0.309861111111, 0.670277777778, 0.670277777778, 0.626851851852,
        0.783333333333, 0.666666666667},
       0.673198885344,
       0.672539662911},
      {3,
       {0.312624592223, 0.431730632662, 0.320519011608, 0.283519959139, 0.347290203379,
        0.777227722772, 0.235444947210, 0.459728506787, 0.459728506787, 0.430000000000,
        0.468452380952, 0.800000000000},
       0.426248471877,
       0.430660134098},
  };
  for (const auto& each : cases) {
    const auto images = random_images(each.seed);
    const auto s = coco_scores(images, 3);
    const std::vector<double> mine{s.ap,     s.ap50,         s.ap75,          s.small,
                                   s.medium, s.large,        s.recall1,       s.recall10,
                                   s.recall, s.recall_small, s.recall_medium, s.recall_large};
    for (size_t i = 0; i < mine.size(); ++i)
      EXPECT_NEAR(mine[i], each.coco[i], 1e-9) << "seed " << each.seed << ", number " << i;
    EXPECT_NEAR(mean_of_known(voc_average_precisions(images, 3, VocPoints::eleven)), each.eleven,
                1e-9);
    EXPECT_NEAR(mean_of_known(voc_average_precisions(images, 3)), each.all, 1e-9);
  }
}

TEST(Detection, ByHand) {
  const Rectangle object{0, 0, 10, 10}, other{20, 20, 40, 40};
  DetectedImage image;
  image.expected = {{.kind = 0, .box = object}, {.kind = 0, .box = other}};
  // The second box finds the same object again; nobody finds the other one.
  image.found = {{0, 0.9, object}, {0, 0.8, object}};
  const auto scores = coco_scores({&image, 1}, 2);
  EXPECT_NEAR(scores.ap50, 51.0 / 101, 1e-12);  // precision 1 at recall 0 .. 0.5, then none
  EXPECT_DOUBLE_EQ(scores.recall, 0.5);
  EXPECT_DOUBLE_EQ(scores.recall1, 0.5);
  EXPECT_TRUE(std::isnan(scores.ap50_of_kind[1])) << "no box is of that class";
  EXPECT_THAT(voc_average_precisions({&image, 1}, 1), ElementsAre(DoubleNear(0.5, 1e-12)));
  EXPECT_THAT(voc_average_precisions({&image, 1}, 1, VocPoints::eleven),
              ElementsAre(DoubleNear(6.0 / 11, 1e-12)));
}

TEST(Detection, CrowdsAndDifficultObjectsCountNeitherWay) {
  const Rectangle object{0, 0, 10, 10}, group{50, 50, 150, 150}, inside{60, 60, 70, 70},
      apart{60, 75, 70, 85};
  DetectedImage image;
  image.expected = {{.kind = 0, .box = object}, {.kind = 0, .box = group, .crowd = true}};
  image.found = {{0, 0.9, inside}, {0, 0.85, apart}, {0, 0.8, object}};
  EXPECT_DOUBLE_EQ(coco_scores({&image, 1}, 1).ap, 1) << "both boxes lie in the crowd";
  image.expected[1].crowd = false, image.expected[1].difficult = true;
  image.found = {{0, 0.9, group}, {0, 0.85, group}, {0, 0.8, object}};
  EXPECT_THAT(voc_average_precisions({&image, 1}, 1), ElementsAre(1));
  image.expected[1].difficult = false;
  EXPECT_THAT(voc_average_precisions({&image, 1}, 1),
              ElementsAre(DoubleNear(0.5 + 0.5 * 2 / 3, 1e-12)));
}

TEST(Detection, IntersectionOverUnion) {
  EXPECT_DOUBLE_EQ(box_iou({0, 0, 2, 2}, {1, 1, 3, 3}), 1.0 / 7);
  EXPECT_EQ(box_iou({0, 0, 1, 1}, {1, 0, 2, 1}), 0);
}

TEST(Detection, RefusesWhatItCannotCount) {
  DetectedImage image;
  image.found = {{2, 0.5, {0, 0, 1, 1}}};
  EXPECT_THROW(coco_scores({&image, 1}, 2), UsageError);
  image.found = {{0, std::nan(""), {0, 0, 1, 1}}};
  EXPECT_THROW(voc_average_precisions({&image, 1}, 2), UsageError);
}

}  // namespace
}  // namespace heed
