// Maps of texts as strips of panels.
#include <algorithm>
#include <map>

#include "heed/lens/overview_figure.h"
#include "heed/lens/sinks.h"
#include "heed/lens/text_maps.h"
#include "lens/columns.h"
#include "lens/page.h"
#include "lens/shrink.h"

namespace heed::lens {
namespace {

/// The labels of the blocks' first tokens.
std::vector<std::string> thinned(const std::vector<std::string>& pieces, int64_t factor) {
  std::vector<std::string> result;
  for (size_t i = 0; i < pieces.size(); i += static_cast<size_t>(factor)) {
    result.push_back(visible(pieces[i]));
  }
  return result;
}

/// Keys that may be sinks, first of all keys and special ones; more of them are not looked at.
constexpr int64_t kMostCandidates = 64;

std::vector<int64_t> candidates(const TextMap& map) {
  std::vector<int64_t> keys;
  for (int64_t key = 0; key < std::ssize(map.columns); ++key) {
    const bool special = !map.special.empty() && map.special[static_cast<size_t>(key)];
    if (special || key == 0) keys.push_back(key);
    if (std::ssize(keys) == kMostCandidates) break;
  }
  return keys;
}

/// Shrinks the weights of heads, and leaves sinks out of the blocks in which they lie.
class Shrinker {
 public:
  Shrinker(const TextMap& map, int64_t height, int64_t width)
      : map_(map), height_(height), width_(width), candidates_(candidates(map)) {
    received_ = at::zeros({std::ssize(map.columns)}, at::kDouble);
  }

  at::Tensor shrunk(int64_t head) {
    std::vector<at::Tensor> kept;
    const auto chosen = at::tensor(candidates_, at::kLong);
    const auto band = [&](Range range) {
      const auto part = map_.weights(range, head);
      received_ += part.sum(0);
      kept.push_back(part.index_select(1, chosen));
      return part;
    };
    auto blocks = shrink({std::ssize(map_.rows), std::ssize(map_.columns), band}, height_, width_,
                         Shrink::mean);
    const auto own = at::cat(kept);
    const auto whole = [&](Range range) { return own.narrow(0, range.begin, range.size()); };
    columns_.push_back(shrink({own.size(0), own.size(1), whole}, height_, 1, Shrink::mean));
    return blocks;
  }

  /// Takes the sinks out of the blocks of each panel, and says which of them hold nothing else.
  void leave_out(TextStrip& strip) {
    const Sinks sinks = sinks_of(received_, map_.special, map_.rows.size() > 1);
    std::map<int64_t, std::vector<int64_t>> of_block;  // places among the candidates
    for (const int64_t key : sinks.keys) {
      const auto place = std::find(candidates_.begin(), candidates_.end(), key);
      if (place != candidates_.end()) of_block[key / width_].push_back(place - candidates_.begin());
    }
    for (const auto& [block, places] : of_block) {
      const int64_t size = std::min(width_, std::ssize(map_.columns) - block * width_);
      const int64_t rest = size - std::ssize(places);
      if (rest == 0) strip.excluded.push_back(block);
      for (size_t i = 0; rest > 0 && i < strip.panels.size(); ++i) {
        const auto out = columns_[i].index_select(1, at::tensor(places, at::kLong)).sum(1);
        auto mean = strip.panels[i].values.select(1, block);
        mean.copy_(((mean * size - out) / rest).clamp_min(0));
      }
    }
    std::vector<std::string> labels;
    for (const auto& piece : map_.columns) labels.push_back(visible(piece));
    strip.note = joined({strip.note, sinks.note(labels)});
  }

 private:
  const TextMap& map_;
  int64_t height_, width_;
  std::vector<int64_t> candidates_;
  at::Tensor received_;              // (Lk), of all panels
  std::vector<at::Tensor> columns_;  // of each panel (rows, candidates)
};

struct StripParts {
  bool heads, mean, sinks;
};

TextStrip strip_of(const TextMap& map, int64_t cells, StripParts parts) {
  const int64_t rows = std::ssize(map.rows), columns = std::ssize(map.columns);
  const int64_t height = (rows + cells - 1) / cells, width = (columns + cells - 1) / cells;
  TextStrip strip{{}, thinned(map.rows, height), thinned(map.columns, width), {}};
  Shrinker shrinker(map, height, width);
  const bool several = map.heads.size() > 1;
  if (parts.heads || !several) {
    for (const int64_t head : map.heads)
      strip.panels.push_back({map.title + " head " + std::to_string(head), shrinker.shrunk(head)});
  }
  if (parts.mean && several) strip.panels.push_back({map.title + " mean", shrinker.shrunk(0)});
  strip.note = std::to_string(rows) + " rows x " + std::to_string(columns) + " columns";
  if (height > 1 || width > 1) {
    strip.note += ", a cell is the mean of " + std::to_string(height) + " x " +
                  std::to_string(width) + " and has the label of the first";
  }
  if (!parts.sinks) shrinker.leave_out(strip);
  return strip;
}

int64_t count_panels(const TextMaps& maps, bool with_heads) {
  int64_t count = 0;
  for (const auto& map : maps.maps) {
    count += 1 + (with_heads && map.heads.size() > 1 ? std::ssize(map.heads) : 0);
  }
  return count;
}

}  // namespace

OverviewFigure overview_of(const TextMaps& maps) {
  const torch::NoGradGuard no_grad;
  size_t most = 1;
  for (const auto& map : maps.maps) most = std::max(most, map.heads.size());
  OverviewFigure figure;
  for (const auto& map : maps.maps) {
    auto strip = strip_of(map, overview_pixels(std::ssize(maps.maps), most), {true, false, false});
    for (size_t i = 0; i < map.heads.size(); ++i)
      strip.panels[i].title = "head " + std::to_string(map.heads[i]);
    figure.rows.push_back({map.title, std::move(strip.panels), strip.excluded, strip.note});
  }
  return figure;
}

TextFigure figure_of(const TextMaps& maps, const TextFigureOptions& options) {
  const torch::NoGradGuard no_grad;
  const int64_t cells =
      options.cells > 0 ? options.cells : panel_pixels(count_panels(maps, options.heads));
  TextFigure figure;
  for (const auto& map : maps.maps)
    figure.strips.push_back(strip_of(map, cells, {options.heads, true, options.sinks}));
  const auto has = [&](std::string_view kind) {
    return std::any_of(maps.maps.begin(), maps.maps.end(),
                       [&](const TextMap& map) { return map.title.starts_with(kind); });
  };
  std::string stacks;
  for (const char* kind : {"encoder", "decoder", "layer"})
    if (has(kind)) stacks += (stacks.empty() ? "" : ", ") + std::string(kind);
  if (!stacks.empty())
    figure.lines.push_back(stacks + ": a row is a token, and shows what it takes from others");
  if (has("pooling"))
    figure.lines.emplace_back("pooling: its row shows what it takes from each token");
  const bool cross = has("cross");
  if (cross && maps.predicted)
    figure.lines.emplace_back(
        "cross: a row is a token, and shows what of the source serves to predict it");
  if (cross && !maps.predicted)
    figure.lines.emplace_back(
        "cross: a row is a token that is read, and shows what of the source it takes");
  return figure;
}

}  // namespace heed::lens
