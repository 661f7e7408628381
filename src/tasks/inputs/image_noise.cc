// Images as a bad camera sees them.
#include "data/corrupt.h"
#include "heed/core/error.h"
#include "tasks/inputs/image_split.h"

namespace heed {
namespace {

struct ImageNoise {
  Noise noise;
  CorruptImage corrupt;
};

/// Of images at the model's size.
const std::vector<ImageNoise>& all_noises() {
  static const std::vector<ImageNoise> all = {
      {{"gaussian_noise", "standard deviation, of 255", {8, 16, 32, 64}}, data::add_gaussian_noise},
      {{"blur", "standard deviation in pixels", {0.5, 1, 2, 4}},
       [](data::Image& image, double std, Random) { data::blur(image, std); }},
      {{"occlusion", "share of the image that is black", {0.05, 0.1, 0.2, 0.4}}, data::occlude}};
  return all;
}

class NoisyImages : public data::ImageDataset {
 public:
  NoisyImages(data::Images all, CorruptImage corrupt, double strength, uint64_t seed)
      : all_(std::move(all)), corrupt_(corrupt), strength_(strength), seed_(seed) {}
  int64_t size() const override { return all_->size(); }
  ImageShape shape() const override { return all_->shape(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  data::Image image(int64_t i) const override { return corrupted(all_->image(i), i); }
  /// Of heads that read large images in parts, which keep their size.
  data::Image source(int64_t i) const override { return corrupted(all_->source(i), i); }
  ImageShape source_shape(int64_t i) const override { return all_->source_shape(i); }
  int64_t label(int64_t i) const override { return all_->label(i); }
  std::string name(int64_t i) const override { return all_->name(i); }

 private:
  data::Image corrupted(data::Image image, int64_t i) const {
    corrupt_(image, strength_, Random(seed_, 0, static_cast<uint32_t>(i)));
    return image;
  }

  data::Images all_;
  CorruptImage corrupt_;
  double strength_;
  uint64_t seed_;
};

}  // namespace

std::vector<Noise> image_noises() {
  std::vector<Noise> all;
  for (const auto& each : all_noises()) all.push_back(each.noise);
  return all;
}

CorruptImage image_corruption(const std::string& kind) {
  for (const auto& each : all_noises())
    if (each.noise.kind == kind) return each.corrupt;
  return nullptr;
}

SplitPtr ImageSplit::with_noise(const std::string& kind, double strength, uint64_t seed) const {
  const auto corrupt = image_corruption(kind);
  if (!corrupt) return nullptr;
  auto noisy = std::make_shared<ImageSplit>(*this);
  noisy->images_ = std::make_shared<NoisyImages>(images_, corrupt, strength, seed);
  return noisy;
}

}  // namespace heed
