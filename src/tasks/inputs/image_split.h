// Images as the batches that a model reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "heed/data/dataset.h"
#include "heed/data/transform.h"
#include "heed/tasks/input.h"

namespace heed {

struct ImageInputOptions {
  std::string column = "image";
  data::ImageOptions images;
  std::vector<int64_t> shape;
  data::AugmentOptions augment;
  data::Normalization normalize;
  int64_t workers = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column,
      "where data names files of records: of the file of each image, relative to the file that "
      "names it");
    images.fields(v);
    v("shape", shape, "[channels, height, width] of an image; empty: as found in train",
      between(1, 65535));
    v("augment", augment, "random changes of training images");
    v("normalize", normalize, "(value / 255 - mean) / std");
    v("workers", workers,
      "threads that decode images ahead; changes no result; 0: as many as Heed has",
      between(0, 256));
  }
  void check() const;

  /// Throws ModelError where it is not known yet.
  ImageShape known_shape() const;
  /// What is answered is made of the model's shape as training makes images of input.size.
  data::ImageOptions fitting() const;
  data::Transform transform(bool training) const;
};
using ImageInputOptionsPtr = std::shared_ptr<ImageInputOptions>;

/// Images in memory or in files, changed and normalised as the options say by then. Their values are
/// the cells of the records that name them, or their label. The batch: image (B, C, h, w).
class ImageSplit : public Split {
 public:
  /// Images whose only value is the label, or that have none.
  ImageSplit(data::Images images, ImageInputOptionsPtr options, bool labelled);
  /// Images of records.
  ImageSplit(data::Images images, ImageInputOptionsPtr options, data::RecordsPtr records);

  int64_t size() const override { return images_->size(); }
  std::string place(int64_t example) const override;
  Shown show(int64_t example) const override;
  bool has(const std::string& column) const override;
  bool is_list(const std::string& column) const override;
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;
  std::vector<std::string> values(int64_t example, const std::string& column) const override;
  std::vector<std::string> categories(const std::string& column) const override;

  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  bool has_image() const override { return true; }
  std::vector<data::Placement> placements(int64_t example, const Draw& draw) const override;
  ImageShape source_shape(int64_t example) const override { return images_->source_shape(example); }
  data::Image source_image(int64_t example) const override { return images_->source(example); }
  at::Tensor image_parts(int64_t example, const std::vector<data::Placement>& parts) const override;
  SplitPtr select(const std::vector<int64_t>& examples) const override;
  SplitPtr with_noise(const std::string& kind, double strength, uint64_t seed) const override;

 private:
  /// Cut, mirrored, moved and joined, as drawn.
  data::Image moved(int64_t example, const data::Transform& transform, Random& random) const;

  data::Images images_;
  ImageInputOptionsPtr options_;
  data::RecordsPtr records_;  // null: images alone
  bool labelled_ = false;
};

/// What ImageSplit::with_noise knows, and what makes an image so much worse; null: no such noise.
std::vector<Noise> image_noises();
using CorruptImage = void (*)(data::Image& image, double strength, Random random);
CorruptImage image_corruption(const std::string& kind);

/// Images that are answered, fitted to the model's shape when they are added.
class ImageList : public data::ImageDataset {
 public:
  explicit ImageList(const data::ImageOptions& fitting) : fitting_(fitting) {}
  void add(data::Image source, std::string name);
  /// Bytes of the images of which only a part was fitted.
  int64_t kept_bytes() const { return kept_bytes_; }

  int64_t size() const override { return std::ssize(images_); }
  ImageShape shape() const override { return data::fitted({}, fitting_); }
  const std::vector<std::string>& classes() const override { return classes_; }
  data::Image image(int64_t i) const override { return images_.at(static_cast<size_t>(i)); }
  /// Of those of which only a part was fitted; of others UsageError.
  data::Image source(int64_t i) const override;
  ImageShape source_shape(int64_t i) const override {
    return sources_.at(static_cast<size_t>(i)).shape;
  }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t i) const override { return names_.at(static_cast<size_t>(i)); }

 private:
  data::ImageOptions fitting_;
  std::vector<data::Image> images_;
  std::vector<data::Image> sources_;  // without pixels where images_ has all of them
  std::vector<std::string> names_, classes_;
  int64_t kept_bytes_ = 0;
};

}  // namespace heed
