#include "tasks/inputs/video_split.h"

#include <cstdio>

#include "data/video_parts.h"
#include "heed/core/error.h"

namespace heed {
namespace {

/// Clips as a bad camera sees them.
class NoisyClips : public data::ClipDataset {
 public:
  NoisyClips(data::Clips all, CorruptImage corrupt, double strength, uint64_t seed)
      : all_(std::move(all)), corrupt_(corrupt), strength_(strength), seed_(seed) {}
  int64_t size() const override { return all_->size(); }
  ImageShape shape() const override { return all_->shape(); }
  ImageShape frame_shape() const override { return all_->frame_shape(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  data::Image image(int64_t i) const override { return all_->image(i); }
  int64_t label(int64_t i) const override { return all_->label(i); }
  std::string name(int64_t i) const override { return all_->name(i); }
  const data::FrameTimes& times(int64_t i) const override { return all_->times(i); }
  std::vector<data::Image> frames(int64_t i, const std::vector<int64_t>& numbers) const override {
    auto frames = all_->frames(i, numbers);
    for (size_t k = 0; k < frames.size(); ++k)
      corrupt_(frames[k], strength_,
               Random(seed_, 1 + static_cast<uint32_t>(numbers[k]), static_cast<uint32_t>(i)));
    return frames;
  }

 private:
  data::Clips all_;
  CorruptImage corrupt_;
  double strength_;
  uint64_t seed_;
};

}  // namespace

void VideoInputOptions::check() const {
  ImageInputOptions::check();
  if (images.fit == data::Fit::native || augment.window)
    throw ModelError(
        "fit: native is for heads that read large images in parts; expected stretch, "
        "pad or crop");
  if (augment.mosaic > 0)
    throw ModelError(
        "augment.mosaic: it joins images of which heads say where things stand; leave it out");
}

data::ClipOptions VideoInputOptions::clips() const { return {images, choice, keep << 20}; }

std::vector<int64_t> VideoSplit::chosen(int64_t example, Random* random) const {
  const auto name = clips_->name(example);
  const auto said =
      records_ ? records_->place(example) + ": " + options_->column + ": " + name : name;
  return data::chosen_of(said, clips_->times(example).count, options_->choice, random);
}

Batch VideoSplit::batch(const std::vector<int64_t>& examples, const Draw& draw) const {
  const auto shape = options_->known_shape();
  const auto transform = options_->transform(draw.training);
  auto video = at::empty(
      {std::ssize(examples), options_->choice.frames, shape.channels, shape.height, shape.width},
      at::kFloat);
  auto* out = video.data_ptr<float>();
  for (const int64_t example : examples) {
    Random random(draw.seed, static_cast<uint32_t>(draw.epoch), static_cast<uint32_t>(example));
    auto frames = clips_->frames(example, chosen(example, draw.training ? &random : nullptr));
    const auto placed = transform.place(shape, random);
    for (auto& frame : frames) {
      if (transform.moves()) {
        data::Image moved{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
        data::draw_placement(frame, placed, transform.resample(), moved);
        frame = std::move(moved);
      }
      auto same = random;  // draws the same changes for each frame
      transform.finish(std::move(frame), same, out);
      out += shape.values();
    }
  }
  return {{{"video", video}}, at::tensor(examples, at::kLong)};
}

std::vector<TokenPlace> VideoSplit::frame_tokens(int64_t example, const TokenFrames& tokens) const {
  const auto numbers = chosen(example, nullptr);
  const auto& times = clips_->times(example);
  std::vector<TokenPlace> places;
  for (size_t i = 0; i < numbers.size(); i += static_cast<size_t>(tokens.per_token)) {
    TokenPlace place{"frame " + std::to_string(numbers[i])};
    if ((place.seconds = times.at(numbers[i])) >= 0) {
      char text[32];
      std::snprintf(text, sizeof text, "%.2f s", place.seconds);
      place.text = text;
    }
    places.push_back(std::move(place));
  }
  return places;
}

SplitPtr VideoSplit::select(const std::vector<int64_t>& examples) const {
  auto clips = data::subset(clips_, examples);
  if (records_)
    return std::make_shared<VideoSplit>(clips, options_, data::subset(records_, examples));
  return std::make_shared<VideoSplit>(clips, options_, labelled_);
}

SplitPtr VideoSplit::with_noise(const std::string& kind, double strength, uint64_t seed) const {
  const auto corrupt = image_corruption(kind);
  if (!corrupt) return nullptr;
  auto noisy = std::make_shared<VideoSplit>(*this);
  noisy->clips_ = std::make_shared<NoisyClips>(clips_, corrupt, strength, seed);
  return noisy;
}

}  // namespace heed
