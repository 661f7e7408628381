#include "tasks/check_records.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kKeptTexts = 200;  // of a column, by which its rarest are known
constexpr int64_t kShownTexts = 5;   // of a column with more
constexpr int64_t kFewTexts = 12;    // all are shown

/// 12345 as "12,345", 1 record, 2 records.
std::string count(int64_t number, const std::string& of = "") {
  const auto digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  if (of.empty()) return text;
  return text.append(" ").append(of).append(number == 1 ? "" : "s");
}

std::string format(const char* pattern, double value) {
  char text[40];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// 'good' 700 (70.0 %)
std::string share(const data::TextCount& text, int64_t all) {
  return "'" + text.first + "' " + count(text.second) +
         format(" (%.1f %%)", 100.0 * static_cast<double>(text.second) / static_cast<double>(all));
}

std::string shares(const std::vector<data::TextCount>& texts, size_t first, size_t last,
                   int64_t all) {
  std::string line;
  for (size_t i = first; i < last; ++i) line += (i > first ? ", " : "") + share(texts[i], all);
  return line;
}

/// How often each class stands there: all of few, else the most frequent and the rarest.
std::string balance(const data::ColumnFacts& column) {
  const auto& texts = column.most_frequent;
  if (column.distinct <= kFewTexts) return shares(texts, 0, texts.size(), column.items);
  auto line = "most frequent " + shares(texts, 0, kShownTexts, column.items);
  if (column.distinct == std::ssize(texts)) line += "; rarest " + share(texts.back(), column.items);
  return line;
}

std::string column_line(const data::ColumnFacts& column, bool is_label) {
  std::string line = column.name + ": ";
  if (column.is_list) line += "lists of " + count(column.items, "item") + ", ";
  if (column.is_constant) {
    line += "constant, '" + column.most_frequent.front().first + "' in every record";
    return line;
  }
  line += count(column.distinct) + " distinct";
  if (column.missing > 0) line += ", " + count(column.missing) + " missing";
  if (column.range && !is_label)
    line += "; numbers " + format("%.6g", column.range->least) + " .. " +
            format("%.6g", column.range->most) + format(", mean %.6g", column.range->mean);
  const auto& length = column.length;
  if (column.is_list || (!column.range && !is_label && column.distinct > kFewTexts))
    line += "; " + count(length.least) + " .. " + count(length.most) +
            (column.is_list ? " items" : " characters") + ", median " + count(length.median) +
            ", 99 % at most " + count(length.p99);
  if (is_label || column.distinct <= kFewTexts)
    line += column.distinct > 0 ? "; " + balance(column) : "";
  return line;
}

Json texts_json(const std::vector<data::TextCount>& texts, bool all) {
  auto json = Json::array();
  for (const auto& [text, number] : texts) {
    if (!all && std::ssize(json) == kFewTexts) break;
    json.push_back({{"value", text}, {"count", number}});
  }
  return json;
}

Json column_json(const data::ColumnFacts& column, bool is_label) {
  Json json = {{"column", column.name},       {"is_list", column.is_list},
               {"missing", column.missing},   {"items", column.items},
               {"distinct", column.distinct}, {"is_constant", column.is_constant},
               {"is_label", is_label}};
  json["length"] = {{"least", column.length.least},
                    {"median", column.length.median},
                    {"p99", column.length.p99},
                    {"most", column.length.most}};
  if (column.range)
    json["range"] = {
        {"least", column.range->least}, {"mean", column.range->mean}, {"most", column.range->most}};
  json["most_frequent"] = texts_json(column.most_frequent, is_label);
  return json;
}

void report_split(const data::SplitFacts& split, const std::vector<std::string>& labels,
                  DataReport& report, Json& json) {
  auto& lines = report.lines;
  report.records = split.records;
  lines.push_back(count(split.records, "record"));
  json["repeated"] = split.repeated;
  if (split.repeated > 0)
    lines.push_back(count(split.repeated, "record") +
                    (split.repeated == 1 ? " repeats" : " repeat") +
                    " an earlier one, the first at " + split.first_repeat);
  for (const auto& passed : split.passed_over)
    lines.push_back("passed over: " + count(passed.count) + " " + passed.what + ", the first at " +
                    passed.first);
  json["columns"] = Json::array();
  for (const auto& column : split.columns) {
    const bool is_label = std::find(labels.begin(), labels.end(), column.name) != labels.end();
    lines.push_back(column_line(column, is_label));
    json["columns"].push_back(column_json(column, is_label));
  }
}

void report_overlap(const data::OverlapFacts& overlap, DataReport& report, Json& json) {
  report.lines.push_back(count(overlap.records, "record") +
                         (overlap.records == 1 ? " is" : " are") + " in " + overlap.earlier +
                         ", too: the first at " + overlap.first + ", there at " +
                         overlap.first_earlier);
  json["also_in"][overlap.earlier] = overlap.records;
}

void report_unseen(const data::UnseenFacts& unseen, const std::string& learned, DataReport& report,
                   Json& json) {
  std::string some;
  for (const auto& [text, number] : unseen.examples) {
    if (some.size() > 100) break;
    some += (some.empty() ? "'" : ", '") + text + "'";
  }
  report.lines.push_back(unseen.column + ": " + count(unseen.labels, "label") + " that " + learned +
                         " lacks, in " + count(unseen.records, "record") + ": " + some);
  json["unseen"][unseen.column] = {{"labels", unseen.labels},
                                   {"records", unseen.records},
                                   {"most_frequent", texts_json(unseen.examples, true)}};
}

}  // namespace

void report_records(const std::vector<std::pair<std::string, data::RecordsPtr>>& parts,
                    const std::vector<std::string>& labels,
                    const std::vector<DataReport*>& reports) {
  const auto found = data::describe(parts, {.same = {}, .labels = labels, .examples = kKeptTexts});
  for (size_t i = 0; i < parts.size(); ++i) {
    auto& report = *reports[i];
    auto json = Json::parse(report.json);
    report_split(found.splits[i], labels, report, json);
    for (const auto& overlap : found.overlaps)
      if (overlap.split == parts[i].first) report_overlap(overlap, report, json);
    for (const auto& unseen : found.unseen)
      if (unseen.split == parts[i].first) report_unseen(unseen, parts.front().first, report, json);
    report.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

}  // namespace heed
