#include "tasks/heads/box_scorer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "tasks/heads/score_column.h"

namespace heed {
namespace {

class BoxScorer : public Scorer {
 public:
  BoxScorer(BoxScorerOptions options, BoxOutputOf output)
      : options_(std::move(options)), output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    auto found = output_(tokens, batch);
    loss_ += found.loss;
    for (int64_t i = 0; i < batch.size(); ++i) {
      records_.push_back(batch.records[i].item<int64_t>());
      images_.push_back(std::move(found.images[static_cast<size_t>(i)]));
    }
  }

  Metrics metrics() override {
    scores_ = coco_scores(images_, kinds());
    Metrics all;
    // A number that no image speaks of, as of small objects where there is none, is left out.
    const auto add = [&](const char* name, double number) {
      if (!std::isnan(number)) all.emplace_back(name, number);
    };
    add("ap", scores_.ap), add("ap50", scores_.ap50), add("ap75", scores_.ap75);
    add("ap_small", scores_.small), add("ap_medium", scores_.medium),
        add("ap_large", scores_.large);
    add("ar1", scores_.recall1), add("ar10", scores_.recall10), add("ar100", scores_.recall);
    add("voc_ap", mean_of_known(voc_average_precisions(images_, kinds())));
    add("voc07_ap", mean_of_known(voc_average_precisions(images_, kinds(), VocPoints::eleven)));
    if (all.empty()) all = {{"ap", 0}, {"ap50", 0}};  // images without any object
    all.emplace_back("loss", loss_ / double(std::max<size_t>(1, images_.size())));
    return all;
  }

  Metrics baseline() const override {
    auto images = images_;
    for (size_t i = 0; i < images.size(); ++i) {
      const auto shape = options_.shape_of(records_[i]);
      const double W = double(shape.width), H = double(shape.height);
      images[i].found = options_.usual;
      for (auto& [kind, score, box] : images[i].found)
        box = {box.x0 * W, box.y0 * H, box.x1 * W, box.y1 * H};
    }
    const auto scores = coco_scores(images, kinds());
    if (std::isnan(scores.ap)) return {};
    return {{"baseline_ap", scores.ap}, {"baseline_ap50", scores.ap50}};
  }

  std::string details() const override {
    auto rows = nlohmann::ordered_json::array();
    for (int64_t k = 0; k < kinds(); ++k) {
      const double ap = scores_.ap50_of_kind[static_cast<size_t>(k)];
      auto& row = rows.emplace_back(
          nlohmann::ordered_json{{"class", options_.classes.name(k)}, {"objects", objects(k)}});
      row["ap50"] = std::isnan(ap) ? nlohmann::ordered_json() : nlohmann::ordered_json(ap);
    }
    return nlohmann::ordered_json{{"classes", rows}}.dump(-1, ' ', false,
                                                          nlohmann::json::error_handler_t::replace);
  }

  std::string report() const override {
    std::string text = "\n objects      AP50  class\n";
    for (int64_t k = 0; k < kinds(); ++k) {
      char count[32];
      std::snprintf(count, sizeof count, "%8lld", static_cast<long long>(objects(k)));
      text.append(count).append(score_column(scores_.ap50_of_kind[static_cast<size_t>(k)]));
      text.append("  ").append(printable(options_.classes.name(k))).append("\n");
    }
    return text;
  }

 private:
  int64_t kinds() const { return options_.classes.size(); }
  int64_t objects(int64_t kind) const {
    int64_t count = 0;
    for (const auto& image : images_)
      for (const auto& box : image.expected) count += box.kind == kind && !box.crowd;
    return count;
  }

  BoxScorerOptions options_;
  BoxOutputOf output_;
  double loss_ = 0;
  std::vector<int64_t> records_;
  std::vector<DetectedImage> images_;
  CocoScores scores_;
};

}  // namespace

std::unique_ptr<Scorer> make_box_scorer(BoxScorerOptions options, BoxOutputOf output) {
  return std::make_unique<BoxScorer>(std::move(options), std::move(output));
}

}  // namespace heed
