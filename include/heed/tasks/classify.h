// Images to classes: the recipe, the task that trains it, the trained classifier.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/data/dataset.h"
#include "heed/data/transform.h"
#include "heed/models/image_classifier.h"
#include "heed/tasks/task_recipe.h"
#include "heed/train/task.h"

namespace heed {

/// [data]: see data::open_images for what a path may be. Relative paths start at the current
/// folder.
struct ClassifyData {
  static constexpr const char* kTask = "classify";

  std::string train, valid, test;
  double holdout = 0;
  data::ImageOptions images;
  data::AugmentOptions augment;
  data::Normalization normalize;
  std::vector<int64_t> shape;
  int64_t workers = 0;

  /// workers, or as many as heed::num_threads() where it is 0.
  int64_t loading_threads() const;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("train", train, "images with labels: an IDX prefix, or a folder of one folder per class");
    v("valid", valid, "those that choose the best model; instead of holdout");
    v("test", test, "those that are only used at the end");
    v("holdout", holdout, "share of train that is held out to choose the best model",
      from_to_below(0, 1));
    images.fields(v);
    v("shape", shape, "[channels, height, width] of an image; empty: as found in train",
      at_least(1));
    v("augment", augment, "random changes of training images");
    v("normalize", normalize, "(value / 255 - mean) / std");
    v("workers", workers,
      "threads that read and change images ahead of the model; 0: as many as Heed uses; the "
      "result does not depend on it",
      between(0, 1024));
  }
  void check() const;
};

struct ClassifyRecipe : TaskRecipe<ClassifyData, ImageClassifierOptions> {};

/// What a model makes of labelled images.
struct Evaluation {
  int64_t records = 0;
  double loss = 0;       ///< mean cross entropy, nats
  at::Tensor confusion;  ///< (K, K) int64: [label, predicted]

  double accuracy() const;
  Metrics metrics() const { return {{"accuracy", accuracy()}, {"loss", loss}}; }
};

/// A classifier with everything that it needs to read images; the model is in evaluation mode.
class Classifier {
 public:
  /// Untrained, from a recipe in which data.shape, classes and normalize are filled in. Throws
  /// ModelError where one is missing or does not fit the model.
  explicit Classifier(const ClassifyRecipe& recipe);
  /// From a model folder or run folder. Throws ModelError, FileError.
  static Classifier load(const std::filesystem::path& where);

  const ClassifyRecipe& recipe() const { return recipe_; }
  const std::vector<std::string>& classes() const { return recipe_.data.images.classes; }
  ImageShape shape() const;
  ImageClassifier& model() { return model_; }

  /// The image as the model is fed it, (1, C, H, W): fitted and normalised as evaluate() and
  /// training do it, the same bits. Throws DataError (`name` is the image's) where it then has
  /// another shape than the model's.
  at::Tensor input(data::Image image, const std::string& name) const;
  /// softmax of the logits: images (B, C, H, W) from input() -> (B, K).
  at::Tensor probabilities(const at::Tensor& images);
  /// Opens labelled images with this model's classes and sizes.
  data::Images open(const std::filesystem::path& path) const;
  Evaluation evaluate(const data::Images& images);

 private:
  ClassifyRecipe recipe_;
  ImageClassifier model_{nullptr};
};

/// Opens the recipe's data, fills in what the recipe leaves to the data, and builds the model from
/// the recipe's seed. Throws DataError, FileError, ModelError.
std::unique_ptr<Task> make_task(const ClassifyRecipe& recipe);

}  // namespace heed
