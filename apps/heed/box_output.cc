#include "box_output.h"

#include <algorithm>
#include <filesystem>

#include "core/list_folder.h"
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/lens/boxes_figure.h"
#include "output.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& file) {
  auto ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

std::vector<std::string> frames_of(const std::string& folder) {
  std::vector<std::string> frames;
  for (const auto& file : list_folder(folder))
    if (is_image_name(file)) frames.push_back(file.string());
  if (frames.empty())
    throw DataError(folder + ": no frame; expected files named .png, .jpg or .jpeg");
  std::sort(frames.begin(), frames.end());
  return frames;
}

std::string label_of(const PredictedBox& box) {
  char score[16];
  std::snprintf(score, sizeof score, " %.2f", box.score);
  return (box.number > 0 ? "#" + std::to_string(box.number) + " " : "") + printable(box.name) +
         score;
}

}  // namespace

BoxOutput::BoxOutput(const PredictFlags& flags, const Predictor& predictor) : flags_(flags) {
  const auto& heads = predictor.recipe().heads;
  while (head_ < heads.size() && heads[head_].kind != "boxes") ++head_;
  const bool has_boxes = head_ < heads.size();
  if (!flags.track && (flags.track_overlap || flags.track_age))
    throw UsageError("--track-overlap and --track-age say how boxes are followed: add --track");
  if (!has_boxes && (flags.track || !flags.figures.empty()))
    throw UsageError(std::string(flags.track ? "--track" : "--figures") +
                     " is of models that find boxes, with a head 'boxes'; this one has '" +
                     heads.front().kind + "'");
  if (!flags.figures.empty() && kind_of(flags.figures) == PathKind::file)
    throw UsageError("--figures " + flags.figures + ": a file; name a folder");
  if (!flags.track) return;
  TrackOptions options;
  if (flags.track_overlap) options.overlap = *flags.track_overlap;
  if (flags.track_age) options.age = *flags.track_age;
  tracker_.emplace(options);
}

std::vector<std::string> BoxOutput::inputs() const {
  std::vector<std::string> all;
  for (const auto& input : flags_.inputs) {
    if (flags_.track && kind_of(input) == PathKind::folder) {
      const auto frames = frames_of(input);
      all.insert(all.end(), frames.begin(), frames.end());
    } else {
      all.push_back(input);
    }
  }
  return all;
}

void BoxOutput::add(const Split& examples, int64_t example, std::vector<Prediction>& answers) {
  if (tracker_) follow(*tracker_, answers[head_]);
  if (!flags_.figures.empty()) draw(examples, example, answers[head_]);
}

void BoxOutput::draw(const Split& examples, int64_t example, const Prediction& answer) {
  const auto name = examples.show(example).name;
  // Of a file that was answered by itself, the pixels that were fitted are all that is kept.
  const bool is_file = kind_of(name) == PathKind::file;
  lens::BoxesFigure figure{
      printable(name), is_file ? data::read_image(name) : examples.source_image(example), {}};
  const auto source = examples.source_shape(example);
  const double across = double(figure.image.shape.width) / double(source.width);
  const double down = double(figure.image.shape.height) / double(source.height);
  for (const auto& box : answer.boxes) {
    const auto kind = kinds_.emplace(box.name, std::ssize(kinds_)).first->second;
    figure.boxes.push_back(
        {label_of(box), kind, box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down});
  }
  auto stem = fs::path(name).stem().string();
  if (const auto before = names_[stem]++; before > 0) stem += "-" + std::to_string(before + 1);
  fs::create_directories(flags_.figures);
  replace_file(fs::path(flags_.figures) / (stem + ".png"), lens::draw(figure).png());
}

}  // namespace heed::cli
