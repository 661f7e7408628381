// What `heed predict` may ask of a model that draws images.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tasks/heads/classes.h"

namespace heed {

/// Images that are to be drawn. Of a model with classes "NAME" is an image of that class and "NAME:N" are N of them; of
/// another "N" are N images.
struct ImageRequest {
  std::string name;  ///< of the class; empty: the model has none
  int64_t count = 1;
};

/// `classes` null: the model has none. Nothing where the text asks for none. Throws UsageError for a number beyond bounds.
std::optional<ImageRequest> image_request(const std::string& text, const Classes* classes);

/// Requests, and "-" for standard input with one a line. Throws UsageError, DataError for a line that is none; a text
/// that is neither is to be an image. Null: all are.
std::unique_ptr<Stream> image_requests(const std::vector<std::string>& inputs,
                                       std::shared_ptr<const Classes> classes);

/// The examples of such a stream: they have no image, and their class as `label`.
class AskedImages : public Split {
 public:
  /// `before`: how many were asked for before these.
  AskedImages(std::vector<std::string> classes, int64_t before)
      : classes_(std::move(classes)), before_(before) {}
  int64_t size() const override { return std::ssize(classes_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw&) const override {
    return {{}, at::tensor(examples, at::kLong)};
  }
  std::string place(int64_t example) const override {
    return "image " + std::to_string(before_ + example + 1);
  }
  Shown show(int64_t example) const override { return {class_of(example)}; }
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw&) const override;
  const std::string& class_of(int64_t example) const {
    return classes_.at(static_cast<size_t>(example));
  }

 private:
  std::vector<std::string> classes_;
  int64_t before_;
};

}  // namespace heed
