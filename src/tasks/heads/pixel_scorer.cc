#include "tasks/heads/pixel_scorer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "tasks/heads/score_column.h"

namespace heed {
namespace {

/// Scores of one image, all of which a mean over images is taken of.
struct ImageScores {
  int64_t example = 0;
  double dice = 0, iou = 0, boundary_iou = 0;
  std::string line;
};

/// An image that has none of the classes, and of which none is predicted, is right.
double or_right(double score) { return std::isnan(score) ? 1 : score; }

class PixelScorer : public Scorer {
 public:
  PixelScorer(PixelScores scores, PixelBatchOf answer)
      : scores_(std::move(scores)),
        answer_(std::move(answer)),
        pooled_(scores_.classes.size()),
        boundaries_(scores_.classes.size()),
        threshold_(scores_.classes.size()) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = answer_(tokens, batch);
    loss_ += found.loss * static_cast<double>(batch.size());
    for (const auto& example : found.examples) add(example);
  }

  Metrics metrics() override {
    std::sort(images_.begin(), images_.end(),
              [](const auto& a, const auto& b) { return a.example < b.example; });
    Metrics all{{"dice", mean(&ImageScores::dice)},
                {"iou", mean(&ImageScores::iou)},
                {"boundary_iou", mean(&ImageScores::boundary_iou)},
                {"accuracy", accuracy(pooled_)},
                {"dice_pooled", or_right(mean_dice(pooled_, scores_.first))},
                {"iou_pooled", or_right(mean_iou(pooled_, scores_.first))}};
    if (scores_.instances) all.emplace_back("object_f1", or_right(objects_.dice()));
    all.emplace_back("loss", loss_ / static_cast<double>(images_.size()));
    return all;
  }

  Metrics baseline() const override {
    int64_t pixels = 0;
    for (const auto& own : pooled_) pixels += own.expected;
    const int64_t right = pooled_[static_cast<size_t>(scores_.most_frequent)].expected;
    Metrics all{{"baseline_accuracy",
                 pixels ? static_cast<double>(right) / static_cast<double>(pixels) : 1}};
    if (threshold_dice_.empty()) return all;
    double dice = 0;
    for (const double own : threshold_dice_) dice += own;
    all.emplace_back("baseline_dice", dice / static_cast<double>(threshold_dice_.size()));
    all.emplace_back("baseline_dice_pooled", or_right(mean_dice(threshold_, scores_.first)));
    all.emplace_back("baseline_iou_pooled", or_right(mean_iou(threshold_, scores_.first)));
    return all;
  }

  std::string details() const override {
    auto classes = nlohmann::ordered_json::array();
    for (size_t k = 0; k < pooled_.size(); ++k) {
      auto& one = classes.emplace_back(
          nlohmann::ordered_json{{"class", scores_.classes[k]}, {"pixels", pooled_[k].expected}});
      if (!pooled_[k].any()) continue;
      one["dice_pooled"] = pooled_[k].dice(), one["iou_pooled"] = pooled_[k].iou();
      one["boundary_iou_pooled"] = boundaries_[k].iou();
    }
    nlohmann::ordered_json json{{"classes", classes}};
    if (scores_.instances)
      json["objects"] = {{"expected", objects_.expected},
                         {"predicted", objects_.predicted},
                         {"matched", objects_.both}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::string report() const override {
    std::string text = "\n    pixels      dice       iou  boundary  class (pixels of all images)\n";
    for (size_t k = 0; k < pooled_.size(); ++k) {
      char pixels[32];
      std::snprintf(pixels, sizeof pixels, "%10lld", static_cast<long long>(pooled_[k].expected));
      text.append(pixels).append(score_column(pooled_[k].dice()));
      text.append(score_column(pooled_[k].iou())).append(score_column(boundaries_[k].iou()));
      text.append("  ").append(printable(scores_.classes[k])).append("\n");
    }
    return text;
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& image : images_) lines.push_back(image.line);
    return lines;
  }

 private:
  void add(const ScoredPixels& example) {
    const auto K = std::ssize(scores_.classes);
    const auto& wanted = example.wanted.classes;
    const auto own = class_overlaps(example.found.classes, wanted, K);
    const auto edges = boundary_overlaps(example.found.classes, wanted, K,
                                         boundary_distance(wanted.height, wanted.width));
    for (size_t k = 0; k < own.size(); ++k) pooled_[k] += own[k], boundaries_[k] += edges[k];
    images_.push_back({example.example, or_right(mean_dice(own, scores_.first)),
                       or_right(mean_iou(own, scores_.first)),
                       or_right(mean_iou(edges, scores_.first)), example.line});
    if (scores_.instances)
      objects_ += object_overlap(example.found.objects, example.wanted.objects);
    if (!example.threshold) return;
    const auto simple = class_overlaps(*example.threshold, wanted, K);
    for (size_t k = 0; k < simple.size(); ++k) threshold_[k] += simple[k];
    threshold_dice_.push_back(or_right(mean_dice(simple, scores_.first)));
  }

  double mean(double ImageScores::*score) const {
    double sum = 0;
    for (const auto& image : images_) sum += image.*score;
    return sum / static_cast<double>(images_.size());
  }
  static double accuracy(const std::vector<Overlap>& classes) {
    int64_t right = 0, pixels = 0;
    for (const auto& own : classes) right += own.both, pixels += own.expected;
    return pixels ? static_cast<double>(right) / static_cast<double>(pixels) : 1;
  }

  PixelScores scores_;
  PixelBatchOf answer_;
  double loss_ = 0;
  std::vector<Overlap> pooled_, boundaries_, threshold_;
  std::vector<double> threshold_dice_;
  Overlap objects_;
  std::vector<ImageScores> images_;
};

}  // namespace

std::unique_ptr<Scorer> make_pixel_scorer(PixelScores scores, PixelBatchOf answer) {
  return std::make_unique<PixelScorer>(std::move(scores), std::move(answer));
}

}  // namespace heed
