// Images in files, decoded when they are asked for.
#pragma once

#include "heed/data/dataset.h"

namespace heed::data {

class FileImages : public ImageDataset {
 public:
  explicit FileImages(ImageOptions options) : options_(std::move(options)) {}

  /// Takes the shape of the first image whose header can be read; where `strict`, that is the
  /// first image, and every other must have the same.
  void find_shape(bool strict);

  ImageShape shape() const override { return shape_; }
  Image image(int64_t index) const override;
  Image source(int64_t index) const override { return read_source(path(index), options_); }
  ImageShape source_shape(int64_t index) const override {
    return read_source_shape(path(index), options_);
  }

 private:
  virtual std::filesystem::path path(int64_t index) const = 0;
  void check_shape(const ImageShape& shape, int64_t index) const;

  ImageOptions options_;
  ImageShape shape_;
  int64_t like_ = 0;  // the record that shape_ is of
};

}  // namespace heed::data
