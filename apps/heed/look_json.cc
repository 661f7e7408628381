#include "look_json.h"

#include <algorithm>

#include "heed/lens/explain.h"
#include "request_json.h"

namespace heed::cli {
namespace {

using serve::HttpError;

constexpr int64_t kMostAblated = 4096;

std::string base64(const std::vector<uint8_t>& bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t rest = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) word = word << 8 | (j < rest ? bytes[i + j] : 0);
    for (size_t j = 0; j < 4; ++j) text += j <= rest ? kDigits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

Json json_of_scale(const lens::LogScale& scale) {
  return {{"greatest", scale.greatest}, {"smallest", scale.smallest}};
}

Json answer_json(const Looked& looked) {
  const auto& said = looked.prediction;
  Json json = {{"text", said.text}, {"title", said.title}, {"fields", Json::parse(said.json)}};
  if (!looked.expected.empty()) json["expected"] = looked.expected;
  return json;
}

/// The numbers of special tokens among labels that these places name.
Json specials(const std::vector<std::string>& labels, const std::vector<TokenPlace>& places) {
  auto numbers = Json::array();
  if (labels.size() != places.size()) return numbers;
  for (size_t i = 0; i < places.size(); ++i)
    if (places[i].special) numbers.push_back(i);
  return numbers;
}

/// Lists of labels, each once.
class LabelLists {
 public:
  explicit LabelLists(const Explanation& seen) : seen_(seen) {}

  size_t add(const std::vector<std::string>& labels) {
    const auto found = std::find(lists_.begin(), lists_.end(), labels);
    if (found == lists_.end()) return lists_.push_back(labels), lists_.size() - 1;
    return static_cast<size_t>(found - lists_.begin());
  }
  Json json() const {
    auto all = Json::array();
    for (const auto& labels : lists_) {
      Json one = {{"texts", labels}, {"special", Json::array()}};
      const auto& head = seen_.heads.front();
      for (const auto* places : {&seen_.shown.tokens, &head.read, &head.predicted}) {
        if (places->size() != labels.size() || places->front().text != labels.front()) continue;
        one["special"] = specials(labels, *places);
        break;
      }
      all.push_back(std::move(one));
    }
    return all;
  }

 private:
  const Explanation& seen_;
  std::vector<std::vector<std::string>> lists_;
};

/// Whole numbers of an object; throws HttpError for another value.
int64_t whole(const Json& json, const char* key, int64_t least, int64_t most) {
  if (json.contains(key) && json[key].is_number_integer()) {
    const auto number = json[key].get<int64_t>();
    if (number >= least && number <= most) return number;
  }
  throw HttpError(400, "bad_request",
                  std::string("the key '") + key + "': expected a whole number from " +
                      std::to_string(least) + " to " + std::to_string(most));
}

std::vector<AblatedHead> ablated_of(const Json& json) {
  std::vector<AblatedHead> heads;
  if (!json.is_array() || std::ssize(json) > kMostAblated)
    throw HttpError(400, "bad_request", "the key 'ablated': expected a list of heads",
                    kMostAblated);
  for (const auto& head : json)
    heads.push_back({text_of_key(head, "map"), whole(head, "head", 1, 1 << 20)});
  return heads;
}

}  // namespace

std::string text_of_key(const Json& json, const char* key) {
  if (json.contains(key) && json[key].is_string()) return json[key].get<std::string>();
  throw HttpError(400, "bad_request", std::string("the key '") + key + "': expected a text");
}

Json json_of(const LookState& state) {
  Json json = {{"version", HEED_VERSION}, {"models", Json::array()}};
  for (const auto& source : state.sources()) {
    Json model = {{"name", source.name},
                  {"is_recording", source.recorded.has_value()},
                  {"takes_text", source.takes_text()}};
    if (source.predictor) {
      const auto& recipe = source.predictor->recipe();
      model["input"] = recipe.inputs.front().kind;
      model["head"] = recipe.heads.front().kind;
    }
    json["models"].push_back(std::move(model));
  }
  json["inputs"] = state.offered();
  json["named"] = state.named();
  json["methods"] = Json::array();
  for (const char* method : words(lens::Method())) json["methods"].push_back(method);
  return json;
}

Json json_of(const Seen& seen, const LookSource& source) {
  const auto& explanation = seen.explanation;
  Json json = {{"id", seen.id}, {"model", seen.input.model}, {"seconds", seen.seconds}};
  json["text"] = explanation.shown.text;
  json["can_ablate"] = source.predictor.has_value();
  json["writes"] = !explanation.heads.front().read.empty();
  json["tokens"] = Json::array();
  for (const auto& token : explanation.shown.tokens)
    json["tokens"].push_back({token.text, token.begin, token.end, token.special ? 1 : 0});
  json["answers"] = Json::array();
  const auto names = source.predictor ? source.predictor->heads() : std::vector<std::string>();
  for (size_t i = 0; i < explanation.heads.size(); ++i) {
    auto answer = answer_json(explanation.heads[i]);
    answer["head"] = i < names.size() ? names[i] : "";
    json["answers"].push_back(std::move(answer));
  }
  if (explanation.shown.image && explanation.grid)
    json["grid"] = {{"rows", explanation.grid->rows},
                    {"columns", explanation.grid->columns},
                    {"class_token", explanation.grid->class_token}};
  LabelLists labels(explanation);
  json["maps"] = Json::array();
  for (const auto& map : seen.maps.maps)
    json["maps"].push_back({{"title", map.title},
                            {"name", map.name},
                            {"attention", map.calls.front().how().text()},
                            {"heads", map.heads.size()},
                            {"rows", labels.add(map.rows)},
                            {"columns", labels.add(map.columns)}});
  json["labels"] = labels.json();
  return json;
}

Json overview_of(const lens::TextMap& map, int64_t cells, MapPool pool) {
  at::Tensor pictures;  // (H, rows, columns)
  std::vector<double> greatest;
  if (map.calls.size() == 1) {
    auto found = map.calls.front().overview({.rows = cells, .columns = cells, .pool = pool});
    pictures = found.cells.to(at::kDouble).contiguous(), greatest = std::move(found.greatest);
  } else {
    std::vector<at::Tensor> heads;
    for (const auto head : map.heads) heads.push_back(map.weights({0, std::ssize(map.rows)}, head));
    const auto all = at::stack(heads);  // (H, Lq, Lk)
    for (const auto& head : heads) greatest.push_back(head.max().item<double>());
    pictures = all.slice(1, 0, cells).slice(2, 0, cells).contiguous();
  }
  const double most = std::max(1e-30, *std::max_element(greatest.begin(), greatest.end()));
  const lens::LogScale scale{most,
                             std::min(most, 1.0 / static_cast<double>(map.columns.size())) / 1024};
  Json json = {{"rows", pictures.size(1)},
               {"columns", pictures.size(2)},
               {"scale", json_of_scale(scale)},
               {"heads", Json::array()}};
  const auto* value = pictures.data_ptr<double>();
  for (int64_t head = 0; head < pictures.size(0); ++head) {
    std::vector<uint8_t> bytes(static_cast<size_t>(pictures.size(1) * pictures.size(2)));
    for (auto& byte : bytes) byte = scale.byte_of(*value++);
    json["heads"].push_back(
        {{"greatest", greatest[static_cast<size_t>(head)]}, {"bytes", base64(bytes)}});
  }
  return json;
}

LookInput input_of(const Json& json) {
  for (const auto& [key, value] : json.items()) {
    static const std::vector<std::string> kKeys{"model",  "text",   "input",
                                                "number", "target", "ablated"};
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      throw HttpError(400, "bad_request", "unknown key '" + key + "'");
  }
  LookInput input;
  if (json.contains("model")) input.model = static_cast<size_t>(whole(json, "model", 0, 1 << 20));
  if (json.contains("input")) input.offered = static_cast<size_t>(whole(json, "input", 0, 1 << 20));
  if (json.contains("text")) input.text = text_of_key(json, "text");
  if (json.contains("number")) input.number = whole(json, "number", 0, int64_t{1} << 40);
  if (json.contains("target")) input.target = text_of_key(json, "target");
  if (json.contains("ablated")) input.ablated = ablated_of(json["ablated"]);
  if (input.offered && !input.text.empty())
    throw HttpError(400, "bad_request", "expected one of the keys 'text' and 'input'");
  if (input.number && !input.offered)
    throw HttpError(400, "bad_request", "the key 'number' goes with 'input'");
  return input;
}

Json parse_body(const serve::Request& request) {
  auto json = request_json(request);
  if (!json.is_object()) throw HttpError(400, "bad_request", "the body is no JSON object");
  return json;
}

}  // namespace heed::cli
