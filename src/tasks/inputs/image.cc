// Images with labels: IDX files, a folder of one folder a class, or files that records name.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/threads.h"
#include "tasks/inputs.h"
#include "tasks/inputs/image_stream.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

/// The images of a split as a dataset, so that what is measured of datasets is measured of what is
/// left of it. Of several inputs each finds its own by the column.
class AsDataset : public data::ImageDataset {
 public:
  AsDataset(const Split& split, const ImageInputOptions& options)
      : split_(split), fitting_(options.fitting()), column_(options.column) {}
  int64_t size() const override { return split_.size(); }
  ImageShape shape() const override { return data::fitted({}, fitting_); }
  const std::vector<std::string>& classes() const override { return classes_; }
  data::Image image(int64_t i) const override {
    if (!split_.has(column_)) return *split_.show(i).image;
    return data::fit(
        data::read_named_image(split_.value(i, column_), split_.place(i), column_, fitting_),
        fitting_);
  }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t i) const override { return split_.place(i); }

 private:
  const Split& split_;
  data::ImageOptions fitting_;
  std::string column_;
  std::vector<std::string> classes_;
};

/// What heed check finds of the images that records name: their number, shapes and problems.
DataReport examine_records(const Source& source, const ImageInputOptions& options) {
  constexpr int64_t kShown = 10;
  DataReport report;
  const auto column = source.records->column(options.column);
  std::vector<ImageShape> found(static_cast<size_t>(source.records->size()));
  std::vector<std::exception_ptr> failed(found.size());
  parallel_for(source.records->size(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    try {
      const std::string named(source.records->text(i, column));
      found[at] =
          data::read_named_image(named, source.records->place(i), options.column, options.images)
              .shape;
    } catch (const Error&) {
      failed[at] = std::current_exception();
    }
  });
  std::map<std::string, int64_t> shapes;
  std::set<std::string> fitted;  // to input.size and input.channels
  for (size_t i = 0; i < found.size(); ++i) {
    try {
      if (failed[i]) std::rethrow_exception(failed[i]);
      ++shapes[to_text(found[i])], fitted.insert(to_text(data::fitted(found[i], options.images)));
      ++report.records;
    } catch (const Error& error) {
      if (report.problem_count == 0) report.why = error.why();
      if (report.problem_count++ < kShown) report.problems.emplace_back(error.what());
    }
  }
  if (fitted.size() > 1 && report.problem_count == 0) {
    report.why = Failure::data;
    ++report.problem_count;
    report.problems.push_back("the images have " + std::to_string(shapes.size()) +
                              " shapes; set input.size and input.channels, to which all are "
                              "converted");
  }
  auto json = Json::object();
  for (const auto& [shape, count] : shapes) json[shape] = count;
  report.lines.push_back(std::to_string(report.records) + " images" +
                         (shapes.size() == 1 ? " of " + shapes.begin()->first
                                             : " of " + std::to_string(shapes.size()) + " shapes"));
  report.json = Json{{"shapes", json}}.dump();
  return report;
}

class ImageInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(*options_); }
  void list(FieldLister& lister) const override { ImageInputOptions(*options_).fields(lister); }

  SplitPtr open(const Source& source) override {
    return source.records ? open_records(source) : open_labelled(source);
  }

  void learn(const Split& train, uint64_t) override {
    auto& normalize = options_->normalize;
    if (!normalize.mean.empty() && !normalize.std.empty()) return check_changes();
    const auto measured = data::measure(AsDataset(train, *options_));
    if (normalize.mean.empty()) normalize.mean = measured.mean;
    if (normalize.std.empty()) normalize.std = measured.std;
    check_changes();
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return std::make_unique<ImageStream>(inputs, data::RecordOptions(), options_);
  }
  std::unique_ptr<Stream> record_stream(const std::vector<std::string>& inputs,
                                        const data::RecordOptions& records) const override {
    return std::make_unique<ImageStream>(inputs, records, options_);
  }

  SplitPtr find(const std::string& input) const override { return find_record(input, {}); }
  /// A file, PREFIX:INDEX of labelled images, or FILE:LINE of records that name images.
  SplitPtr find_record(const std::string& input,
                       const data::RecordOptions& records) const override {
    const auto [prefix, index] = numbered(input);
    if (index >= 0 && is_records_file(prefix))
      return images_of_records(heed::find_record(input, records, "").records, options_, true);
    if (index < 0 || kind_of(input) != PathKind::absent) {
      if (auto first = ImageStream({input}, records, options_).next(1)) return first;
      throw UsageError(input + ": it names no image");
    }
    const auto images = data::open_images(prefix, options_->fitting());
    check_image_index(input, index, *images);
    return subset(std::make_shared<ImageSplit>(images, options_, true), {index});
  }

  DataReport examine(const Source& source) override {
    if (source.records) return examine_records(source, *options_);
    auto options = options_->images;
    const auto found = data::check_images(source.paths.front(), options);
    if (options_->images.classes.empty()) options_->images.classes = found.classes;
    DataReport report;
    report.records = found.records;
    report.lines.push_back(std::to_string(found.records) + " images of " + to_text(found.shape));
    auto classes = Json::object();
    for (size_t i = 0; i < found.classes.size(); ++i) {
      classes[found.classes[i]] = found.per_class[i];
      report.lines.push_back(std::to_string(found.per_class[i]) + "\t" + found.classes[i]);
    }
    report.json = Json{
        {"shape", {found.shape.channels, found.shape.height, found.shape.width}},
        {"classes", classes},
        {"mean", found.mean},
        {"std",
         found.std}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    report.problem_count = found.problem_count, report.problems = found.problems;
    return report;
  }

  Sizes sizes() const override {
    const auto shape = options_->known_shape();
    return {{"image", {shape.channels, shape.height, shape.width}}};
  }
  Batch example() const override {
    const auto shape = options_->known_shape();
    return {{{"image", at::zeros({1, shape.channels, shape.height, shape.width})}},
            at::zeros({1}, at::kLong)};
  }
  std::vector<Noise> noises() const override { return image_noises(); }
  std::optional<NormalizedPixels> pixels() const override {
    const auto all = [&](std::vector<double> given) {
      if (given.size() == 1)
        given.assign(static_cast<size_t>(options_->known_shape().channels), given.front());
      return given;
    };
    return NormalizedPixels{"image", all(options_->normalize.mean), all(options_->normalize.std)};
  }
  std::string default_encoder() const override { return "image"; }
  bool reads_records(const std::vector<std::string>& paths) const override {
    return !paths.empty() && std::all_of(paths.begin(), paths.end(), is_records_file);
  }
  bool joins_examples() const override { return options_->augment.mosaic > 0; }
  int64_t workers() const override {
    return options_->workers > 0 ? options_->workers : num_threads();
  }

 private:
  SplitPtr open_labelled(const Source& source) {
    if (source.paths.size() != 1)
      throw ModelError(source.called() + ": expected one path of images, given " +
                       std::to_string(source.paths.size()));
    const auto& path = source.paths.front();
    const auto images = data::open_images(path, options_->images);
    if (source.role == "train") options_->images.classes = images->classes();
    agree(source, images->shape());
    return std::make_shared<ImageSplit>(images, options_, true);
  }

  SplitPtr open_records(const Source& source) {
    if (source.role == "train" && !options_->images.classes.empty())
      throw ModelError(
          "input.classes: it names the classes of folders and IDX sets, and the labels of records "
          "are their own; leave it out");
    const auto images =
        data::open_record_images(source.records, options_->column,
                                 source.role == "input" ? options_->fitting() : options_->images);
    agree(source, images->shape());
    return std::make_shared<ImageSplit>(images, options_, source.records);
  }

  /// Takes the shape of training's images, which those of the other parts must have.
  void agree(const Source& source, const ImageShape& found) {
    const auto& path = source.paths.front();
    if (source.role == "train") {
      const std::vector<int64_t> shape{found.channels, found.height, found.width};
      if (!options_->shape.empty() && options_->shape != shape)
        throw DataError(path + ": the images are " + to_text(found) +
                        ", which is not the recipe's input.shape");
      options_->shape = shape;
    }
    const auto wanted = options_->known_shape();
    if (found != wanted)
      throw DataError(path + ": the images are " + to_text(found) +
                      ", those that the model reads " + to_text(wanted) +
                      "; set input.size and input.channels, to which all are converted");
  }

  /// Throws UsageError that names the field which does not fit the images.
  void check_changes() const { options_->transform(true); }

  // Splits look at what is found later.
  ImageInputOptionsPtr options_ = std::make_shared<ImageInputOptions>();
};

}  // namespace

std::shared_ptr<Input> make_image_input() { return std::make_shared<ImageInput>(); }

}  // namespace heed
