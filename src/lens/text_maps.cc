#include "heed/lens/text_maps.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/nn/recording.h"

namespace heed::lens {
namespace {

void check_tokens(const char* name, const Tokens& tokens) {
  if (!tokens.ids.empty() && tokens.ids.size() == tokens.pieces.size()) return;
  throw UsageError(std::string("look: ") + name +
                   ": expected at least one token and as many pieces, " + "given " +
                   std::to_string(tokens.ids.size()) + " ids and " +
                   std::to_string(tokens.pieces.size()) + " pieces");
}

at::Tensor as_row(const std::vector<int64_t>& ids) {
  return at::tensor(ids, at::kLong).unsqueeze(0);
}

SourceBatch as_batch(const SequenceModel& model, const Tokens& source) {
  if (!model.has_encoder()) {
    if (source.ids.empty()) return {};
    throw UsageError("look: source: the model has no encoder that reads it");
  }
  check_tokens("source", source);
  return {as_row(source.ids), at::tensor({std::ssize(source.ids)}, at::kLong)};
}

bool says_cross(const Map& map) { return map.name().find("cross") != std::string::npos; }

/// The pieces, or numbers from 1 for tokens that are not those of the text (a memory, a pooling).
std::vector<std::string> labels(const std::vector<std::string>& pieces, int64_t count) {
  if (std::ssize(pieces) == count) return pieces;
  std::vector<std::string> numbers;
  for (int64_t i = 1; i <= count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

/// Sorts the calls of a forward pass into maps.
class Sorter {
 public:
  Sorter(const TextNames& names, bool encoder)
      : source_(names.source),
        target_(names.target),
        predicted_(names.predicted.empty() ? names.target : names.predicted),
        source_special_(names.source_special),
        target_special_(names.target_special),
        encoder_(encoder) {}

  TextMaps sorted(const std::vector<Map>& calls) {
    named_ = std::any_of(calls.begin(), calls.end(), says_cross);
    for (const auto& call : calls) {
      if (TextMap* before = unfinished(call)) {
        before->calls.push_back(call);
      } else {
        begin(call);
      }
    }
    for (auto& map : maps_.maps) finish(map);
    return std::move(maps_);
  }

 private:
  std::string kind_of(const Map& call) const {
    if (target_.empty()) return call.queries() == 1 && call.keys() > 1 ? "pooling" : "layer";
    if (!encoder_) return "decoder";
    if (call.name().find("encoder") != std::string::npos) return "encoder";
    return says_cross(call) || !named_ ? "cross" : "decoder";
  }

  /// The map of a module that gets its rows a step a call.
  TextMap* unfinished(const Map& call) {
    for (auto map = maps_.maps.rbegin(); map != maps_.maps.rend(); ++map) {
      if (map->name != call.name()) continue;
      int64_t rows = call.queries();
      for (const auto& seen : map->calls) rows += seen.queries();
      const bool of_source = kind_of(call) == "encoder" || target_.empty();
      const auto wanted = of_source ? source_.size() : target_.size();
      return rows <= static_cast<int64_t>(wanted) ? &*map : nullptr;
    }
    return nullptr;
  }

  void begin(const Map& call) {
    const std::string kind = kind_of(call);
    int64_t number = 1;
    for (const auto& map : maps_.maps) number += map.title.starts_with(kind);
    TextMap map;
    map.name = call.name();
    map.title = kind + " " + std::to_string(number);
    map.calls.push_back(call);
    for (int64_t head = 1; head <= call.num_heads(); ++head) map.heads.push_back(head);
    maps_.maps.push_back(std::move(map));
  }

  void finish(TextMap& map) const {
    int64_t queries = 0, keys = 0;
    for (const auto& call : map.calls) {
      queries += call.queries();
      keys = std::max(keys, call.keys());
    }
    const std::string kind = kind_of(map.calls.front());
    const bool cross = kind == "cross", of_source = cross || target_.empty() || kind == "encoder";
    map.rows = labels(cross ? predicted_ : of_source ? source_ : target_, queries);
    map.columns = labels(of_source ? source_ : target_, keys);
    map.special = of_source ? source_special_ : target_special_;
    if (std::ssize(map.special) != keys) map.special.clear();
  }

  const std::vector<std::string> source_, target_, predicted_;
  const std::vector<bool> source_special_, target_special_;
  bool encoder_, named_ = false;
  TextMaps maps_;
};

std::string titles_of(const TextMaps& maps) {
  std::string text;
  for (const auto& map : maps.maps) text += (text.empty() ? "" : ", ") + map.title;
  return text;
}

bool names(std::string layer, const TextMap& map) {
  if (layer == map.name) return true;
  std::replace(layer.begin(), layer.end(), '.', ' ');
  const std::string& title = map.title;
  return title == layer || title.starts_with(layer + " ") || title.ends_with(" " + layer);
}

}  // namespace

at::Tensor TextMap::weights(Range range, int64_t head) const {
  if (head == 0) {
    auto sum = weights(range, heads.front());
    for (size_t i = 1; i < heads.size(); ++i) sum += weights(range, heads[i]);
    return sum / std::ssize(heads);
  }
  const int64_t keys = std::ssize(columns);
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const auto& call : calls) {
    const int64_t begin = std::max(range.begin, first) - first;
    const int64_t end = std::min(range.end, first + call.queries()) - first;
    first += call.queries();
    if (begin >= end) continue;
    const auto part = call.tile({begin, end}, {0, call.keys()}, 0, head - 1);
    parts.push_back(at::constant_pad_nd(part.to(at::kCPU, at::kDouble), {0, keys - call.keys()}));
  }
  return parts.empty() ? at::zeros({0, keys}, at::kDouble) : at::cat(parts);
}

TextMaps look(SequenceModel& model, const Tokens& source, const Tokens& target,
              const std::vector<std::string>& predicted) {
  const SourceBatch batch = as_batch(model, source);
  check_tokens("target", target);
  if (!predicted.empty() && predicted.size() != target.ids.size()) {
    throw UsageError("look: predicted: expected " + std::to_string(target.ids.size()) +
                     " pieces, as many as the target has, given " +
                     std::to_string(predicted.size()));
  }
  const torch::NoGradGuard no_grad;
  if (model.is_stateful()) model.reset_state();
  Recording seen(model);
  model.hidden(batch, as_row(target.ids));
  if (model.is_stateful()) model.reset_state();
  if (seen.size() == 0) throw ModelError("the model has no attention to show");
  auto maps =
      Sorter({source.pieces, target.pieces, predicted}, model.has_encoder()).sorted(seen.maps());
  maps.predicted = !predicted.empty();
  return maps;
}

TextMaps text_maps(const std::vector<Map>& calls, const TextNames& names) {
  if (calls.empty()) throw ModelError("the model has no attention to show");
  auto maps = Sorter(names, !names.source.empty()).sorted(calls);
  maps.predicted = !names.predicted.empty();
  return maps;
}

TextMaps selected(const TextMaps& all, const std::string& layer, int64_t head) {
  TextMaps result = all;
  if (!layer.empty()) {
    std::erase_if(result.maps, [&](const TextMap& map) { return !names(layer, map); });
  }
  if (result.maps.empty()) {
    throw UsageError("layer '" + layer + "' is not in the model, which has: " + titles_of(all));
  }
  if (head == 0) return result;
  for (auto& map : result.maps) {
    if (std::find(map.heads.begin(), map.heads.end(), head) == map.heads.end()) {
      throw UsageError("head " + std::to_string(head) + " is not in " + map.title +
                       ", which has heads " + std::to_string(map.heads.front()) + ".." +
                       std::to_string(map.heads.back()));
    }
    map.heads = {head};
  }
  return result;
}

}  // namespace heed::lens
