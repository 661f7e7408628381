// Images with labels: IDX files, or a folder of one folder a class.
#include <nlohmann/json.hpp>

#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/threads.h"
#include "heed/data/dataset.h"
#include "heed/data/idx.h"
#include "heed/data/transform.h"
#include "tasks/input_lines.h"
#include "tasks/inputs.h"

namespace heed {
namespace {

namespace fs = std::filesystem;

struct ImageInputOptions {
  data::ImageOptions images;
  std::vector<int64_t> shape;
  data::AugmentOptions augment;
  data::Normalization normalize;
  int64_t workers = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    images.fields(v);
    v("shape", shape, "[channels, height, width] of an image; empty: as found in train",
      between(1, 65535));
    v("augment", augment, "random changes of training images");
    v("normalize", normalize, "(value / 255 - mean) / std");
    v("workers", workers,
      "threads that decode images ahead; changes no result; 0: as many as Heed has",
      between(0, 256));
  }

  void check() const {
    const bool is_size = images.size.size() == 2 && images.size[0] > 0 && images.size[1] > 0;
    if (!images.size.empty() && !is_size)
      throw ModelError("size: expected [height, width] in pixels, given " +
                       std::to_string(images.size.size()) + " numbers");
    if (images.channels != 0 && images.channels != 1 && images.channels != 3)
      throw ModelError("channels: expected 1, 3 or 0, given " + std::to_string(images.channels));
    if (!shape.empty() && shape.size() != 3)
      throw ModelError("shape: expected [channels, height, width], given " +
                       std::to_string(shape.size()) + " numbers");
  }
};

using OptionsPtr = std::shared_ptr<ImageInputOptions>;

ImageShape shape_of(const ImageInputOptions& options) {
  const auto& shape = options.shape;
  if (shape.size() != 3)
    throw ModelError("input.shape is missing; train writes [channels, height, width] there");
  return {shape[0], shape[1], shape[2]};
}

/// Images in memory or in files, changed and normalised as the options say by then.
class ImageSplit : public Split {
 public:
  ImageSplit(data::Images images, OptionsPtr options, bool labelled)
      : images_(std::move(images)), options_(std::move(options)), labelled_(labelled) {}

  const data::Images& images() const { return images_; }
  int64_t size() const override { return images_->size(); }
  std::string place(int64_t example) const override { return images_->name(example); }
  Shown show(int64_t example) const override {
    Shown shown{images_->name(example)};
    shown.name = shown.text;
    shown.image = images_->image(example);
    return shown;
  }
  bool has(const std::string& column) const override { return labelled_ && column == "label"; }
  std::string value(int64_t example, const std::string& column, const Draw&) const override {
    if (!has(column))
      throw DataError(place(example) + ": images have no column '" + column +
                      "'; what is known of one is its 'label'");
    return images_->classes()[static_cast<size_t>(images_->label(example))];
  }
  std::vector<std::string> categories(const std::string& column) const override {
    return has(column) ? images_->classes() : std::vector<std::string>();
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override {
    const auto shape = images_->shape();
    const data::Transform transform(
        shape, draw.training ? options_->augment : data::AugmentOptions(), options_->normalize);
    auto images =
        at::empty({std::ssize(examples), shape.channels, shape.height, shape.width}, at::kFloat);
    auto* out = images.data_ptr<float>();
    for (const int64_t example : examples) {
      const Random random(draw.seed, static_cast<uint32_t>(draw.epoch),
                          static_cast<uint32_t>(example));
      transform(images_->image(example), random, out);
      out += shape.values();
    }
    return {{{"image", images}}, at::tensor(examples, at::kLong)};
  }

 private:
  data::Images images_;
  OptionsPtr options_;
  bool labelled_;
};

/// Images without labels, fitted to the model's shape.
class ImageList : public data::ImageDataset {
 public:
  explicit ImageList(ImageShape shape) : shape_(shape) {}
  void add(data::Image image, std::string name) {
    images_.push_back(std::move(image)), names_.push_back(std::move(name));
  }
  int64_t size() const override { return std::ssize(images_); }
  ImageShape shape() const override { return shape_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  data::Image image(int64_t i) const override { return images_.at(static_cast<size_t>(i)); }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t i) const override { return names_.at(static_cast<size_t>(i)); }

 private:
  ImageShape shape_;
  std::vector<data::Image> images_;
  std::vector<std::string> names_, classes_;
};

/// The split as a dataset, so that what is measured of datasets is measured of what is left of it.
class AsDataset : public data::ImageDataset {
 public:
  AsDataset(const Split& split, ImageShape shape) : split_(split), shape_(shape) {}
  int64_t size() const override { return split_.size(); }
  ImageShape shape() const override { return shape_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  data::Image image(int64_t i) const override { return *split_.show(i).image; }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t i) const override { return split_.place(i); }

 private:
  const Split& split_;
  ImageShape shape_;
  std::vector<std::string> classes_;
};

/// The IDX file that an input means: itself, or the images of a prefix; empty where it means none.
fs::path idx_file(const std::string& input) {
  if (fs::path(input).filename().string().find("-idx3-ubyte") != std::string::npos) return input;
  if (kind_of(input) != PathKind::absent) return {};
  for (const char* ending : {"-images-idx3-ubyte", "-images-idx3-ubyte.gz"}) {
    if (kind_of(input + ending) == PathKind::file) return input + ending;
  }
  return {};
}

/// What is answered is made of the model's shape as training makes images of input.size.
data::ImageOptions fitting(const ImageInputOptions& options) {
  const auto shape = shape_of(options);
  auto images = options.images;
  images.size = {shape.height, shape.width}, images.channels = shape.channels;
  return images;
}

void check_index(const std::string& input, int64_t index, const data::ImageDataset& images) {
  if (index >= images.size())
    throw UsageError(input + ": there is no image " + std::to_string(index) + ", expected 0.." +
                     std::to_string(images.size() - 1));
}

/// Files, IDX sets, images of these by number, and names of all that from standard input.
class ImageStream : public Stream {
 public:
  ImageStream(std::vector<std::string> inputs, OptionsPtr options)
      : inputs_(std::move(inputs)), options_(std::move(options)) {}

  SplitPtr next(int64_t most) override {
    auto list = std::make_shared<ImageList>(shape_of(*options_));
    std::string name;
    try {
      while (list->size() < most && (has_idx() || next_name(name, list->size() > 0)))
        add(*list, name, most);
    } catch (const Error&) {
      // What stands before a bad input is answered before it is reported.
      if (list->size() == 0) throw;
      error_ = std::current_exception();
    }
    if (list->size() > 0) return std::make_shared<ImageSplit>(list, options_, false);
    if (error_) std::rethrow_exception(error_);
    return nullptr;
  }

 private:
  bool has_idx() const { return idx_ && idx_next_ < idx_->count; }

  /// The next input's name; false at the end, or where standard input would keep us waiting.
  bool next_name(std::string& name, bool may_stop) {
    if (error_) return false;
    while (names_ || next_ < inputs_.size()) {
      if (!names_ && inputs_[next_] != "-") {
        name = inputs_[next_++];
        return true;
      }
      if (!names_) names_.emplace(std::vector{inputs_[next_++]}, InputLines::Of::names);
      if (may_stop && names_->would_wait()) return false;
      if (!names_->next(name)) {
        names_.reset();
      } else if (!name.empty()) {
        return true;
      }
    }
    return false;
  }

  void add(ImageList& list, const std::string& name, int64_t most) {
    if (!has_idx()) {
      if (kind_of(name) == PathKind::folder)
        throw DataError(name + ": a folder; name the images in it, or pass their names by '-'");
      const auto idx = idx_file(name);
      if (idx.empty()) return list.add(fitted(one(name)), name);
      idx_ = data::read_idx_images(idx);
      idx_name_ = idx.string(), idx_next_ = 0;
    }
    const int64_t pixels = idx_->height * idx_->width;
    for (; has_idx() && list.size() < most; ++idx_next_) {
      const auto* first = idx_->values.data() + idx_next_ * pixels;
      const auto own = idx_name_ + "#" + std::to_string(idx_next_);
      list.add(fitted({{1, idx_->height, idx_->width}, {first, first + pixels}}), own);
    }
  }

  /// A file, or PREFIX:INDEX.
  data::Image one(const std::string& name) {
    const auto [prefix, index] = numbered(name);
    std::error_code error;
    if (index < 0 || fs::exists(name, error)) return data::read_image(name);
    if (!numbered_ || numbered_prefix_ != prefix) {
      numbered_ = data::open_images(prefix, fitting(*options_)), numbered_prefix_ = prefix;
    }
    check_index(name, index, *numbered_);
    return numbered_->image(index);
  }

  data::Image fitted(data::Image image) const {
    return data::fit(std::move(image), fitting(*options_));
  }

  std::vector<std::string> inputs_;
  OptionsPtr options_;
  size_t next_ = 0;
  std::optional<data::IdxImages> idx_;
  std::string idx_name_;
  int64_t idx_next_ = 0;
  std::optional<InputLines> names_;
  data::Images numbered_;  // those of numbered_prefix_
  std::string numbered_prefix_;
  std::exception_ptr error_;
};

class ImageInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(*options_); }
  void list(FieldLister& lister) const override { ImageInputOptions(*options_).fields(lister); }

  SplitPtr open(const Source& source) override {
    if (source.paths.size() != 1)
      throw ModelError(source.called() + ": expected one path of images, given " +
                       std::to_string(source.paths.size()));
    const auto& path = source.paths.front();
    const auto images = data::open_images(path, options_->images);
    const auto found = images->shape();
    if (source.role == "train") {
      options_->images.classes = images->classes();
      const std::vector<int64_t> shape{found.channels, found.height, found.width};
      if (!options_->shape.empty() && options_->shape != shape)
        throw DataError(path + ": the images are " + to_text(found) +
                        ", which is not the recipe's input.shape");
      options_->shape = shape;
    }
    const auto wanted = shape_of(*options_);
    if (found != wanted)
      throw DataError(path + ": the images are " + to_text(found) +
                      ", those that the model reads " + to_text(wanted) +
                      "; set input.size and input.channels, to which all are converted");
    return std::make_shared<ImageSplit>(images, options_, true);
  }

  void learn(const Split& train, uint64_t) override {
    auto& normalize = options_->normalize;
    if (!normalize.mean.empty() && !normalize.std.empty()) return check_changes();
    const auto measured = data::measure(AsDataset(train, shape_of(*options_)));
    if (normalize.mean.empty()) normalize.mean = measured.mean;
    if (normalize.std.empty()) normalize.std = measured.std;
    check_changes();
  }

  /// Examples of the rest are numbered anew, and so are the draws of their changes.
  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t seed) const override {
    const auto& images = std::static_pointer_cast<const ImageSplit>(train)->images();
    auto [rest, held] = data::hold_out(images, fraction, seed);
    return {std::make_shared<ImageSplit>(std::move(rest), options_, true),
            std::make_shared<ImageSplit>(std::move(held), options_, true)};
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return std::make_unique<ImageStream>(inputs, options_);
  }

  /// A file, or PREFIX:INDEX of labelled images.
  SplitPtr find(const std::string& input) const override {
    const auto [prefix, index] = numbered(input);
    if (index < 0 || kind_of(input) != PathKind::absent) {
      if (auto first = ImageStream({input}, options_).next(1)) return first;
      throw UsageError(input + ": it names no image");
    }
    const auto images = data::open_images(prefix, fitting(*options_));
    check_index(input, index, *images);
    return subset(std::make_shared<ImageSplit>(images, options_, true), {index});
  }

  DataReport examine(const Source& source) override {
    auto options = options_->images;
    const auto found = data::check_images(source.paths.front(), options);
    if (options_->images.classes.empty()) options_->images.classes = found.classes;
    DataReport report;
    report.records = found.records;
    report.lines.push_back(std::to_string(found.records) + " images of " + to_text(found.shape));
    nlohmann::ordered_json classes = nlohmann::ordered_json::object();
    for (size_t i = 0; i < found.classes.size(); ++i) {
      classes[found.classes[i]] = found.per_class[i];
      report.lines.push_back(std::to_string(found.per_class[i]) + "\t" + found.classes[i]);
    }
    report.json = nlohmann::ordered_json{
        {"shape", {found.shape.channels, found.shape.height, found.shape.width}},
        {"classes", classes},
        {"mean", found.mean},
        {"std",
         found.std}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    report.problem_count = found.problem_count, report.problems = found.problems;
    return report;
  }

  Sizes sizes() const override {
    const auto shape = shape_of(*options_);
    return {{"image", {shape.channels, shape.height, shape.width}}};
  }
  Batch example() const override {
    const auto shape = shape_of(*options_);
    return {{{"image", at::zeros({1, shape.channels, shape.height, shape.width})}},
            at::zeros({1}, at::kLong)};
  }
  std::string default_encoder() const override { return "image"; }
  bool reads_records() const override { return false; }
  int64_t workers() const override {
    return options_->workers > 0 ? options_->workers : num_threads();
  }

 private:
  /// Throws UsageError that names the field which does not fit the images.
  void check_changes() const {
    data::Transform(shape_of(*options_), options_->augment, options_->normalize);
  }

  OptionsPtr options_ =
      std::make_shared<ImageInputOptions>();  // splits look at what is found later
};

}  // namespace

std::shared_ptr<Input> make_image_input() { return std::make_shared<ImageInput>(); }

}  // namespace heed
