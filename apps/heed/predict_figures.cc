#include "predict_figures.h"

#include <algorithm>
#include <filesystem>

#include "core/printable.h"
#include "data/class_folders.h"
#include "data/video_parts.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/lens/boxes_figure.h"
#include "heed/lens/mask_figure.h"
#include "output.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

/// Images of a folder in the order of the numbers in their names, as clips have their frames.
std::vector<std::string> frames_of(const std::string& folder) {
  auto files = data::sorted_entries(folder);
  std::erase_if(files, [](const fs::path& file) { return !data::has_image_name(file); });
  if (files.empty())
    throw DataError(folder + ": no frame; expected files named .png, .jpg or .jpeg");
  data::sort_naturally(files);
  return {files.begin(), files.end()};
}

std::string label_of(const PredictedBox& box) {
  char score[16];
  std::snprintf(score, sizeof score, " %.2f", box.score);
  return (box.number > 0 ? "#" + std::to_string(box.number) + " " : "") + printable(box.name) +
         score;
}

}  // namespace

PredictFigures::PredictFigures(const PredictFlags& flags, const Predictor& predictor)
    : flags_(flags) {
  const auto& heads = predictor.recipe().heads;
  const auto is_drawn = [&](const std::string& kind) {
    return kind == "boxes" || (kind == "pixels" && !flags.track);
  };
  while (head_ < heads.size() && !is_drawn(heads[head_].kind)) ++head_;
  if (!flags.track && (flags.track_overlap || flags.track_age))
    throw UsageError("--track-overlap and --track-age say how boxes are followed: add --track");
  if (head_ == heads.size() && (flags.track || !flags.figures.empty()))
    throw UsageError(std::string(flags.track ? "--track is of models that find boxes, with a head "
                                               "'boxes'"
                                             : "--figures is of models that find boxes or pixels, "
                                               "with a head 'boxes' or 'pixels'") +
                     "; this one has '" + heads.front().kind + "'");
  if (head_ < heads.size()) kind_ = heads[head_].kind;
  if (!flags.figures.empty() && kind_of(flags.figures) == PathKind::file)
    throw UsageError("--figures " + flags.figures + ": a file; name a folder");
  if (!flags.track) return;
  TrackOptions options;
  if (flags.track_overlap) options.overlap = *flags.track_overlap;
  if (flags.track_age) options.age = *flags.track_age;
  tracker_.emplace(options);
}

std::vector<std::string> PredictFigures::inputs() const {
  std::vector<std::string> all;
  for (const auto& input : flags_.inputs) {
    if (flags_.track && kind_of(input) == PathKind::folder) {
      if (flags_.inputs.size() > 1)
        throw UsageError("--track: " + input +
                         ": objects are followed from frame to frame of one folder; give it by "
                         "itself, or name images");
      const auto frames = frames_of(input);
      all.insert(all.end(), frames.begin(), frames.end());
    } else {
      all.push_back(input);
    }
  }
  return all;
}

void PredictFigures::number(std::vector<Prediction>& answers) {
  if (tracker_) follow(*tracker_, answers[head_]);
}

void PredictFigures::draw(const Split& examples, int64_t example,
                          const std::vector<Prediction>& answers) {
  if (flags_.figures.empty()) return;
  const auto name = examples.show(example).name;
  const auto& answer = answers[head_];
  const auto file =
      fs::path(flags_.figures) / (names_.take(fs::path(name).stem().string()) + ".png");
  std::error_code none;
  if (fs::equivalent(file, name, none))
    throw UsageError("--figures " + flags_.figures +
                     ": the figure would be written over the image " + file.string() +
                     "; choose another folder");
  const auto source = examples.source_shape(example);
  data::ImageLimits limits;
  limits.pixels = std::max(limits.pixels, source.pixels());  // as much as input.max_pixels let pass
  // Of a file that was answered by itself, the pixels that were fitted are all that is kept.
  auto image = kind_of(name) == PathKind::file ? data::read_image(name, limits)
                                               : examples.source_image(example);
  fs::create_directories(flags_.figures);
  if (!answer.mask) {
    replace_file(file, png_of_boxes(name, std::move(image), source, answer));
    return;
  }
  const auto& mask = *answer.mask;
  auto line = answer.text;
  std::replace(line.begin(), line.end(), '\t', ' ');
  replace_file(file, lens::draw(lens::MaskFigure{printable(name), line, std::move(image),
                                                 mask.numbers, mask.classes, mask.first})
                         .png());
}

std::string PredictFigures::png_of_boxes(const std::string& name, data::Image image,
                                         const ImageShape& source, const Prediction& answer) {
  const double across = double(image.shape.width) / double(source.width);
  const double down = double(image.shape.height) / double(source.height);
  lens::BoxesFigure figure{printable(name), std::move(image), {}};
  for (const auto& box : answer.boxes) {
    const auto kind = kinds_.emplace(box.name, std::ssize(kinds_)).first->second;
    figure.boxes.push_back(
        {label_of(box), kind, box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down});
  }
  return lens::draw(figure).png();
}

}  // namespace heed::cli
