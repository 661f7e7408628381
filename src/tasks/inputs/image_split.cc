#include "tasks/inputs/image_split.h"

#include <algorithm>
#include <map>

#include "heed/core/error.h"

namespace heed {

void ImageInputOptions::check() const {
  const auto& size = images.size;
  if (!size.empty() && (size.size() != 2 || size[0] < 1 || size[1] < 1))
    throw ModelError("size: expected [height, width] in pixels, given " +
                     std::to_string(size.size()) + " numbers");
  if (images.channels != 0 && images.channels != 1 && images.channels != 3)
    throw ModelError("channels: expected 1, 3 or 0, given " + std::to_string(images.channels));
  if (!shape.empty() && shape.size() != 3)
    throw ModelError("shape: expected [channels, height, width], given " +
                     std::to_string(shape.size()) + " numbers");
}

ImageShape ImageInputOptions::known_shape() const {
  if (shape.size() != 3)
    throw ModelError("input.shape is missing; train writes [channels, height, width] there");
  return {shape[0], shape[1], shape[2]};
}

data::ImageOptions ImageInputOptions::fitting() const {
  const auto known = known_shape();
  auto options = images;
  options.size = {known.height, known.width}, options.channels = known.channels;
  return options;
}

data::Transform ImageInputOptions::transform(bool training) const {
  return {known_shape(),
          training ? augment : data::AugmentOptions(),
          normalize,
          {images.fit, images.resample}};
}

ImageSplit::ImageSplit(data::Images images, ImageInputOptionsPtr options, bool labelled)
    : images_(std::move(images)), options_(std::move(options)), labelled_(labelled) {}

ImageSplit::ImageSplit(data::Images images, ImageInputOptionsPtr options, data::RecordsPtr records)
    : images_(std::move(images)), options_(std::move(options)), records_(std::move(records)) {}

std::string ImageSplit::place(int64_t example) const {
  return records_ ? records_->place(example) : images_->name(example);
}

Shown ImageSplit::show(int64_t example) const {
  Shown shown{images_->name(example)};
  shown.name = shown.text;
  shown.image = images_->image(example);
  return shown;
}

bool ImageSplit::has(const std::string& column) const {
  if (!records_) return labelled_ && column == "label";
  const auto& columns = records_->columns();
  return std::any_of(columns.begin(), columns.end(),
                     [&](const auto& known) { return known.name == column; });
}

bool ImageSplit::is_list(const std::string& column) const {
  return records_ && records_->columns()[static_cast<size_t>(records_->column(column))].is_list;
}

std::string ImageSplit::value(int64_t example, const std::string& column, const Draw&) const {
  if (records_) return std::string(records_->text(example, records_->column(column)));
  if (!has(column))
    throw DataError(place(example) + ": images have no column '" + column +
                    "'; what is known of one is its 'label'");
  return images_->classes()[static_cast<size_t>(images_->label(example))];
}

std::vector<std::string> ImageSplit::values(int64_t example, const std::string& column) const {
  if (!records_) return Split::values(example, column);
  const auto list = records_->list(example, records_->column(column));
  return {list.begin(), list.end()};
}

std::vector<std::string> ImageSplit::categories(const std::string& column) const {
  return !records_ && has(column) ? images_->classes() : std::vector<std::string>();
}

Batch ImageSplit::batch(const std::vector<int64_t>& examples, const Draw& draw) const {
  const auto shape = options_->known_shape();
  const auto transform = options_->transform(draw.training);
  auto images =
      at::empty({std::ssize(examples), shape.channels, shape.height, shape.width}, at::kFloat);
  auto* out = images.data_ptr<float>();
  for (const int64_t example : examples) {
    Random random(draw.seed, static_cast<uint32_t>(draw.epoch), static_cast<uint32_t>(example));
    if (transform.moves())
      transform.finish(moved(example, transform, random), random, out);
    else
      transform.finish(images_->image(example), random, out);
    out += shape.values();
  }
  return {{{"image", images}}, at::tensor(examples, at::kLong)};
}

data::Image ImageSplit::moved(int64_t example, const data::Transform& transform,
                              Random& random) const {
  std::map<int64_t, data::Image> sources;
  const auto source = [&](int64_t i) -> const data::Image& {
    const auto found = sources.find(i);
    return found != sources.end() ? found->second
                                  : sources.emplace(i, images_->source(i)).first->second;
  };
  const auto layout = transform.layout(
      example, size(), [&](int64_t i) { return source(i).shape; }, random);
  const auto shape = options_->known_shape();
  data::Image drawn{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
  for (const auto& placed : layout)
    data::draw_placement(source(placed.example), placed, transform.resample(), drawn);
  return drawn;
}

std::vector<data::Placement> ImageSplit::placements(int64_t example, const Draw& draw) const {
  Random random(draw.seed, static_cast<uint32_t>(draw.epoch), static_cast<uint32_t>(example));
  auto layout = options_->transform(draw.training)
                    .layout(
                        example, size(), [&](int64_t i) { return source_shape(i); }, random);
  for (auto& placed : layout) placed = data::clipped(placed, options_->known_shape());
  std::erase_if(layout, [](const auto& placed) { return placed.width == 0 || placed.height == 0; });
  return layout;
}

at::Tensor ImageSplit::image_parts(int64_t example,
                                   const std::vector<data::Placement>& parts) const {
  const auto shape = options_->known_shape();
  const auto transform = options_->transform(false);
  const auto source = images_->source(example);
  auto images =
      at::empty({std::ssize(parts), shape.channels, shape.height, shape.width}, at::kFloat);
  auto* out = images.data_ptr<float>();
  Random random(0);  // draws nothing
  for (const auto& part : parts) {
    data::Image drawn{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
    data::draw_placement(source, part, options_->images.resample, drawn);
    transform.finish(drawn, random, out);
    out += shape.values();
  }
  return images;
}

SplitPtr ImageSplit::select(const std::vector<int64_t>& examples) const {
  auto images = data::subset(images_, examples);
  if (records_)
    return std::make_shared<ImageSplit>(images, options_, data::subset(records_, examples));
  return std::make_shared<ImageSplit>(images, options_, labelled_);
}

void ImageList::add(data::Image source, std::string name) {
  const auto& shape = sources_.emplace_back(data::Image{source.shape, {}}).shape;
  const auto placed = data::fitted_placement(shape, this->shape(), fitting_.fit);
  const bool whole = placed.x1 - placed.x0 >= static_cast<double>(shape.width) &&
                     placed.y1 - placed.y0 >= static_cast<double>(shape.height);
  if (!whole || kind_of(name) != PathKind::file) {  // a file can be read again
    sources_.back().values = source.values;
    kept_bytes_ += shape.values();
  }
  names_.push_back(std::move(name));
  images_.push_back(data::fit(std::move(source), fitting_));
}

data::Image ImageList::source(int64_t i) const {
  const auto& kept = sources_.at(static_cast<size_t>(i));
  if (kept.values.empty()) throw UsageError(name(i) + ": the image was fitted when it was read");
  return kept.shape.channels == shape().channels ? kept
                                                 : data::with_channels(kept, shape().channels);
}

}  // namespace heed
