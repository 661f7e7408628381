// Clips with labels: a folder of one folder a class, or files and folders of frames that records name.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/threads.h"
#include "tasks/file_stream.h"
#include "tasks/inputs.h"
#include "tasks/inputs/video_split.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

SplitPtr clips_of_records(const data::RecordsPtr& records, const VideoInputOptionsPtr& options) {
  return std::make_shared<VideoSplit>(
      data::open_record_clips(records, options->column, options->clips()), options, records);
}

/// Video files and folders of frames.
class VideoStream : public FileStream {
 public:
  VideoStream(std::vector<std::string> inputs, data::RecordOptions record_options,
              VideoInputOptionsPtr options)
      : FileStream(std::move(inputs), std::move(record_options)), options_(std::move(options)) {}

 private:
  int64_t together(int64_t most) const override {
    constexpr int64_t kTogether = 1 << 21;  // pixels that a model reads at once
    const auto shape = options_->known_shape();
    const int64_t pixels = std::max<int64_t>(1, shape.pixels() * options_->choice.frames);
    return std::clamp<int64_t>(kTogether / pixels, 1, most);
  }
  void take(const std::string& name, int64_t) override {
    if (!list_) list_ = std::make_shared<ClipList>(fitted_clips());
    list_->add(name);
  }
  int64_t taken() const override { return list_ ? list_->size() : 0; }
  SplitPtr give() override {
    return std::make_shared<VideoSplit>(std::exchange(list_, nullptr), options_, false);
  }
  SplitPtr of_records(const data::RecordsPtr& records) const override {
    return clips_of_records(records, options_);
  }

  data::ClipOptions fitted_clips() const {
    auto clips = options_->clips();
    clips.images = options_->fitting();
    return clips;
  }

  VideoInputOptionsPtr options_;
  std::shared_ptr<ClipList> list_;
};

/// What heed check finds of a part's clips.
class ClipReport {
 public:
  explicit ClipReport(const data::ClipDataset& clips) : clips_(clips) {
    std::vector<std::exception_ptr> failed(static_cast<size_t>(clips.size()));
    parallel_for(clips.size(), [&](int64_t i) {
      try {
        clips.image(i);
      } catch (const Error&) {
        failed[static_cast<size_t>(i)] = std::current_exception();
      }
    });
    counts_.resize(clips.classes().size());
    for (int64_t i = 0; i < clips.size(); ++i) add(i, failed[static_cast<size_t>(i)]);
  }

  DataReport report() {
    auto json = Json{{"frames", {fewest_, most_}}, {"seconds", seconds_}};
    char text[128];
    std::snprintf(text, sizeof text, " clips of %lld to %lld frames",
                  static_cast<long long>(fewest_), static_cast<long long>(most_));
    report_.lines.push_back(std::to_string(report_.records) + text + ", read as " +
                            to_text(clips_.frame_shape()));
    if (seconds_ > 0) {
      std::snprintf(text, sizeof text, "%.1f seconds in all", seconds_);
      report_.lines.emplace_back(text);
    }
    auto classes = Json::object();
    for (size_t i = 0; i < counts_.size(); ++i) {
      classes[clips_.classes()[i]] = counts_[i];
      report_.lines.push_back(std::to_string(counts_[i]) + "\t" + clips_.classes()[i]);
    }
    if (!counts_.empty()) json["classes"] = classes;
    report_.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return report_;
  }

 private:
  void add(int64_t i, const std::exception_ptr& failed) {
    constexpr int64_t kShown = 10;
    try {
      if (failed) std::rethrow_exception(failed);
    } catch (const Error& error) {
      if (report_.problem_count == 0) report_.why = error.why();
      if (report_.problem_count++ < kShown) report_.problems.emplace_back(error.what());
      return;
    }
    const auto& times = clips_.times(i);
    fewest_ = report_.records == 0 ? times.count : std::min(fewest_, times.count);
    most_ = std::max(most_, times.count);
    seconds_ += std::max(0.0, times.at(times.count - 1));
    ++report_.records;
    if (!counts_.empty()) ++counts_[static_cast<size_t>(clips_.label(i))];
  }

  const data::ClipDataset& clips_;
  DataReport report_;
  int64_t fewest_ = 0, most_ = 0;
  double seconds_ = 0;
  std::vector<int64_t> counts_;
};

class VideoInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(*options_); }
  void list(FieldLister& lister) const override { VideoInputOptions(*options_).fields(lister); }

  SplitPtr open(const Source& source) override {
    auto clips = open_clips(source);
    agree(source, clips->frame_shape());
    if (source.records) return std::make_shared<VideoSplit>(clips, options_, source.records);
    if (source.role == "train") options_->images.classes = clips->classes();
    return std::make_shared<VideoSplit>(clips, options_, true);
  }

  void learn(const Split& train, uint64_t) override {
    auto& normalize = options_->normalize;
    if (normalize.mean.empty() || normalize.std.empty()) {
      const auto measured = data::measure(Strips(train, *options_));
      if (normalize.mean.empty()) normalize.mean = measured.mean;
      if (normalize.std.empty()) normalize.std = measured.std;
    }
    options_->transform(true);  // names the field that does not fit
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return record_stream(inputs, {});
  }
  std::unique_ptr<Stream> record_stream(const std::vector<std::string>& inputs,
                                        const data::RecordOptions& records) const override {
    return std::make_unique<VideoStream>(inputs, records, options_);
  }
  SplitPtr find(const std::string& input) const override { return find_record(input, {}); }
  /// A file, a folder of frames, or FILE:LINE of records that name one.
  SplitPtr find_record(const std::string& input,
                       const data::RecordOptions& records) const override {
    if (is_records_file(numbered(input).first))
      return clips_of_records(heed::find_record(input, records, "").records, options_);
    if (auto first = VideoStream({input}, records, options_).next(1)) return first;
    throw UsageError(input + ": it names no clip");
  }

  DataReport examine(const Source& source) override {
    auto clips = open_clips(source);
    if (source.role == "train" && !source.records && options_->images.classes.empty())
      options_->images.classes = clips->classes();
    return ClipReport(*clips).report();
  }

  Sizes sizes() const override {
    const auto shape = options_->known_shape();
    return {{"video", {options_->choice.frames, shape.channels, shape.height, shape.width}}};
  }
  Batch example() const override {
    const auto shape = options_->known_shape();
    return {{{"video",
              at::zeros({1, options_->choice.frames, shape.channels, shape.height, shape.width})}},
            at::zeros({1}, at::kLong)};
  }
  std::vector<Noise> noises() const override { return image_noises(); }
  std::string default_encoder() const override { return "video"; }
  int64_t default_batch() const override { return 16; }
  bool reads_records(const std::vector<std::string>& paths) const override {
    return !paths.empty() && std::all_of(paths.begin(), paths.end(), is_records_file);
  }
  int64_t workers() const override {
    return options_->workers > 0 ? options_->workers : num_threads();
  }
  const char* unit() const override { return "clips"; }

 private:
  /// The clips of a split as images, so that what is measured of images is measured of them. Of several inputs each
  /// finds its own by the column.
  class Strips : public data::ImageDataset {
   public:
    Strips(const Split& split, const VideoInputOptions& options)
        : split_(split), own_(dynamic_cast<const VideoSplit*>(&split)), options_(options) {
      if (own_) return;
      clips_ = options.clips();
      clips_.images = options.fitting();
    }
    int64_t size() const override { return split_.size(); }
    ImageShape shape() const override { return options_.known_shape(); }
    const std::vector<std::string>& classes() const override { return classes_; }
    data::Image image(int64_t i) const override {
      if (own_) return own_->clips()->image(i);
      const auto file =
          data::named_file(split_.value(i, options_.column), split_.place(i), options_.column);
      return data::side_by_side(data::read_clip(file, clips_).frames);
    }
    int64_t label(int64_t) const override { return -1; }
    std::string name(int64_t i) const override { return split_.place(i); }

   private:
    const Split& split_;
    const VideoSplit* own_;
    const VideoInputOptions& options_;
    data::ClipOptions clips_;
    std::vector<std::string> classes_;
  };

  data::Clips open_clips(const Source& source) const {
    if (source.records) {
      if (source.role == "train" && !options_->images.classes.empty())
        throw ModelError(
            "input.classes: it names the classes of folders, and the labels of records are "
            "their own; leave it out");
      return data::open_record_clips(source.records, options_->column, options_->clips());
    }
    if (source.paths.size() != 1)
      throw ModelError(source.called() + ": expected one folder of clips, given " +
                       std::to_string(source.paths.size()) + " paths");
    return data::open_clips(source.paths.front(), options_->clips());
  }

  /// Takes the shape of training's frames, which those of the other parts must have.
  void agree(const Source& source, const ImageShape& found) {
    if (source.role == "train" && options_->shape.empty())
      options_->shape = {found.channels, found.height, found.width};
    const auto wanted = options_->known_shape();
    if (found != wanted)
      throw DataError(source.paths.front() + ": the frames are " + to_text(found) +
                      ", those that the model reads " + to_text(wanted) +
                      "; set input.size and input.channels, to which all are converted");
  }

  // Splits look at what is found later.
  VideoInputOptionsPtr options_ = std::make_shared<VideoInputOptions>();
};

}  // namespace

std::shared_ptr<Input> make_video_input() { return std::make_shared<VideoInput>(); }

}  // namespace heed
