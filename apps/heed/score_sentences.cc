// Metrics of sentences in columns: spans of tags, parts of speech, semantic roles.
#include <algorithm>

#include "heed/core/error.h"
#include "heed/metrics/spans.h"
#include "heed/metrics/srl.h"
#include "heed/metrics/upos.h"
#include "score.h"
#include "score_files.h"

namespace heed::cli {
namespace {

// Columns of CoNLL-U, and behind them those of CoNLL-U Plus with roles.
constexpr size_t kForm = 1, kUpos = 3, kSense = 10, kFirstRole = 11;

using Sentences = std::vector<SentenceRows>;

std::pair<Sentences, Sentences> sentences_of_both(const ScoreFlags& flags, Columns columns) {
  auto predicted = sentences_of_file(flags.predicted, columns);
  auto expected = sentences_of_file(flags.references[0], columns);
  check_same_length(flags.predicted, predicted.size(), flags.references[0], expected.size(),
                    "sentences");
  for (size_t s = 0; s < predicted.size(); ++s) {
    if (predicted[s].rows.size() == expected[s].rows.size()) continue;
    throw DataError(predicted[s].place + ": expected as many words as the " +
                    std::to_string(expected[s].rows.size()) + " of the sentence at " +
                    expected[s].place + ", given " + std::to_string(predicted[s].rows.size()));
  }
  return {std::move(predicted), std::move(expected)};
}

const std::string& cell(const SentenceRows& sentence, size_t row, size_t column) {
  const auto& cells = sentence.rows[row];
  if (column < cells.size()) return cells[column];
  throw DataError(sentence.place + ": word " + std::to_string(row + 1) + ": expected at least " +
                  std::to_string(column + 1) + " columns, given " + std::to_string(cells.size()));
}

/// The last column of every word.
std::vector<std::vector<std::string>> last_columns(const Sentences& sentences) {
  std::vector<std::vector<std::string>> tags;
  for (const auto& sentence : sentences) {
    auto& own = tags.emplace_back();
    for (const auto& row : sentence.rows) own.push_back(row.back());
  }
  return tags;
}

/// Universal PropBank of English leaves some such cells empty.
bool is_none(const std::string& cell) { return cell.empty() || cell == "_"; }

std::vector<std::vector<SrlArgument>> arguments_of(const Sentences& sentences) {
  std::vector<std::vector<SrlArgument>> all;
  for (const auto& sentence : sentences) {
    std::vector<int64_t> predicates;
    for (size_t i = 0; i < sentence.rows.size(); ++i)
      if (!is_none(cell(sentence, i, kSense))) predicates.push_back(static_cast<int64_t>(i));
    auto& arguments = all.emplace_back();
    for (size_t i = 0; i < sentence.rows.size(); ++i) {
      const auto& row = sentence.rows[i];
      const size_t columns = kFirstRole + predicates.size();
      const auto more = row.begin() + static_cast<std::ptrdiff_t>(std::min(columns, row.size()));
      const bool none = std::all_of(more, row.end(), is_none);
      if (row.size() < columns || !none) {  // files have a column "_" where there is no predicate
        throw DataError(sentence.place + ": word " + std::to_string(i + 1) + ": expected " +
                        std::to_string(columns) + " columns, " + std::to_string(kFirstRole) +
                        " and one for each of the sentence's " + std::to_string(predicates.size()) +
                        " predicates, given " + std::to_string(row.size()));
      }
      for (size_t p = 0; p < predicates.size(); ++p)
        if (!is_none(row[kFirstRole + p]))
          arguments.push_back({predicates[p], static_cast<int64_t>(i), row[kFirstRole + p]});
    }
  }
  return all;
}

Metrics figures(const MatchCounts& counts) {
  return {{"precision", counts.precision()}, {"recall", counts.recall()}, {"f1", counts.f1()}};
}

ScoreRow by_type(const std::map<std::string, MatchCounts>& types) {
  ScoreRow rows = ScoreRow::object();
  for (const auto& [type, counts] : types)
    rows[type] = {{"precision", counts.precision()},
                  {"recall", counts.recall()},
                  {"f1", counts.f1()},
                  {"expected", counts.expected}};
  return rows;
}

}  // namespace

ScoreRow spans_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = sentences_of_both(flags, Columns::kSpaced);
  const auto scores =
      score_tags(last_columns(predicted), last_columns(expected), tag_scheme(flags.scheme));
  auto values = figures(scores.all);
  values.emplace_back("macro_f1", scores.macro_f1());
  auto row = row_of("spans", "scheme:" + flags.scheme, values);
  row["types"] = by_type(scores.types);
  return row;
}

ScoreRow upos_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = sentences_of_both(flags, Columns::kTabbed);
  std::vector<std::vector<std::string>> own, right;
  for (size_t s = 0; s < predicted.size(); ++s) {
    own.emplace_back(), right.emplace_back();
    for (size_t i = 0; i < predicted[s].rows.size(); ++i) {
      own.back().push_back(cell(predicted[s], i, kUpos));
      right.back().push_back(cell(expected[s], i, kUpos));
      const auto &form = cell(predicted[s], i, kForm), &gold = cell(expected[s], i, kForm);
      if (form != gold)
        throw DataError(predicted[s].place + ": word " + std::to_string(i + 1) + ": expected '" +
                        gold + "', the word at " + expected[s].place + ", given '" + form + "'");
    }
  }
  return row_of("upos", "", {{"accuracy", tag_accuracy(own, right)}});
}

ScoreRow srl_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = sentences_of_both(flags, Columns::kTabbed);
  const auto scores = score_srl(arguments_of(predicted), arguments_of(expected));
  auto values = figures(scores.labelled);
  values.emplace_back("unlabelled_f1", scores.unlabelled.f1());
  auto row = row_of("srl", "v:no|senses:no", values);
  row["roles"] = by_type(scores.roles);
  return row;
}

}  // namespace heed::cli
