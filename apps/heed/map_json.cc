#include "map_json.h"

namespace heed::cli {
namespace {

constexpr int64_t kRowsOfJson = 64;

Json grid_json(const at::Tensor& grid) {
  auto rows = Json::array();
  const auto values = grid.contiguous();
  for (int64_t row = 0; row < values.size(0); ++row) {
    const double* first = values[row].data_ptr<double>();
    rows.push_back(std::vector<double>(first, first + values.size(1)));
  }
  return rows;
}

Json map_json(const lens::ImageMap& map, int64_t first_head) {
  Json json = {{"name", map.name}, {"title", map.title}};
  for (int64_t head = 0; head < map.heads.size(0); ++head)
    json["heads"].push_back({{"head", first_head + head}, {"weights", grid_json(map.heads[head])}});
  if (map.heads.size(0) > 1) json["mean"] = grid_json(map.heads.mean(0));
  if (map.received.defined()) json["received"] = grid_json(map.received);
  return json;
}

/// The weights of one head as rows of numbers.
void print_weights(const lens::TextMap& map, int64_t head) {
  const int64_t rows = std::ssize(map.rows);
  std::cout << "[";
  for (int64_t begin = 0; begin < rows; begin += kRowsOfJson) {
    const auto part = map.weights({begin, std::min(begin + kRowsOfJson, rows)}, head).contiguous();
    for (int64_t row = 0; row < part.size(0); ++row) {
      const double* first = part[row].data_ptr<double>();
      std::cout << (begin + row ? "," : "")
                << Json(std::vector<double>(first, first + part.size(1)));
    }
  }
  std::cout << "]";
}

void print_map(const lens::TextMap& map) {
  auto head = one_line(
      {{"name", map.name}, {"title", map.title}, {"rows", map.rows}, {"columns", map.columns}});
  head.back() = ',';
  std::cout << head << "\"heads\":[";
  for (size_t i = 0; i < map.heads.size(); ++i) {
    std::cout << (i ? "," : "") << "{\"head\":" << map.heads[i] << ",\"weights\":";
    print_weights(map, map.heads[i]);
    std::cout << "}";
  }
  std::cout << "]";
  if (map.heads.size() > 1) {
    std::cout << ",\"mean\":";
    print_weights(map, 0);
  }
  std::cout << "}";
}

Json alignment_json(const lens::Alignment& alignment) {
  auto links = Json::array();
  for (const auto& [source, target] : alignment.links) links.push_back({source, target});
  return {{"weights_of", alignment.title},
          {"pharaoh", lens::pharaoh(alignment)},
          {"source_words", alignment.source.words},
          {"target_words", alignment.target.words},
          {"source_word_of_piece", alignment.source.of},
          {"target_word_of_piece", alignment.target.of},
          {"links", links}};
}

}  // namespace

Json json_of_image(Json said, const lens::ImageMaps& maps, int64_t first_head) {
  said["grid"] = {{"rows", maps.grid.rows}, {"columns", maps.grid.columns}};
  if (maps.grid.frames > 0)
    said["grid"].update({{"frames", maps.grid.frames}, {"tubelet", maps.grid.tubelet}});
  for (const auto& map : maps.maps) said["maps"].push_back(map_json(map, first_head));
  if (maps.rollout.defined()) said["rollout"] = grid_json(maps.rollout);
  for (const auto& word : maps.words)
    said["words"].push_back({{"word", word.word}, {"weights", grid_json(word.weights)}});
  return said;
}

void print_text_json(Json said, const lens::TextMaps& maps, const lens::Alignment* alignment) {
  if (alignment) said["alignment"] = alignment_json(*alignment);
  auto head = one_line(said);
  head.back() = ',';
  std::cout << head << "\"maps\":[";
  for (size_t i = 0; i < maps.maps.size(); ++i) {
    if (i) std::cout << ",";
    print_map(maps.maps[i]);
  }
  std::cout << "]}\n";
}

}  // namespace heed::cli
