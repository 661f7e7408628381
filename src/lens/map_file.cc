#include "heed/lens/map_file.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/formats/safetensors.h"

namespace heed::lens {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "heed-maps-1";
constexpr int64_t kMostMaps = 1 << 16;

Json json_of_places(const std::vector<TokenPlace>& places) {
  auto all = Json::array();
  for (const auto& place : places)
    all.push_back(Json::array({place.text, place.begin, place.end, place.special}));
  return all;
}

std::vector<TokenPlace> places_of_json(const Json& json) {
  std::vector<TokenPlace> places;
  for (const auto& place : json)
    places.push_back({place.at(0), place.at(1), place.at(2), place.at(3)});
  return places;
}

Json json_of_looked(const Looked& looked) {
  return {{"text", looked.prediction.text},
          {"json", looked.prediction.json},
          {"title", looked.prediction.title},
          {"read", json_of_places(looked.read)},
          {"predicted", json_of_places(looked.predicted)},
          {"tokenizer", looked.tokenizer},
          {"expected", looked.expected}};
}

Looked looked_of_json(const Json& json) {
  Looked looked;
  looked.prediction.text = json.at("text");
  looked.prediction.json = json.at("json");
  looked.prediction.title = json.at("title");
  looked.read = places_of_json(json.at("read"));
  looked.predicted = places_of_json(json.at("predicted"));
  looked.tokenizer = json.at("tokenizer");
  looked.expected = json.at("expected");
  return looked;
}

/// The optional tensors of a call by name.
template <class Inputs, class Visit>
void each_tensor(Inputs& inputs, Visit&& visit) {
  visit("key_lengths", inputs.key_lengths);
  visit("attn_mask", inputs.attn_mask);
  visit("bias", inputs.bias);
  visit("segment_ids", inputs.segment_ids);
  visit("block_mask", inputs.block_mask);
}

Json add_map(const Map& map, const std::string& at, NamedTensors& tensors) {
  const auto text = map.how().text();
  try {
    if (Attention::parse(text).text() != text) throw UsageError(text);
  } catch (const UsageError&) {
    throw ModelError("the maps of " + map.name() +
                     " cannot be recorded: no text says its attention '" + text + "' wholly");
  }
  Json json = {{"name", map.name()}, {"attention", text}};
  tensors.emplace_back(at + ".q", map.q());
  tensors.emplace_back(at + ".k", map.k());
  tensors.emplace_back(at + ".row_stats", map.row_stats());
  each_tensor(map.inputs(), [&](const char* name, const std::optional<at::Tensor>& tensor) {
    if (tensor) tensors.emplace_back(at + "." + name, *tensor);
  });
  for (const auto& [name, tensor] : map.inputs().parameters)
    tensors.emplace_back(at + ".parameters." + name, tensor);
  if (map.inputs().query_offset) json["query_offset"] = *map.inputs().query_offset;
  return json;
}

/// Tensors by name, each of which is taken once.
class Taking {
 public:
  Taking(NamedTensors tensors, std::string file) : file_(std::move(file)) {
    for (auto& [name, tensor] : tensors) tensors_[name] = std::move(tensor);
  }

  std::optional<at::Tensor> find(const std::string& name) {
    auto found = tensors_.extract(name);
    if (found.empty()) return {};
    return std::move(found.mapped());
  }
  at::Tensor take(const std::string& name) {
    if (auto found = find(name)) return *found;
    throw ModelError(file_ + ": the tensor " + name + " is missing");
  }
  std::map<std::string, at::Tensor> all_below(const std::string& prefix) {
    std::map<std::string, at::Tensor> found;
    for (auto at = tensors_.lower_bound(prefix);
         at != tensors_.end() && at->first.starts_with(prefix);) {
      found[at->first.substr(prefix.size())] = at->second;
      at = tensors_.erase(at);
    }
    return found;
  }
  void end() const {
    if (!tensors_.empty())
      throw ModelError(file_ + ": the tensor " + tensors_.begin()->first + " belongs to no map");
  }

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::string file_;
};

Map map_of(const Json& json, const std::string& at, Taking& tensors) {
  AttendInputs inputs;
  each_tensor(inputs, [&](const char* name, std::optional<at::Tensor>& tensor) {
    tensor = tensors.find(at + "." + name);
  });
  inputs.parameters = tensors.all_below(at + ".parameters.");
  if (json.contains("query_offset")) inputs.query_offset = json.at("query_offset").get<int64_t>();
  return Map(json.at("name"), tensors.take(at + ".q"), tensors.take(at + ".k"),
             tensors.take(at + ".row_stats"),
             Attention::parse(json.at("attention").get<std::string>()), std::move(inputs));
}

at::Tensor tensor_of(const data::Image& image) {
  const auto& shape = image.shape;
  const auto bytes = at::tensor(at::ArrayRef<uint8_t>(image.values), at::kByte);
  return bytes.view({shape.channels, shape.height, shape.width});
}

data::Image image_of(const at::Tensor& tensor, const std::string& file) {
  if (tensor.dim() != 3 || tensor.scalar_type() != at::kByte || tensor.numel() == 0 ||
      (tensor.size(0) != 1 && tensor.size(0) != 3))
    throw ModelError(file +
                     ": the tensor image: expected bytes of the shape (1 or 3, h, w), given " +
                     c10::str(tensor.sizes()));
  const auto bytes = tensor.contiguous();
  const auto* first = bytes.data_ptr<uint8_t>();
  data::Image image;
  image.shape = {tensor.size(0), tensor.size(1), tensor.size(2)};
  image.values.assign(first, first + bytes.numel());
  return image;
}

void check_grid(const Explanation& seen, const std::string& file) {
  if (!seen.grid) return;
  const auto& grid = *seen.grid;
  if (grid.frames < 0 || grid.tubelet < 1 || grid.frames > kMostMaps ||
      grid.frames % grid.tubelet != 0)
    throw ModelError(file + ": the grid has " + std::to_string(grid.frames) +
                     " frames in tubelets of " + std::to_string(grid.tubelet));
  if (grid.rows < 1 || grid.columns < 1 || grid.rows > kMostMaps || grid.columns > kMostMaps)
    throw ModelError(file + ": the grid has " + std::to_string(grid.rows) + " x " +
                     std::to_string(grid.columns) + " tokens");
}

Explanation explanation_of(const Json& json, Taking& tensors, const std::string& file) {
  Explanation seen;
  const auto& shown = json.at("shown");
  seen.shown.text = shown.at("text");
  seen.shown.tokens = places_of_json(shown.at("tokens"));
  seen.shown.tokenizer = shown.at("tokenizer");
  seen.shown.name = shown.at("name");
  if (const auto image = tensors.find("image")) seen.shown.image = image_of(*image, file);
  for (const auto& looked : json.at("heads")) seen.heads.push_back(looked_of_json(looked));
  if (seen.heads.empty()) throw ModelError(file + ": heads: expected at least one");
  for (const auto& looked : seen.heads)
    if (!Json::accept(looked.prediction.json))
      throw ModelError(file + ": heads: an answer is no JSON");
  if (json.contains("grid")) {
    const auto& grid = json.at("grid");
    seen.grid = TokenGrid{grid.at("rows"), grid.at("columns"), grid.at("class_token"),
                          grid.value("frames", int64_t{0}), grid.value("tubelet", int64_t{1})};
  }
  check_grid(seen, file);
  size_t number = 0;
  for (const auto& map : json.at("maps"))
    seen.maps.push_back(map_of(map, "maps." + std::to_string(number++), tensors));
  tensors.end();
  return seen;
}

}  // namespace

std::string to_bytes(const MapFile& file) {
  const auto& seen = file.seen;
  NamedTensors tensors;
  Json json = {{"model", file.model},
               {"shown",
                {{"text", seen.shown.text},
                 {"tokens", json_of_places(seen.shown.tokens)},
                 {"tokenizer", seen.shown.tokenizer},
                 {"name", seen.shown.name}}},
               {"heads", Json::array()},
               {"maps", Json::array()}};
  for (const auto& looked : seen.heads) json["heads"].push_back(json_of_looked(looked));
  if (seen.grid)
    json["grid"] = {{"rows", seen.grid->rows},
                    {"columns", seen.grid->columns},
                    {"class_token", seen.grid->class_token},
                    {"frames", seen.grid->frames},
                    {"tubelet", seen.grid->tubelet}};
  if (seen.shown.image) tensors.emplace_back("image", tensor_of(*seen.shown.image));
  for (size_t i = 0; i < seen.maps.size(); ++i)
    json["maps"].push_back(add_map(seen.maps[i], "maps." + std::to_string(i), tensors));
  const auto text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return safetensors_bytes(tensors, {{"format", kFormat}, {"maps", text}});
}

bool is_map_file(const std::filesystem::path& path) {
  return path.extension() == ".safetensors" && kind_of(path) == PathKind::file;
}

MapFile read_map_file(const std::filesystem::path& path) {
  auto read = read_safetensors(path);
  const auto file = path.string();
  if (read.metadata["format"] != kFormat)
    throw ModelError(file + ": it holds no maps; heed map --record FILE writes such files");
  Taking tensors(std::move(read.tensors), file);
  try {
    const auto json = Json::parse(read.metadata["maps"]);
    return {json.at("model"), explanation_of(json, tensors, file)};
  } catch (const nlohmann::json::exception& error) {
    throw ModelError(file + ": the key 'maps' of its metadata is wrong: " + error.what());
  } catch (const UsageError& error) {
    throw ModelError(file + ": " + error.what());
  }
}

}  // namespace heed::lens
