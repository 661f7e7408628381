// Objects in an image: a class, a score and the rectangle around each.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/box_answer.h"
#include "tasks/heads/box_decoder.h"
#include "tasks/heads/box_places.h"
#include "tasks/heads/box_scorer.h"
#include "tasks/heads/unseen.h"

namespace heed {
namespace {

constexpr const char* kBoxesFile = "boxes.json";
constexpr const char* kBoxTarget = "boxes";
constexpr double kLeastMeasured = 0.01;  // score of a box that metrics count

/// What training has of boxes, beside their classes.
struct UsualBoxes {
  std::vector<double> corners;  // of each class: the mean x0 y0 x1 y1, in parts of the image
  double side = 0;              // the mean of sqrt(area), in parts of sqrt(the image's)
};

class BoxesHead : public WithOptions<Head, BoxesHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }

  void learn(const Split& train, const Input&) override {
    if (!train.has_image()) throw ModelError("head: boxes are of images; the input gives none");
    auto names = options.classes;
    std::map<std::string, std::vector<double>> sums;  // of corners, then the number
    double sides = 0, objects = 0;
    for (int64_t i = 0; i < train.size(); ++i) {
      const auto shape = train.source_shape(i);
      const double W = double(shape.width), H = double(shape.height);
      for (const auto& box : boxes_of(train, i, options.column)) {
        auto& sum = sums[box.name];
        sum.resize(5);
        sum[0] += box.x0 / W, sum[1] += box.y0 / H, sum[2] += box.x1 / W, sum[3] += box.y1 / H,
            ++sum[4];
        sides += std::sqrt(box.area() / (W * H)), ++objects;
      }
    }
    if (sums.empty())
      throw DataError("the column '" + options.column +
                      "' of the training data has no box; expected at least one");
    if (names.empty())
      for (const auto& [name, sum] : sums) names.push_back(name);
    std::vector<int64_t> counts;
    usual_ = {{}, sides / objects};
    for (const auto& name : names) {
      const auto found = sums.find(name);
      if (found == sums.end())
        throw DataError("head.classes: the training data has no box of the class '" + name + "'");
      for (size_t c = 0; c < 4; ++c) usual_.corners.push_back(found->second[c] / found->second[4]);
      counts.push_back(static_cast<int64_t>(found->second[4]));
    }
    classes_ = Classes(names, counts);
  }

  Files files() const override {
    const nlohmann::ordered_json json{{"classes", classes_.names()},
                                      {"counts", classes_.counts()},
                                      {"usual", usual_.corners},
                                      {"side", usual_.side}};
    return {
        {kBoxesFile, json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kBoxesFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks the file ") + kBoxesFile);
    const JsonObject json(found->second, kBoxesFile);
    classes_ = Classes::from_json(json, "classes");
    if (classes_.size() == 0) json.refuse("classes", "expected at least one");
    usual_ = {json.numbers("usual"), json.number("side")};
    if (std::ssize(usual_.corners) != 4 * classes_.size())
      json.refuse("usual", "expected four numbers a class");
    if (!(usual_.side > 0 && usual_.side <= 1))
      json.refuse("side", "expected a number above 0 and at most 1");
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext&) override {
    const auto sizes = input.sizes();
    const auto image = sizes.find("image");
    if (image == sizes.end() || image->second.size() != 3)
      throw ModelError("head: boxes are of images; expected input.kind = \"image\"");
    shape_ = {image->second[0], image->second[1], image->second[2]};
    const BoxDecoderSizes of{.width = encoder->width(),
                             .kinds = classes_.size(),
                             .image_height = shape_.height,
                             .image_width = shape_.width,
                             .side = usual_.side * std::sqrt(double(shape_.height * shape_.width))};
    decoder_ = options.decoder == BoxDecoderKind::dense ? make_dense_boxes(of, options.dense)
                                                        : make_query_boxes(of, options.set);
    return decoder_;
  }

  bool follows_placements() const override { return true; }
  /// (N, 7) float32: row of the batch, class, whether a crowd, x0, y0, x1, y1 in its pixels.
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    std::vector<float> all;
    for (size_t row = 0; row < examples.size(); ++row) {
      for (const auto& placement : split.placements(examples[row], draw)) {
        for (const auto& box : boxes_of(split, placement.example, options.column)) {
          Rectangle moved;
          const auto kind = classes_.number(box.name);
          if (kind < 0 || !into_batch(box, placement, shape_, moved)) continue;
          for (const double each : {double(row), double(kind), double(box.crowd), moved.x0,
                                    moved.y0, moved.x1, moved.y1})
            all.push_back(static_cast<float>(each));
        }
      }
    }
    batch.tensors[in_batch(kBoxTarget)] = at::tensor(all, at::kFloat).view({-1, 7});
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return decoder_->forward(tokens);
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    return {decoder_->loss(tokens, targets_of(batch)), batch.size()};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool) override {
    std::vector<FoundBox> usual;
    for (int64_t k = 0; k < classes_.size(); ++k) {
      const auto* at = usual_.corners.data() + 4 * k;
      usual.push_back(
          {k, double(classes_.counts()[static_cast<size_t>(k)]), {at[0], at[1], at[2], at[3]}});
    }
    return make_box_scorer(
        {classes_, usual, [split](int64_t example) { return split->source_shape(example); }},
        [this, split](const Tokens& tokens, const Batch& batch) {
          return measured(tokens, batch, *split);
        });
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override {
    std::vector<Prediction> all;
    for (const auto& found : found_in(decoder_->forward(tokens), batch, split, options.threshold))
      all.push_back(prediction_of(found));
    return all;
  }

  /// `target`: which box of a set's queries is looked at, by its number in the answer; empty: the best.
  Looked explain(const Tokens& tokens, const Batch& batch, const Split& split,
                 const std::string& target) override {
    if (!target.empty() && options.decoder != BoxDecoderKind::queries)
      throw UsageError(
          "--target chooses a box whose query is looked at, and this model's boxes are said by "
          "tokens; leave it out");
    const auto output = decoder_->forward(tokens);  // once: each look of the queries is a map
    Looked looked{prediction_of(found_in(output, batch, split, options.threshold).front())};
    if (options.decoder == BoxDecoderKind::queries)
      looked.query = box_of(output, batch, split, {.target = target}).place;
    return looked;
  }

  /// `target`: the number of a box in the answer; empty: the best.
  Aim aim(const Tokens& tokens, const Batch& batch, const Split& split, const AimOptions& aimed,
          const Looked&) override {
    const auto box = box_of(decoder_->forward(tokens), batch, split, aimed);
    char corners[100];
    std::snprintf(corners, sizeof corners, "' at %.0f %.0f %.0f %.0f", box.box.x0, box.box.y0,
                  box.box.x1, box.box.y1);
    const auto name = classes_.name(box.kind) + corners;
    return {"the logit of '" + name, "the probability of '" + name,
            [this, box](const Tokens& of, const Batch&) {
              const auto output = decoder_->forward(of);
              const auto said = [&](const at::Tensor& all) {
                return all.select(1, box.place).select(1, box.kind);
              };
              return Aimed{said(output), said(decoder_->probabilities(output))};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    std::string text;
    if (!split.has(options.column)) return text;
    for (const auto& box : boxes_of(split, example, options.column))
      text += (text.empty() ? "" : "; ") + to_text(box);
    return text;
  }

  void check(const Split& split, bool training) const override;
  void examine(const data::Records& records, DataReport& report) const override;
  SelectionMetric selection_metric() const override {
    return {word_of(options.metric), options.metric != BoxMetric::loss};
  }
  Metrics stats(const Split& split) const override;

 private:
  BoxTargets targets_of(const Batch& batch) const {
    const auto& all = batch.at(in_batch(kBoxTarget));  // (N, 7)
    return {all.select(1, 0).to(at::kLong), all.select(1, 1).to(at::kLong),
            all.select(1, 2).gt(0.5), all.slice(1, 3, 7)};
  }

  /// In pixels of the files.
  std::vector<std::vector<SaidBox>> found_in(const at::Tensor& output, const Batch& batch,
                                             const Split& split, double threshold) const {
    if (!output.isfinite().all().item<bool>())
      throw ModelError("the head's boxes are not finite: the weights are no good");
    auto all = decoder_->decode(output, threshold, options.most);
    for (size_t i = 0; i < all.size(); ++i) {
      const auto example = batch.records[static_cast<int64_t>(i)].item<int64_t>();
      const auto shape = split.source_shape(example);
      const auto placement = split.placements(example, {}).front();
      for (auto& found : all[i]) found.box = rounded(to_source(found.box, placement, shape));
      std::erase_if(all[i], [](const SaidBox& found) { return !(found.box.area() > 0); });
    }
    return all;
  }

  BoxOutput measured(const Tokens& tokens, const Batch& batch, const Split& split) {
    BoxOutput result;
    const auto found = found_in(decoder_->forward(tokens), batch, split, kLeastMeasured);
    for (size_t i = 0; i < found.size(); ++i) {
      auto& image = result.images.emplace_back();
      image.found.assign(found[i].begin(), found[i].end());
      const auto example = batch.records[static_cast<int64_t>(i)].item<int64_t>();
      for (const auto& box : boxes_of(split, example, options.column))
        image.expected.push_back({classes_.number(box.name),
                                  {box.x0, box.y0, box.x1, box.y1},
                                  box.crowd,
                                  box.difficult});
    }
    result.loss = decoder_->loss(tokens, targets_of(batch)).item<double>() * double(batch.size());
    return result;
  }

  /// Hundredths of a pixel are enough, and are what is measured.
  static Rectangle rounded(const Rectangle& box) {
    const auto near = [](double pixels) { return std::round(pixels * 100) / 100; };
    return {near(box.x0), near(box.y0), near(box.x1), near(box.y1)};
  }

  /// The box of the first image's answer with that number, from 1; where it has none, what comes nearest to one.
  SaidBox box_of(const at::Tensor& output, const Batch& batch, const Split& split,
                 const AimOptions& aimed) const {
    auto found = found_in(output, batch, split, options.threshold).front();
    const auto most = std::max<int64_t>(1, std::ssize(found));
    const auto number = std::max<int64_t>(1, aimed_number(aimed, most, "box"));
    if (found.empty()) found = found_in(output, batch, split, -1).front();
    if (found.empty())
      throw UsageError(split.place(batch.records[0].item<int64_t>()) +
                       ": no box of it lies in the image, so there is none to look at");
    return found[static_cast<size_t>(number - 1)];
  }

  Prediction prediction_of(const std::vector<SaidBox>& found) const {
    std::vector<PredictedBox> boxes;
    for (const auto& each : found)
      boxes.push_back({classes_.name(each.kind), each.score, each.box.x0, each.box.y0, each.box.x1,
                       each.box.y1});
    return box_answer(std::move(boxes));
  }

  Classes classes_;
  UsualBoxes usual_;
  ImageShape shape_;
  std::shared_ptr<BoxDecoder> decoder_;
};

void BoxesHead::check(const Split& split, bool) const {
  int64_t unknown = 0;
  std::string first;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto shape = split.source_shape(i);
    for (const auto& box : boxes_of(split, i, options.column)) {
      try {
        data::check_inside(box, shape.width, shape.height);
      } catch (const DataError& error) {
        throw DataError(text_of(split.place(i), ": column '", options.column, "': ", error.what()));
      }
      if (classes_.number(box.name) < 0 && unknown++ == 0)
        first = text_of(split.place(i), ": the class '", box.name, "'",
                        suggestion(box.name, classes_.names()));
    }
  }
  if (unknown > 0)
    throw DataError(first + " is none of " +
                    (options.classes.empty() ? "the training data's" : "head.classes") +
                    nor_are_others(unknown, "box") + "; correct them, or leave them out");
}

Metrics BoxesHead::stats(const Split& split) const {
  std::vector<int64_t> counts(static_cast<size_t>(classes_.size()));
  int64_t empty = 0;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto boxes = boxes_of(split, i, options.column);
    empty += boxes.empty();
    for (const auto& box : boxes)
      if (const auto number = classes_.number(box.name); number >= 0)
        ++counts[static_cast<size_t>(number)];
  }
  Metrics stats;
  for (int64_t k = 0; k < classes_.size(); ++k)
    stats.emplace_back("of the class " + classes_.name(k), double(counts[static_cast<size_t>(k)]));
  if (empty > 0) stats.emplace_back("images without a box", double(empty));
  return stats;
}

/// Boxes are counted by class, and wrong ones named.
void BoxesHead::examine(const data::Records& records, DataReport& report) const {
  constexpr int64_t kMostProblems = 20;
  const auto column = records.column(options.column);
  const bool is_list = records.columns()[static_cast<size_t>(column)].is_list;
  std::map<std::string, int64_t> counts;
  int64_t empty = 0;
  for (int64_t i = 0; i < records.size(); ++i) {
    std::vector<std::string> items;
    if (is_list)
      for (const auto item : records.list(i, column)) items.emplace_back(item);
    else
      items = data::split_boxes(records.text(i, column));
    empty += items.empty();
    for (const auto& item : items) {
      try {
        ++counts[data::parse_box(item).name];
      } catch (const DataError& error) {
        if (report.problem_count++ < kMostProblems)
          report.problems.push_back(
              text_of(records.place(i), ": column '", options.column, "': ", error.what()));
      }
    }
  }
  for (const auto& [name, count] : counts)
    report.lines.push_back(text_of(count, " boxes of '", name, "'"));
  if (empty > 0) report.lines.push_back(text_of(empty, " images without a box"));
}

}  // namespace

at::Tensor tokens_on_grid(const Tokens& tokens) {
  if (!tokens.grid)
    throw ModelError(
        "head: boxes need tokens that lie on an image; expected encoder.kind = \"image\"");
  return tokens.grid->class_token ? tokens.states.slice(1, 1) : tokens.states;
}

BoxTargets of_image(const BoxTargets& targets, int64_t image) {
  const auto mine = targets.images.eq(image).nonzero().squeeze(1);
  return {targets.images.index_select(0, mine), targets.kinds.index_select(0, mine),
          targets.crowd.index_select(0, mine), targets.boxes.index_select(0, mine)};
}

std::shared_ptr<Head> make_boxes_head() { return std::make_shared<BoxesHead>(); }

}  // namespace heed
