#include "look_state.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "heed/core/files.h"
#include "heed/lens/heads.h"
#include "heed/serve/http.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;
using serve::HttpError;

constexpr size_t kMostSeen = 12, kMostViews = 24, kMostOffered = 64;
constexpr size_t kLongestName = 60;

/// By the paths of attentions, numbers from 0.
std::map<std::string, std::vector<int64_t>> heads_of(const std::vector<AblatedHead>& ablated) {
  std::map<std::string, std::vector<int64_t>> heads;
  for (const auto& head : ablated) heads[head.map].push_back(head.head - 1);
  return heads;
}

void check_ablated(const std::vector<AblatedHead>& heads, const Explanation& seen) {
  for (const auto& head : heads) {
    const auto found = std::find_if(seen.maps.begin(), seen.maps.end(),
                                    [&](const Map& map) { return map.name() == head.map; });
    if (found == seen.maps.end())
      throw HttpError(400, "bad_request", "the model has no attention '" + head.map + "'");
  }
}

std::vector<bool> flags_of(const std::vector<TokenPlace>& tokens) {
  std::vector<bool> special;
  for (const auto& token : tokens) special.push_back(token.special);
  return special;
}

std::vector<std::string> pieces_of(const std::vector<TokenPlace>& tokens) {
  std::vector<std::string> all;
  for (const auto& token : tokens) all.push_back(token.text);
  return all;
}

/// "3,4": row and column of a patch, from 1.
std::vector<std::string> names_of(const TokenGrid& grid) {
  std::vector<std::string> names;
  if (grid.class_token) names.emplace_back("[class]");
  for (int64_t row = 1; row <= grid.rows; ++row)
    for (int64_t column = 1; column <= grid.columns; ++column)
      names.push_back(std::to_string(row) + "," + std::to_string(column));
  return names;
}

lens::TextMaps maps_of(const Explanation& seen) {
  const auto& head = seen.heads.front();
  const bool on_image = seen.shown.image && seen.grid;
  return lens::text_maps(
      seen.maps, {.source = on_image ? names_of(*seen.grid) : pieces_of(seen.shown.tokens),
                  .target = pieces_of(head.read),
                  .predicted = pieces_of(head.predicted),
                  .source_special = on_image ? std::vector<bool>() : flags_of(seen.shown.tokens),
                  .target_special = flags_of(head.read)});
}

/// The steps of a recurrent decoder as one call with the same weights: with keys e_1 .. e_Lk and
/// queries sqrt(Lk) log w the softmax of the scaled products is w.
Map joined(const lens::TextMap& map, int64_t head) {
  const int64_t rows = std::ssize(map.rows), columns = std::ssize(map.columns);
  const auto weights = map.weights({0, rows}, head).to(at::kFloat);
  const auto q =
      (weights.clamp_min(1e-30).log() * std::sqrt(double(columns))).view({1, 1, rows, columns});
  const auto k = at::eye(columns).view({1, 1, columns, columns});
  const auto how = Attention::parse("scaled_dot");
  const auto row_stats = std::get<1>(attend_with_row_stats(q, k, k, how));
  return Map(map.name, q, k, row_stats, how, {});
}

/// The greatest of the cells in whose columns no sink stands; of all where every one has some.
double greatest_beside(const lens::Sinks& sinks, const MapOverview& found) {
  auto cells = found.cells[0].to(at::kDouble).clone();  // (rows, columns)
  for (const int64_t key : sinks.keys) cells.select(1, key / found.block_columns).zero_();
  const double beside = at::nan_to_num(cells).max().item<double>();
  return beside > 0 ? beside : found.greatest.front();
}

/// Head from 0. Two passes over its weights.
HeadView view_of(const Map& map, int64_t head, MapPool pool, const std::vector<bool>& special) {
  constexpr int64_t kCells = 512;
  const auto found =
      map.overview({.rows = kCells, .columns = kCells, .head = head, .received = true});
  auto sinks = lens::sinks_of(found.received[0], special, map.queries() > 1);
  const double beside = greatest_beside(sinks, found);
  return {lens::MapPyramid(map, 0, head, pool), std::move(sinks), beside};
}

/// A typed text is never a file's name.
void refuse_path(const std::string& text) {
  const size_t colon = text.rfind(':');
  const auto is_file = [](const std::string& path) {
    std::error_code ignored;
    return !path.empty() && path.size() < 4096 && fs::exists(path, ignored);
  };
  if (text.empty() || text == "-" || is_file(text) ||
      (colon != text.npos && is_file(text.substr(0, colon))))
    throw HttpError(
        400, "bad_request",
        "expected a text to look at; files are named on the command line (heed look MODEL "
        "FILE) or uploaded");
}

std::string file_name_of(const std::string& given) {
  static const std::vector<std::string> kKinds{".png",  ".jpg",   ".jpeg", ".wav",
                                               ".flac", ".ogg",   ".csv",  ".tsv",
                                               ".json", ".jsonl", ".txt",  ".conll"};
  std::string name;
  for (const char c : given.substr(given.find_last_of("/\\") + 1))
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_') name += c;
  if (name.size() > kLongestName) name = name.substr(name.size() - kLongestName);
  std::string kind = fs::path(name).extension();
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    std::string all;
    for (const auto& known : kKinds) all += (all.empty() ? "" : ", ") + known;
    throw HttpError(400, "bad_request",
                    "'" + given + "' has no name of a kind that is read: " + all);
  }
  return name;
}

/// Moves the element that fits to the front; null where none does.
template <class T, class Fits>
T* used(std::list<T>& all, Fits&& fits) {
  const auto found = std::find_if(all.begin(), all.end(), fits);
  if (found == all.end()) return nullptr;
  all.splice(all.begin(), all, found);
  return &all.front();
}

LookSource open_source(const std::string& where, const std::vector<std::string>& set,
                       Truncation truncation) {
  LookSource source{.name = where};
  if (!lens::is_map_file(where)) {
    source.predictor.emplace(Predictor::load(where, set, truncation));
    return source;
  }
  auto file = lens::read_map_file(where);
  source.name += " (" + file.model + ")";
  source.recorded = std::move(file.seen);
  return source;
}

}  // namespace

bool LookSource::takes_text() const {
  if (!predictor) return false;
  const auto& inputs = predictor->recipe().inputs;
  const auto& input = *inputs.front().get();
  if (inputs.size() > 1) return false;
  const bool reads_records = predictor->recipe().data.reads_records;
  return !input.line_column().empty() || (!reads_records && input.tokenizer()) ||
         (!reads_records && input.target_tokenizer());
}

LookState::LookState(const std::vector<std::string>& models, std::vector<std::string> inputs,
                     const std::vector<std::string>& set, Truncation truncation) {
  for (const auto& model : models) sources_.push_back(open_source(model, set, truncation));
  named_ = inputs.size();
  if (inputs.empty() && sources_.front().predictor) {
    const auto test = sources_.front().predictor->recipe().paths("test");
    if (!test.empty()) inputs.push_back(test.front());
  }
  for (const auto& input : inputs) offered_.push_back({input, input});
}

LookState::~LookState() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

std::vector<std::string> LookState::offered() const {
  std::vector<std::string> names;
  for (const auto& input : offered_) names.push_back(input.name);
  return names;
}

size_t LookState::upload(const std::string& given, const std::string& bytes) {
  const auto name = file_name_of(given);
  if (offered_.size() >= kMostOffered)
    throw HttpError(429, "too_many_files", "this server keeps no more files", kMostOffered);
  if (folder_.empty()) {
    auto pattern = (fs::temp_directory_path() / "heed-look-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw FileError("mkdtemp", pattern, errno);
    folder_ = pattern;
  }
  const auto path = folder_ / (std::to_string(offered_.size()) + "-" + name);
  replace_file(path, bytes);
  offered_.push_back({name, path.string()});
  return offered_.size() - 1;
}

SplitPtr LookState::find(const LookSource& source, const LookInput& input) const {
  if (!input.offered) {
    if (!source.takes_text())
      throw HttpError(400, "bad_request",
                      source.name + " reads no text that is typed; choose or upload an input");
    refuse_path(input.text);
    return source.predictor->find(input.text);
  }
  if (*input.offered >= offered_.size())
    throw HttpError(404, "not_found", "there is no such input any more");
  auto place = offered_[*input.offered].path;
  if (input.number) place += ":" + std::to_string(*input.number);
  return source.predictor->find(place);
}

const Seen& LookState::look(const LookInput& input) {
  if (input.model >= sources_.size())
    throw HttpError(400, "bad_request", "there are " + std::to_string(sources_.size()) + " models");
  auto& source = sources_[input.model];
  const auto start = std::chrono::steady_clock::now();
  Seen seen{.id = std::to_string(++number_),
            .input = input,
            .example = {},
            .explanation = {},
            .maps = {}};
  if (source.recorded) {
    if (!input.ablated.empty())
      throw HttpError(400, "bad_request",
                      source.name + " is a recording: no head can be taken out");
    seen.explanation = *source.recorded;
  } else {
    seen.example = find(source, input);
    std::optional<lens::AblatedHeads> ablated;
    if (!input.ablated.empty())
      ablated.emplace(source.predictor->module(), heads_of(input.ablated));
    seen.explanation = source.predictor->explain(seen.example, input.target);
    check_ablated(input.ablated, seen.explanation);
  }
  if (seen.explanation.grid && seen.explanation.grid->frames > 0)
    throw HttpError(400, "bad_request",
                    source.name + " reads clips, which this page does not show; use heed map");
  seen.maps = maps_of(seen.explanation);
  seen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  seen_.push_front(std::move(seen));
  if (seen_.size() > kMostSeen) {
    const auto gone = seen_.back().id + "/";
    std::erase_if(views_, [&](const View& kept) { return kept.key.starts_with(gone); });
    seen_.pop_back();
  }
  return seen_.front();
}

const Seen& LookState::seen(const std::string& id) {
  if (auto* found = used(seen_, [&](const Seen& kept) { return kept.id == id; })) return *found;
  throw HttpError(404, "not_found", "this look is not kept any more; look again");
}

const HeadView& LookState::view(const Seen& seen, size_t map, int64_t head, MapPool pool) {
  const auto key = seen.id + "/" + std::to_string(map) + "/" + std::to_string(head) +
                   (pool == MapPool::max ? "/max" : "/mean");
  if (auto* found = used(views_, [&](const View& kept) { return kept.key == key; }))
    return found->view;
  const auto& shown = seen.maps.maps[map];
  const bool is_one = shown.calls.size() == 1;
  views_.push_front({key, view_of(is_one ? shown.calls.front() : joined(shown, head),
                                  is_one ? head - 1 : 0, pool, shown.special)});
  if (views_.size() > kMostViews) views_.pop_back();
  return views_.front().view;
}

}  // namespace heed::cli
