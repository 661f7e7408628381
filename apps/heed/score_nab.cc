// The NAB score of a folder of time series, laid out as NAB's results/DETECTOR.
#include <cmath>
#include <filesystem>
#include <map>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/lines.h"
#include "heed/metrics/nab.h"
#include "score.h"
#include "score_files.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSeconds = 19;  // of "2014-04-10 07:15:00", what stands behind is fractions

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

size_t place_of(const std::vector<std::string>& header, const char* name, const fs::path& file) {
  for (size_t i = 0; i < header.size(); ++i)
    if (header[i] == name) return i;
  throw DataError(file.string() + ":1: expected a column '" + name +
                  "', as NAB's results have; given none");
}

/// The windows' rows are the first ones with their times.
NabSeries read_series(const fs::path& file, const nlohmann::json& windows) {
  data::LineReader reader(file);
  std::string line;
  reader.next(line);
  const auto header = cells_of(line);
  const size_t time = place_of(header, "timestamp", file);
  const size_t score = place_of(header, "anomaly_score", file);
  NabSeries series;
  std::map<std::string, int64_t> rows;
  while (reader.next(line)) {
    const auto cells = cells_of(line);
    if (cells.size() != header.size())
      throw DataError(reader.place() + ": expected " + std::to_string(header.size()) +
                      " cells, as on line 1, given " + std::to_string(cells.size()));
    rows.emplace(cells[time].substr(0, kSeconds), std::ssize(series.scores));
    series.scores.push_back(parsed_number(cells[score], reader.place()));
    if (!std::isfinite(series.scores.back()) || series.scores.back() >= kNabNothing)
      throw DataError(reader.place() + ": expected a score from 0 to 1, given " + cells[score]);
  }
  for (const auto& window : windows) {
    std::pair<int64_t, int64_t> ends;
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const auto at = window.at(side).get<std::string>();
      const auto found = rows.find(at.substr(0, kSeconds));
      if (found == rows.end())
        throw DataError(file.string() + ": expected a row at " + at +
                        ", where a window ends, given none");
      (side == 0 ? ends.first : ends.second) = found->second;
    }
    series.windows.push_back(ends);
  }
  return series;
}

/// "DETECTOR/realTweets/x.csv", or with the detector's name before that of the file, as NAB writes.
fs::path file_of(const fs::path& folder, const fs::path& name) {
  const fs::path plain = folder / name;
  if (fs::exists(plain)) return plain;
  const auto detector = fs::weakly_canonical(folder).filename().string();
  const fs::path named = folder / name.parent_path() / (detector + "_" + name.filename().string());
  if (fs::exists(named)) return named;
  throw DataError(folder.string() + ": expected a file " + name.string() + " or " +
                  (name.parent_path() / named.filename()).string() +
                  ", for which the reference has windows; given none");
}

nlohmann::json read_windows(const std::string& file) {
  const auto json = nlohmann::json::parse(read_text(file), nullptr, false);
  bool good = json.is_object() && !json.empty();
  if (good) {
    for (const auto& [name, windows] : json.items()) {
      good = good && windows.is_array();
      for (const auto& window : windows)
        good = good && window.is_array() && window.size() == 2 && window[0].is_string() &&
               window[1].is_string();
    }
  }
  if (!good)
    throw DataError(file +
                    ": expected NAB's labels/combined_windows.json, {file: [[first time, "
                    "last time], ...]}, given something else");
  return json;
}

}  // namespace

ScoreRow nab_row(const ScoreFlags& flags) {
  std::vector<NabSeries> series;
  const auto labels = read_windows(flags.references[0]);
  for (const auto& [name, windows] : labels.items())
    series.push_back(read_series(file_of(flags.predicted, name), windows));
  Metrics values;
  ScoreRow profiles = ScoreRow::object();
  for (const auto& profile : nab_profiles()) {
    const auto best = nab_score(series, profile);
    values.emplace_back(profile.name, best.score);
    profiles[profile.name] = {{"threshold", best.threshold},
                              {"raw", best.raw},
                              {"true_positives", best.true_positives},
                              {"false_positives", best.false_positives},
                              {"false_negatives", best.false_negatives}};
  }
  auto row = row_of("nab", "series:" + std::to_string(series.size()), values);
  row["profiles"] = profiles;
  return row;
}

}  // namespace heed::cli
