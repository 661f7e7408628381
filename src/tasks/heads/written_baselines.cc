#include "tasks/heads/written_baselines.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/threads.h"

namespace heed {
namespace {

constexpr const char* kBaselinesFile = "written.baselines.json";
using BaselineColours = WrittenBaselines::Colours;

BaselineColours colours_of(const Split& split, int64_t example) {
  constexpr int64_t kParts = WrittenBaselines::kParts;
  const auto image = data::with_channels(split.source_image(example), 3);
  const auto small = data::resize(image, kParts, kParts);
  BaselineColours colours;
  std::copy(small.values.begin(), small.values.end(), colours.begin());
  return colours;
}

std::vector<BaselineColours> all_colours(const Split& split, const std::vector<int64_t>& examples) {
  std::vector<BaselineColours> all(examples.size());
  parallel_for(std::ssize(examples), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    all[at] = colours_of(split, examples[at]);
  });
  return all;
}

int64_t squared_difference(const BaselineColours& a, const BaselineColours& b) {
  int64_t sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t off = int64_t{a[i]} - b[i];
    sum += off * off;
  }
  return sum;
}

}  // namespace

void WrittenBaselines::learn(const Split& train, const std::string& column,
                             const std::vector<int64_t>& first, const CiderOptions& words) {
  std::map<int64_t, std::vector<std::string>> texts;  // by the first example of their source
  for (int64_t i = 0; i < std::min(train.size(), kMostExamples); ++i)
    texts[first[static_cast<size_t>(i)]].push_back(train.value(i, column));
  std::vector<int64_t> sources;
  ReferencesOfLines of_sources;
  for (auto& [source, own] : texts) {
    sources.push_back(source);
    of_sources.push_back(std::move(own));
  }
  double best = -1;
  std::vector<std::string> own_best;
  const auto near = cider_consensus(of_sources, words);
  for (size_t i = 0; i < near.size(); ++i) {
    const auto top = std::max_element(near[i].begin(), near[i].end());
    own_best.push_back(of_sources[i][static_cast<size_t>(top - near[i].begin())]);
    if (*top > best) best = *top, consensus_ = own_best.back();
  }
  is_known_ = true;
  images_.clear();
  if (!train.has_image()) return;
  const auto colours = all_colours(train, sources);
  for (size_t i = 0; i < colours.size(); ++i) images_.push_back({colours[i], own_best[i]});
}

Files WrittenBaselines::files() const {
  if (!is_known_) return {};
  nlohmann::ordered_json json = {{"consensus", consensus_}};
  auto images = nlohmann::ordered_json::array();
  for (const auto& [colours, text] : images_)
    images.push_back({{"text", text}, {"colours", colours}});
  json["images"] = std::move(images);
  return {{kBaselinesFile,
           json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"}};
}

void WrittenBaselines::load(const Files& files) {
  const auto found = files.find(kBaselinesFile);
  is_known_ = found != files.end();
  if (!is_known_) return;
  const JsonObject json(found->second, kBaselinesFile);
  consensus_ = json.text("consensus");
  images_.clear();
  for (const auto& image : json.objects("images")) {
    const auto numbers = image.integers("colours", between(0, 255));
    Known known{{}, image.text("text")};
    if (numbers.size() != known.colours.size())
      image.refuse("colours", "expected " + std::to_string(known.colours.size()) +
                                  " numbers, given " + std::to_string(numbers.size()));
    std::copy(numbers.begin(), numbers.end(), known.colours.begin());
    images_.push_back(std::move(known));
  }
}

std::vector<std::pair<std::string, std::vector<std::string>>> WrittenBaselines::texts(
    const Split& split, const std::vector<int64_t>& examples) const {
  if (!is_known_) return {};
  std::vector<std::pair<std::string, std::vector<std::string>>> all;
  all.emplace_back("", std::vector(examples.size(), consensus_));
  if (images_.empty() || !split.has_image()) return all;
  std::vector<std::string> nearest;
  for (const auto& colours : all_colours(split, examples)) {
    const auto is_nearer = [&](const Known& a, const Known& b) {
      return squared_difference(a.colours, colours) < squared_difference(b.colours, colours);
    };
    nearest.push_back(std::min_element(images_.begin(), images_.end(), is_nearer)->text);
  }
  all.emplace_back("nearest_", std::move(nearest));
  return all;
}

}  // namespace heed
