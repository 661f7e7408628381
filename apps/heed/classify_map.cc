// heed map, task classify: where a classifier looks in an image.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/lens/image_maps.h"
#include "heed/lens/terminal.h"
#include "heed/tasks/classify.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

constexpr int64_t kTop = 5;

struct Input {
  data::Image image;
  std::optional<int64_t> label;
};

/// An image file, or PREFIX:INDEX of labelled images.
Input read_input(const Classifier& classifier, const std::string& name) {
  const size_t colon = name.rfind(':');
  const std::string index = colon == std::string::npos ? "" : name.substr(colon + 1);
  const bool numbered = !index.empty() && index.size() < 19 &&
                        index.find_first_not_of("0123456789") == std::string::npos;
  if (!numbered || std::filesystem::exists(name)) return {data::read_image(name), {}};
  const auto images = classifier.open(name.substr(0, colon));
  const int64_t record = std::stoll(index);
  if (record >= images->size()) {
    throw UsageError(name + ": there is no image " + index + ", expected 0.." +
                     std::to_string(images->size() - 1));
  }
  return {images->image(record), images->label(record)};
}

std::string percent(double probability) {
  char text[32];
  std::snprintf(text, sizeof text, "%5.1f %%", 100 * probability);
  return text;
}

/// The likeliest classes, likeliest first.
std::vector<std::pair<std::string, double>> likeliest(const Classifier& classifier,
                                                      const at::Tensor& probabilities,
                                                      int64_t count) {
  const auto [values, indices] = probabilities.topk(std::min(count, probabilities.size(0)));
  std::vector<std::pair<std::string, double>> result;
  for (int64_t i = 0; i < values.size(0); ++i) {
    result.emplace_back(classifier.classes()[indices[i].item<int64_t>()], values[i].item<double>());
  }
  return result;
}

nlohmann::ordered_json to_json(const at::Tensor& grid) {
  auto rows = nlohmann::ordered_json::array();
  const auto values = grid.contiguous();
  for (int64_t row = 0; row < values.size(0); ++row) {
    const double* first = values[row].data_ptr<double>();
    rows.push_back(std::vector<double>(first, first + values.size(1)));
  }
  return rows;
}

nlohmann::ordered_json to_json(const lens::ImageMap& map, int64_t first_head) {
  nlohmann::ordered_json json = {{"name", map.name}, {"title", map.title}};
  for (int64_t head = 0; head < map.heads.size(0); ++head) {
    json["heads"].push_back({{"head", first_head + head}, {"weights", to_json(map.heads[head])}});
  }
  if (map.heads.size(0) > 1) json["mean"] = to_json(map.heads.mean(0));
  if (map.received.defined()) json["received"] = to_json(map.received);
  return json;
}

nlohmann::ordered_json to_json(const MapFlags& flags, const Classifier& classifier,
                               const lens::ImageMaps& maps, const Input& input) {
  nlohmann::ordered_json json = {{"model", flags.model}, {"image", flags.input}};
  if (input.label) json["label"] = classifier.classes()[*input.label];
  for (const auto& [name, probability] :
       likeliest(classifier, maps.probabilities, maps.probabilities.size(0))) {
    json["prediction"].push_back({{"class", name}, {"probability", probability}});
  }
  json["grid"] = {{"rows", maps.grid.rows}, {"columns", maps.grid.columns}};
  for (const auto& map : maps.maps) {
    json["maps"].push_back(to_json(map, std::max<int64_t>(1, flags.head)));
  }
  if (maps.rollout.defined()) json["rollout"] = to_json(maps.rollout);
  return json;
}

lens::Figure figure_of(const MapFlags& flags, const Classifier& classifier,
                       const lens::ImageMaps& maps, const Input& input) {
  auto figure = lens::figure_of(maps, input.image, std::max<int64_t>(1, flags.head));
  const auto best = likeliest(classifier, maps.probabilities, kTop);
  figure.title = best.front().first + ", says " + flags.model + " of " + flags.input;
  std::vector<std::string> lines;
  for (const auto& [name, probability] : best) lines.push_back(percent(probability) + "  " + name);
  lines.push_back(input.label ? "labelled " + classifier.classes()[*input.label] : "");
  figure.lines.insert(figure.lines.begin(), lines.begin(), lines.end());
  return figure;
}

lens::Terminal terminal_of(const MapFlags& flags) {
  auto terminal = lens::terminal_of_stdout();
  if (flags.colour != "auto") terminal.colours = lens::colours_from_text(flags.colour);
  return terminal;
}

}  // namespace

void map_classifier(const MapFlags& flags) {
  if (!flags.target.empty() || flags.alignment) {
    throw UsageError("--target and --alignment are for models that write text; " + flags.model +
                     " is a classifier");
  }
  const auto terminal = terminal_of(flags);
  auto classifier = Classifier::load(flags.model);
  const Input input = read_input(classifier, flags.input);
  const auto all = lens::look(classifier.model(), classifier.input(input.image, flags.input));
  const auto maps = lens::selected(all, flags.layer, flags.head);
  const auto figure = figure_of(flags, classifier, maps, input);
  if (!flags.png.empty()) write_drawing(flags.png, lens::to_png(figure));
  if (!flags.svg.empty()) write_drawing(flags.svg, lens::to_svg(figure));
  if (flags.json) {
    std::cout << to_json(flags, classifier, maps, input)
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << '\n';
  } else if (flags.png.empty() && flags.svg.empty()) {
    std::cout << lens::to_text(figure, terminal);
  }
}

}  // namespace heed::cli
