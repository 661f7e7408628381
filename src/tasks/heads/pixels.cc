// A class of each pixel: masks, of classes or of objects.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/text.h"
#include "formats/json_object.h"
#include "heed/core/error.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/grey_threshold.h"
#include "tasks/heads/pixel_answers.h"
#include "tasks/heads/pixel_masks.h"
#include "tasks/heads/pixel_module.h"
#include "tasks/heads/pixel_scorer.h"
#include "tasks/heads/pixel_tiles.h"

namespace heed {
namespace {

constexpr const char* kPixelsFile = "pixels.json";
constexpr const char* kPixelsTarget = "mask";
constexpr int64_t kMostPixelClasses = 256;

enum class PixelLoss { both, cross_entropy, dice };
constexpr std::array<const char*, 3> words(PixelLoss) { return {"both", "cross_entropy", "dice"}; }

enum class PixelMetric {
  dice,
  iou,
  boundary_iou,
  accuracy,
  dice_pooled,
  iou_pooled,
  object_f1,
  loss
};
constexpr std::array<const char*, 8> words(PixelMetric) {
  return {"dice",        "iou",        "boundary_iou", "accuracy",
          "dice_pooled", "iou_pooled", "object_f1",    "loss"};
}

/// Mirror images whose answers are averaged.
enum class PixelFlips { none, horizontal, both };
constexpr std::array<const char*, 3> words(PixelFlips) { return {"none", "horizontal", "both"}; }

struct PixelsHeadOptions : PixelMaskOptions, PixelModuleOptions {
  PixelLoss loss = PixelLoss::both;
  double tile_overlap = 0.25;
  PixelFlips test_flips = PixelFlips::none;
  PixelMetric metric = PixelMetric::dice;

  template <class Visitor>
  void fields(Visitor&& v) {
    PixelMaskOptions::fields(v);
    PixelModuleOptions::fields(v);
    v("loss", loss, "cross_entropy of pixels, dice of classes, or both: their sum");
    v("tile_overlap", tile_overlap,
      "share of a side that neighbouring tiles have in common, where an image has more than the "
      "model reads at once (input.fit = native or crop)",
      between(0, 0.75));
    v("test_flips", test_flips,
      "of eval and predict, logits are the mean of those of the image and of it mirrored. "
      "horizontal: left-right; both: top-bottom and both at once, too");
    v("metric", metric, "by which the best model is chosen");
  }
  void check() const {
    if (metric == PixelMetric::object_f1 && values != MaskValues::instances)
      throw ModelError("metric: object_f1 is of objects; choose another or values = instances");
  }
};

/// 1 - mean over classes k from `first` on of (2 sum p y + 1) / (sum p + sum y + 1), p the probability and y whether
/// it is the class, over the pixels of a batch that are not left out (Milletari et al. 2016, without squares).
at::Tensor dice_loss(const at::Tensor& logits, const at::Tensor& target, int64_t first) {
  const auto known = (target >= 0).unsqueeze(1);
  const auto y = at::one_hot(target.clamp_min(0), logits.size(1)).permute({0, 3, 1, 2}) * known;
  const auto p = logits.softmax(1) * known;  // (B, K, h, w)
  const auto both = (p * y).sum({0, 2, 3}), all = p.sum({0, 2, 3}) + y.sum({0, 2, 3});
  return 1 - ((2 * both + 1) / (all + 1)).slice(0, first).mean();
}

class PixelsHead : public WithOptions<Head, PixelsHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }

  void learn(const Split& train, const Input& input) override;
  Files files() const override;
  void load(const Files& files) override;

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext& context) override;
  bool follows_placements() const override { return true; }
  bool reads_parts(const Split& split, int64_t example) const override {
    return !has_whole(split.placements(example, {}).front(), split.source_shape(example));
  }
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override;
  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, K, h, w)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    return loss_of(output(tokens, batch), batch.at(in_batch(kPixelsTarget)));
  }
  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) override;
  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override;
  void answer_by(const AnswerOptions& answer) override;
  Aim aim(const Tokens& tokens, const Batch& batch, const Split& split, const AimOptions& aimed,
          const Looked& looked) override;

  std::string expected(const Split& split, int64_t example) const override {
    return split.has(options.column) ? split.value(example, options.column) : "";
  }
  void check(const Split& split, bool) const override {
    for (int64_t i = 0; i < split.size(); ++i) masks().target(split, i, std::ssize(classes_));
  }
  void examine(const data::Records& records, DataReport& report) const override {
    masks().examine(records, report);
  }
  SelectionMetric selection_metric() const override {
    return {word_of(options.metric), options.metric != PixelMetric::loss};
  }

 private:
  PixelMasks masks() const { return PixelMasks(options); }
  bool is_instances() const { return options.values == MaskValues::instances; }
  /// The first class that means are taken over.
  int64_t first_class() const { return is_instances() || options.background; }
  /// Of what is measured: border is of the object.
  std::vector<std::string> measured_classes() const {
    auto names = classes_;
    if (is_instances()) names.resize(2);
    return names;
  }
  void check_numbers(const std::vector<int64_t>& counts) const;
  HeadLoss loss_of(const at::Tensor& logits, const at::Tensor& target) const;
  at::Tensor logits_of(const at::Tensor& images);
  at::Tensor mirrored_mean(const at::Tensor& logits, const at::Tensor& images,
                           const std::vector<data::Placement>& where);
  at::Tensor whole_logits(const at::Tensor& logits, const Batch& batch, int64_t row,
                          const Split& split);
  PixelAnswer wanted(const Split& split, int64_t example) const;
  PixelBatch scored(const Tokens& tokens, const Batch& batch, const Split& split, bool quick);
  std::shared_ptr<const PredictedMask> drawn(const PixelAnswer& found) const {
    if (is_instances()) return std::make_shared<PredictedMask>(PredictedMask{found.objects});
    return std::make_shared<PredictedMask>(
        PredictedMask{found.classes, classes_, static_cast<int32_t>(first_class())});
  }

  std::vector<std::string> classes_;  // of the logits
  int64_t most_frequent_ = 0;
  GreyThreshold threshold_;
  EncoderPtr encoder_;  // which reads the tiles of large images
  ImageShape image_;
  HeadContext context_;
  std::shared_ptr<PixelModule> module_;
  MaskFolder output_;
  bool keeps_masks_ = false;
};

void PixelsHead::learn(const Split& train, const Input&) {
  std::vector<int64_t> counts;
  GreyCounts grey;
  const bool is_named = is_instances() || !options.classes.empty();
  if (is_named) classes_ = is_instances() ? masks().instance_classes() : options.classes;
  for (int64_t i = 0; i < train.size(); ++i) {
    const auto target =
        masks().target(train, i, is_named ? std::ssize(classes_) : kMostPixelClasses);
    auto seen = target.classes;
    for (auto& value : seen.values) {
      if (value < 0) continue;
      if (is_instances()) value = std::min(value, 1);
      if (value >= std::ssize(counts)) counts.resize(static_cast<size_t>(value) + 1);
      ++counts[static_cast<size_t>(value)];
    }
    grey.add(train.source_image(i), seen);
  }
  if (!is_named) {
    check_numbers(counts);
    for (size_t k = 0; k < counts.size(); ++k) classes_.push_back(std::to_string(k));
  }
  const auto there = std::count_if(counts.begin(), counts.end(), [](auto n) { return n > 0; });
  if (there < 2)
    throw DataError("the masks of the training data (column '" + options.column +
                    "') have one class only; there is nothing to learn");
  most_frequent_ = std::max_element(counts.begin(), counts.end()) - counts.begin();
  threshold_ = grey.best();
}

Files PixelsHead::files() const {
  const nlohmann::ordered_json json{{"classes", classes_},
                                    {"most_frequent", most_frequent_},
                                    {"threshold", threshold_.least},
                                    {"bright", threshold_.bright}};
  return {{kPixelsFile, json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"}};
}

void PixelsHead::load(const Files& files) {
  const auto found = files.find(kPixelsFile);
  if (found == files.end())
    throw ModelError(std::string("the model folder lacks its classes, the file ") + kPixelsFile);
  const JsonObject json(found->second, kPixelsFile);
  classes_ = json.texts("classes");
  if (classes_.size() < 2 || std::ssize(classes_) > kMostPixelClasses)
    json.refuse("classes", "expected 2 to 256 of them");
  if (is_instances() && classes_ != masks().instance_classes())
    json.refuse("classes", "expected those of head.values = instances and head.border");
  most_frequent_ =
      json.integer("most_frequent", between(0, static_cast<double>(classes_.size() - 1)));
  threshold_ = {json.integer("threshold", between(0, 256)), json.flag("bright")};
}

std::shared_ptr<torch::nn::Module> PixelsHead::make(const EncoderPtr& encoder, const Input& input,
                                                    const HeadContext& context) {
  const auto sizes = input.sizes();
  const auto shape = sizes.find("image");
  if (shape == sizes.end())
    throw ModelError("head.kind: pixels are those of images; expected input.kind = image");
  image_ = {shape->second[0], shape->second[1], shape->second[2]};
  encoder_ = encoder, context_ = context;
  const auto grid = encoder->image_grid();
  if (!grid)
    throw ModelError(
        "head.kind: pixels needs tokens that lie on the image, and this encoder's do not; expected "
        "encoder.kind unet or image");
  return module_ = std::make_shared<PixelModule>(encoder->width(), *grid, image_,
                                                 std::ssize(classes_), options);
}

void PixelsHead::add_targets(const Split& split, const std::vector<int64_t>& examples,
                             const Draw& draw, Batch& batch) const {
  auto targets = at::full({std::ssize(examples), image_.height, image_.width}, kNoClass, at::kLong);
  for (size_t i = 0; i < examples.size(); ++i) {
    auto target = targets[static_cast<int64_t>(i)];
    for (const auto& placed : split.placements(examples[i], draw))
      lay_mask(masks().target(split, placed.example, std::ssize(classes_)).classes, placed, target);
  }
  batch.tensors[in_batch(kPixelsTarget)] = targets;
}

HeadLoss PixelsHead::loss_of(const at::Tensor& logits, const at::Tensor& target) const {
  auto mean = at::zeros({}, logits.options());
  // A batch without a pixel that is learned gives no gradient, and not NaN.
  if (options.loss != PixelLoss::dice) {
    const auto known = (target >= 0).sum().clamp_min(1);
    mean = at::cross_entropy_loss(logits, target, {}, at::Reduction::Sum, kNoClass,
                                  context_.train.label_smoothing) /
           known;
  }
  if (options.loss != PixelLoss::cross_entropy)
    mean = mean + dice_loss(logits, target, first_class());
  return {mean, logits.size(0)};
}

/// Masks of 0 and 255, or of numbers that training lacks, would make classes that nothing teaches.
void PixelsHead::check_numbers(const std::vector<int64_t>& counts) const {
  for (size_t k = 0; k + 1 < counts.size(); ++k)
    if (counts[k] == 0 && std::cmp_not_equal(k, options.ignore))
      throw DataError(text_of("the masks of the training data (column '", options.column,
                              "') have the number ", counts.size() - 1, ", but none has ", k,
                              ", and classes are 0, 1, ..; number them so, set "
                              "head.ignore where ",
                              counts.size() - 1,
                              " is no class, head.values = \"instances\" where "
                              "numbers are objects, or name all of them by head.classes"));
}

at::Tensor PixelsHead::logits_of(const at::Tensor& images) {
  const Batch batch{{{"image", images}}, at::arange(images.size(0), at::kLong)};
  return output(encoder_->forward(batch), batch);
}

/// The mean of logits (N, K, h, w) of images (N, C, h, w) and of those of the images mirrored as `test_flips` says, within
/// where their pixels lie.
at::Tensor PixelsHead::mirrored_mean(const at::Tensor& logits, const at::Tensor& images,
                                     const std::vector<data::Placement>& where) {
  const auto mirror = [&](at::Tensor& of, at::IntArrayRef sides) {
    for (size_t i = 0; i < where.size(); ++i) {
      const auto& at = where[i];
      auto own =
          of[static_cast<int64_t>(i)].narrow(1, at.top, at.height).narrow(2, at.left, at.width);
      own.copy_(own.flip(sides));
    }
  };
  std::vector<std::vector<int64_t>> flips;  // dimensions of (C, h, w)
  if (options.test_flips != PixelFlips::none) flips = {{2}};
  if (options.test_flips == PixelFlips::both) flips.insert(flips.end(), {{1}, {1, 2}});
  auto sum = logits;
  for (const auto& sides : flips) {
    auto mirrored = images.clone();
    mirror(mirrored, sides);
    auto own = logits_of(mirrored);
    mirror(own, sides);
    sum = sum + own;
  }
  return sum / static_cast<double>(flips.size() + 1);
}

/// Of a row of the batch, in the pixels of its file.
at::Tensor PixelsHead::whole_logits(const at::Tensor& logits, const Batch& batch, int64_t row,
                                    const Split& split) {
  const auto example = batch.records[row].item<int64_t>();
  const auto source = split.source_shape(example);
  const auto placed = split.placements(example, {});
  if (!reads_parts(split, example)) {
    auto own = logits.narrow(0, row, 1);
    if (options.test_flips != PixelFlips::none)
      own = mirrored_mean(own, batch.at("image").narrow(0, row, 1), placed);
    return unplaced(own[0], placed.front(), source);
  }
  return tiled_logits(source, image_, placed.front(), options.tile_overlap,
                      [&](const std::vector<data::Placement>& parts) {
                        const auto images = split.image_parts(example, parts);
                        return mirrored_mean(logits_of(images), images, parts);
                      });
}

PixelAnswer PixelsHead::wanted(const Split& split, int64_t example) const {
  auto target = masks().target(split, example, std::ssize(classes_));
  if (is_instances())
    for (auto& value : target.classes.values) value = std::min(value, 1);
  return {std::move(target.classes), std::move(target.objects)};
}

void PixelsHead::answer_by(const AnswerOptions& answer) {
  auto rest = answer;
  rest.output.clear(), rest.keeps_masks = false;
  Head::answer_by(rest);
  keeps_masks_ = answer.keeps_masks;
  output_ = answer.output.empty() ? MaskFolder() : MaskFolder(answer.output);
}

std::vector<Prediction> PixelsHead::predict(const Tokens& tokens, const Batch& batch,
                                            const Split& split) {
  const auto logits = output(tokens, batch);
  std::vector<Prediction> all;
  for (int64_t i = 0; i < batch.size(); ++i) {
    const auto example = batch.records[i].item<int64_t>();
    const auto found = pixel_answer(whole_logits(logits, batch, i, split), is_instances());
    all.push_back(
        pixel_prediction(found, measured_classes(),
                         output_.is_open() ? output_.write(found, split.show(example).name) : ""));
    if (keeps_masks_) all.back().mask = drawn(found);
  }
  return all;
}

PixelBatch PixelsHead::scored(const Tokens& tokens, const Batch& batch, const Split& split,
                              bool quick) {
  const auto logits = output(tokens, batch);
  PixelBatch all;
  all.loss = loss_of(logits, batch.at(in_batch(kPixelsTarget))).mean.item<double>();
  const auto names = measured_classes();
  for (int64_t i = 0; i < batch.size(); ++i) {
    auto& one = all.examples.emplace_back();
    one.example = batch.records[i].item<int64_t>();
    one.found = pixel_answer(whole_logits(logits, batch, i, split), is_instances());
    one.wanted = wanted(split, one.example);
    one.line = shares_text(one.found.classes, names);
    if (!quick && names.size() == 2)
      one.threshold = threshold_.classes(split.source_image(one.example));
  }
  return all;
}

std::unique_ptr<Scorer> PixelsHead::scorer(const SplitPtr& split, bool quick) {
  return make_pixel_scorer(
      {measured_classes(), static_cast<size_t>(first_class()), is_instances(), most_frequent_},
      [this, split, quick](const Tokens& tokens, const Batch& batch) {
        return scored(tokens, batch, *split, quick);
      });
}

Aim PixelsHead::aim(const Tokens&, const Batch& batch, const Split& split, const AimOptions& aimed,
                    const Looked&) {
  const Classes names(classes_, std::vector<int64_t>(classes_.size()));
  const auto chosen = aimed_class(names, aimed, first_class(), "class");
  const auto name = "'" + classes_[static_cast<size_t>(chosen)] + "'";
  const auto example = batch.records[0].item<int64_t>();
  const auto placed = split.placements(example, {}).front();
  std::string window;  // the question is of what the model reads at once
  if (reads_parts(split, example))
    window = text_of(" in the window of ", placed.height, " x ", placed.width, " pixels");
  return {"the mean logit of " + name + window, "the mean probability of " + name + window,
          [this, chosen](const Tokens& of, const Batch& copies) {
            const auto logits = output(of, copies);
            return Aimed{logits.select(1, chosen).mean({1, 2}),
                         logits.softmax(1).select(1, chosen).mean({1, 2})};
          }};
}

}  // namespace

std::shared_ptr<Head> make_pixels_head() { return std::make_shared<PixelsHead>(); }

}  // namespace heed
