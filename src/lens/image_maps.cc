#include "heed/lens/image_maps.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/nn/recording.h"
#include "lens/clip_maps.h"

namespace heed::lens {
namespace {

constexpr int64_t kRowsAtOnce = 256;

/// Of a decoder's queries to the image.
bool is_cross(const Map& map) { return map.name().ends_with(".cross"); }

/// Whether a map's first keys are the grid's tokens; a head may read vectors of its own behind them. Others, as a pool over
/// the pixels of a U-Net whose blocks attend at its bottom, lie elsewhere.
bool is_on(const Map& map, const TokenGrid& grid) {
  return map.keys() >= grid.tokens() && map.keys() < 2 * grid.tokens();
}

/// Whether a map is of a decoder's queries to each other, beside that of theirs to the image.
bool is_of_queries(const Map& map, const std::vector<Map>& all) {
  const auto name = map.name();
  const auto parent = name.substr(0, name.rfind('.') + 1);
  return !is_cross(map) && std::any_of(all.begin(), all.end(), [&](const Map& other) {
    return other.name() == parent + "cross";
  });
}

/// The tokens of a row of weights that are patches, as they lie on the image: (..., tokens) ->
/// (..., rows, columns).
at::Tensor on_grid(const at::Tensor& weights, const TokenGrid& grid) {
  const auto patches = weights.narrow(-1, grid.class_token, grid.rows * grid.columns);
  return patches.to(at::kCPU, at::kDouble).unflatten(-1, {grid.rows, grid.columns});
}

/// A row of every head: (H, Lk).
at::Tensor first_rows(const Map& map, int64_t row = 0) {
  std::vector<at::Tensor> rows;
  for (int64_t head = 0; head < map.num_heads(); ++head) {
    rows.push_back(map.tile({row, row + 1}, {0, map.keys()}, 0, head));
  }
  return at::cat(rows);
}

ImageMap image_map(const Map& map, const TokenGrid& grid, int64_t layer) {
  if (is_pooling(map)) return {map.name(), "pooling", on_grid(first_rows(map), grid), {}};
  const std::string title = "layer " + std::to_string(layer);
  const auto received = on_grid(map.received(), grid);
  if (!grid.class_token) return {map.name(), title, received, {}};
  return {map.name(), title, on_grid(first_rows(map), grid), received.mean(0)};
}

/// row (Lq) times the mean over the heads of the weights: (Lk).
at::Tensor through(const at::Tensor& row, const Map& map) {
  auto result = at::zeros({map.keys()}, row.options());
  for (int64_t begin = 0; begin < map.queries(); begin += kRowsAtOnce) {
    const Range rows{begin, std::min(begin + kRowsAtOnce, map.queries())};
    const auto part = row.narrow(0, rows.begin, rows.size());
    for (int64_t head = 0; head < map.num_heads(); ++head) {
      result += part.matmul(map.tile(rows, {0, map.keys()}, 0, head).to(at::kDouble));
    }
  }
  return result / map.num_heads();
}

/// What reaches the output of each token, from the output back to the first layer.
at::Tensor rollout(const std::vector<Map>& maps, const TokenGrid& grid) {
  auto row = at::full({grid.tokens()}, 1.0 / double(grid.tokens()), at::kDouble);
  if (grid.class_token)
    row = at::one_hot(at::zeros({1}, at::kLong), grid.tokens())[0].to(at::kDouble);
  if (is_pooling(maps.back())) row = first_rows(maps.back()).to(at::kDouble).mean(0);
  for (auto map = maps.rbegin(); map != maps.rend(); ++map) {
    if (!is_pooling(*map)) row = (row + through(row, *map)) / 2;
  }
  return on_grid(row, grid);
}

ImageMap cross_map(const Map& map, const TokenGrid& grid, int64_t query, int64_t layer) {
  if (query < 0)
    return {map.name(), "cross " + std::to_string(layer), on_grid(map.received(), grid), {}};
  const auto rows = first_rows(map, std::clamp<int64_t>(query, 0, map.queries() - 1));
  return {map.name(), "cross " + std::to_string(layer), on_grid(rows, grid),
          on_grid(map.received(), grid).mean(0)};
}

/// Words for which no row was computed, as the last one's end, are left out.
std::vector<WordMap> word_maps(const std::vector<Map>& calls, const TokenGrid& grid,
                               const std::vector<std::string>& words) {
  std::vector<WordMap> all;
  for (size_t i = 0; i < words.size(); ++i) {
    std::vector<at::Tensor> rows;
    for (const auto& map : calls)
      if (is_cross(map) && map.queries() > static_cast<int64_t>(i))
        rows.push_back(first_rows(map, static_cast<int64_t>(i)));
    if (!rows.empty()) all.push_back({words[i], on_grid(at::cat(rows), grid).mean(0)});
  }
  return all;
}

std::string titles(const std::vector<ImageMap>& maps) {
  std::string text;
  for (const auto& map : maps) text += (text.empty() ? "" : ", ") + map.title;
  return text;
}

/// What the numbers of the panels are, a line each.
std::vector<std::string> explanation(const ImageMaps& maps) {
  if (maps.grid.frames > 0) return clip_explanation(maps);
  const bool layers = maps.maps.front().title.starts_with("layer");
  const bool pooling = maps.maps.back().title == "pooling";
  std::vector<std::string> lines;
  const auto say = [&](const char* line) { lines.push_back(line); };
  if (layers && maps.grid.class_token) {
    say("head: weight from the class token to each patch");
    say("received: mean weight to each patch from all tokens");
  } else if (layers) {
    say("layer: mean weight to each patch from all patches");
  }
  if (pooling) say("pooling: weight of each patch in the pooled vector");
  if (!maps.words.empty())
    say("words: weight of each patch where a word is written, mean over heads and layers");
  const auto& last = maps.maps.back();
  if (last.title.starts_with("cross") && last.received.defined())
    say("cross: weight of each patch for the query that says the box; received: mean of all "
        "queries");
  else if (last.title.starts_with("cross"))
    say("cross: mean weight of each patch over all that is written");
  if (maps.rollout.defined()) say("rollout: what reaches the output through all layers");
  return lines;
}

}  // namespace

ImageMaps look(ImageClassifier& model, const at::Tensor& image) {
  if (image.dim() != 4 || image.size(0) != 1) {
    throw UsageError("look: image has shape " + c10::str(image.sizes()) +
                     ", expected (1, C, h, w)");
  }
  const torch::NoGradGuard no_grad;
  ImageMaps result;
  result.grid = model->grid();
  Recording seen(*model);
  const auto probabilities = model->forward(image)[0].to(at::kCPU, at::kDouble).softmax(0);
  result = image_maps(seen.maps(), model->grid());
  result.probabilities = probabilities;
  return result;
}

ImageMaps image_maps(const std::vector<Map>& all, const TokenGrid& grid,
                     const ImageQueries& queries) {
  if (grid.frames > 0) return clip_maps(all, grid);
  std::vector<Map> calls;
  for (const auto& map : all)
    if (is_on(map, grid) && !is_of_queries(map, all)) calls.push_back(map);
  if (calls.empty())
    throw ModelError("the model has no attention to show: no layers, and no pool that attends");
  ImageMaps result;
  result.grid = grid;
  std::vector<Map> of_tokens;
  int64_t layers = 0, crosses = 0;
  for (const auto& map : calls) {
    if (is_cross(map)) {
      result.maps.push_back(cross_map(map, grid, queries.query, ++crosses));
      continue;
    }
    result.maps.push_back(image_map(map, grid, ++layers));
    if (map.keys() == grid.tokens()) of_tokens.push_back(map);
  }
  if (!of_tokens.empty() && !is_pooling(of_tokens.front()))
    result.rollout = rollout(of_tokens, grid);
  result.words = word_maps(calls, grid, queries.words);
  return result;
}

ImageMaps selected(const ImageMaps& all, const std::string& layer, int64_t head) {
  ImageMaps result = all;
  if (!layer.empty()) {
    std::erase_if(result.maps, [&](const ImageMap& map) {
      return map.title != layer && map.title != "layer " + layer;
    });
    result.rollout = at::Tensor(), result.words.clear();
  }
  if (result.maps.empty()) {
    throw UsageError("layer '" + layer + "' is not in the model, which has: " + titles(all.maps));
  }
  if (head == 0) return result;
  result.rollout = at::Tensor(), result.words.clear();
  for (auto& map : result.maps) {
    const int64_t heads = map.heads.size(0);
    if (head < 1 || head > heads) {
      throw UsageError("head " + std::to_string(head) + " is not in " + map.title +
                       ", which has heads 1.." + std::to_string(heads));
    }
    map.heads = map.heads.narrow(0, head - 1, 1);
    map.received = at::Tensor();
  }
  return result;
}

Figure figure_of(const ImageMaps& maps, data::Image image, int64_t first_head) {
  Figure figure;
  figure.lines = explanation(maps);
  figure.image = std::move(image);
  if (!maps.words.empty()) {
    Strip words{.across = 8};
    for (const auto& [word, weights] : maps.words) words.panels.push_back({word, weights});
    figure.strips.push_back(std::move(words));
  }
  for (const auto& map : maps.maps) {
    Strip strip{.across = maps.grid.frames > 0 ? size_t{1} : 0};
    const int64_t heads = map.heads.size(0);
    for (int64_t head = 0; head < heads; ++head) {
      strip.panels.push_back(
          {map.title + " head " + std::to_string(first_head + head), map.heads[head]});
    }
    if (heads > 1) strip.panels.push_back({map.title + " mean", map.heads.mean(0)});
    if (map.received.defined()) strip.panels.push_back({map.title + " received", map.received});
    figure.strips.push_back(std::move(strip));
  }
  if (maps.rollout.defined()) figure.strips.push_back({{{"rollout", maps.rollout}}});
  return figure;
}

}  // namespace heed::lens
