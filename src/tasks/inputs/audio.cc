// Recordings, named by a column of records or by themselves.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "tasks/file_stream.h"
#include "tasks/inputs.h"
#include "tasks/inputs/audio_split.h"
#include "tasks/record_stream.h"

namespace heed {
namespace {

/// A recording, part by part: however long it is, two parts are in memory.
class RecordingParts {
 public:
  RecordingParts(std::string file, AudioStatePtr state)
      : file_(std::move(file)), state_(std::move(state)) {
    if (state_->options.of_samples() && state_->options.most_seconds() >= 1)
      parts_.emplace(state_->open(file_), state_->options.most_seconds());
  }

  bool has_more() { return parts_ ? parts_->has_more() : given_ == 0; }

  Heard next() {
    ++given_;
    if (!parts_) return {file_, file_, 0, state_->features_of(std::filesystem::path(file_))};
    auto part = *parts_->next();
    const double rate = double(state_->options.sampling_rate());
    const double begin = double(part.begin) / rate;
    const double end = begin + double(part.samples.size()) / rate;
    Heard heard{file_, file_, begin, state_->features_of(std::move(part.samples), file_)};
    const bool whole = given_ == 1 && !parts_->has_more();
    if (whole) return heard;
    state_->note_cut(file_, 1);
    char times[64];
    std::snprintf(times, sizeof times, ":%.2f-%.2f", begin, end);
    heard.place += times;
    return heard;
  }

 private:
  std::string file_;
  AudioStatePtr state_;
  std::optional<data::SoundParts> parts_;
  int64_t given_ = 0;
};

/// Recordings, cut where they are longer than the model reads.
class AudioStream : public FileStream {
 public:
  AudioStream(std::vector<std::string> inputs, data::RecordOptions options, AudioStatePtr state)
      : FileStream(std::move(inputs), std::move(options)), state_(std::move(state)) {}

 private:
  int64_t together(int64_t most) const override {
    constexpr int64_t kTogether = 8;  // each takes as many tokens as some pages of text
    return std::min(most, kTogether);
  }
  bool has_more() override { return parts_ && parts_->has_more(); }
  void take(const std::string& name, int64_t) override {
    if (!has_more()) parts_.emplace(name, state_);
    heard_.push_back(parts_->next());
  }
  int64_t taken() const override { return std::ssize(heard_); }
  SplitPtr give() override {
    return std::make_shared<HeardSplit>(std::exchange(heard_, {}), state_);
  }
  SplitPtr of_records(const data::RecordsPtr& records) const override {
    return std::make_shared<AudioSplit>(records, state_);
  }

  AudioStatePtr state_;
  std::optional<RecordingParts> parts_;
  std::vector<Heard> heard_;
};

class AudioInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    AudioInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    return std::make_shared<AudioSplit>(source.records, state_);
  }
  std::unique_ptr<Stream> record_stream(const std::vector<std::string>& inputs,
                                        const data::RecordOptions& options) const override {
    return std::make_unique<AudioStream>(inputs, options, state_);
  }
  /// A recording, or FILE:LINE of records that name it.
  SplitPtr find_record(const std::string& input,
                       const data::RecordOptions& options) const override {
    if (is_records_file(numbered(input).first))
      return std::make_shared<AudioSplit>(heed::find_record(input, options, "").records, state_);
    const auto file = input == "-" ? first_line(input) : input;
    return std::make_shared<HeardSplit>(
        std::vector{Heard{file, file, 0, state_->features_of(std::filesystem::path(file))}},
        state_);
  }

  void learn(const Split& train, uint64_t) override;
  DataReport examine(const Source& source) override;

  Sizes sizes() const override {
    return {{"audio", {state_->options.bands(), state_->options.frames()}}};
  }
  Batch example() const override {
    data::SoundFeatures typical{state_->options.bands(), state_->options.frames()};
    constexpr double kSeconds = 3, kMostFrames = 3000;
    if (typical.frames == 0)
      typical.frames = static_cast<int64_t>(
          std::clamp(kSeconds * state_->options.frames_per_second(), 1.0, kMostFrames));
    typical.values.resize(static_cast<size_t>(typical.bands * typical.frames));
    return state_->batch_of({typical}, {0});
  }
  std::vector<Noise> noises() const override {
    if (!state_->options.of_samples()) return {};
    const std::vector<double> decibels = {20, 10, 5, 0};
    std::vector<Noise> all = {
        {kWhiteNoise, "decibels of the sound over white noise", decibels, false}};
    if (!state_->background.empty())
      all.push_back({kBackground, "decibels of the sound over the background", decibels, false});
    return all;
  }
  bool take_background(const std::string& path) override {
    if (!state_->options.of_samples()) return false;
    state_->background = data::read_noise(path, state_->options.sampling_rate());
    return true;
  }
  std::string default_encoder() const override { return "audio"; }
  int64_t default_batch() const override { return 8; }
  int64_t workers() const override {
    return state_->options.workers > 0 ? state_->options.workers : num_threads();
  }
  std::string note() const override { return state_->note(); }

 private:
  double seconds_of(const std::filesystem::path& file) const {
    if (state_->options.features != AudioFeatures::file) return state_->read_whole(file).seconds();
    return double(state_->features_of(file).frames) / state_->options.frames_per_second();
  }

  std::shared_ptr<AudioState> state_ = std::make_shared<AudioState>();
};

/// Means and deviations of bands over all frames, in two passes of sums in double.
void AudioInput::learn(const Split& train, uint64_t) {
  auto& options = state_->options;
  if (!options.standardize || (!options.mean.empty() && !options.std.empty())) return;
  const auto given_mean = options.mean, given_std = options.std;
  options.mean.clear(), options.std.clear();  // so that batches are as they are before it
  auto sum = at::zeros({options.bands()}, at::kDouble), squares = sum.clone();
  const auto each = [&](auto&& use) {
    for (int64_t i = 0; i < train.size(); ++i)
      use(train.batch({i}, {}).at("audio")[0].to(at::kDouble));  // (bands, frames)
  };
  double frames = 0;
  each([&](const at::Tensor& x) { sum += x.sum(1), frames += double(x.size(1)); });
  const auto mean = sum / frames;
  each([&](const at::Tensor& x) { squares += (x - mean.unsqueeze(1)).square().sum(1); });
  const auto numbers = [](const at::Tensor& values) {
    const auto* first = values.data_ptr<double>();
    return std::vector<double>(first, first + values.numel());
  };
  options.mean = given_mean.empty() ? numbers(mean) : given_mean;
  options.std = given_std.empty() ? numbers((squares / frames).sqrt()) : given_std;
  for (size_t c = 0; c < options.std.size(); ++c)
    if (!(options.std[c] > 0))
      throw DataError(text_of("input.standardize: band ", c + 1,
                              " never changes in the training data, so it has no deviation; leave "
                              "standardize out, or give mean and std"));
}

DataReport AudioInput::examine(const Source& source) {
  constexpr int64_t kShown = 10;
  const AudioSplit split(source.records, state_);
  DataReport report;
  double seconds = 0, longest = 0;
  for (int64_t i = 0; i < split.size(); ++i) {
    try {
      const double own = seconds_of(split.file_of(i));
      seconds += own, longest = std::max(longest, own);
      ++report.records;
    } catch (const Error& error) {
      if (report.problem_count == 0) report.why = error.why();
      if (report.problem_count++ < kShown) report.problems.emplace_back(error.what());
    }
  }
  report.lines.push_back(text_of(report.records, " recordings of ", seconds,
                                 " seconds together, the longest of ", longest));
  report.json = nlohmann::ordered_json{{"seconds", seconds}, {"longest_seconds", longest}}.dump();
  return report;
}

}  // namespace

std::shared_ptr<Input> make_audio_input() { return std::make_shared<AudioInput>(); }

}  // namespace heed
