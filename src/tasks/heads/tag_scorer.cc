#include "tasks/heads/tag_scorer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/metrics/srl.h"
#include "heed/metrics/upos.h"
#include "tasks/collected.h"
#include "tasks/heads/tag_lines.h"

namespace heed {
namespace {

using AllTags = std::vector<std::vector<std::string>>;

/// An example has one predicate, so that examples stand for sentences.
std::vector<std::vector<SrlArgument>> arguments_of(const AllTags& tags) {
  std::vector<std::vector<SrlArgument>> all;
  for (const auto& own : tags) {
    auto& arguments = all.emplace_back();
    for (size_t i = 0; i < own.size(); ++i)
      if (own[i] != "_") arguments.push_back({0, static_cast<int64_t>(i), own[i]});
  }
  return all;
}

std::map<std::string, MatchCounts> counts_of_tags(const AllTags& found, const AllTags& expected) {
  std::map<std::string, MatchCounts> counts;
  for (size_t s = 0; s < found.size(); ++s) {
    for (size_t i = 0; i < found[s].size(); ++i) {
      ++counts[found[s][i]].predicted, ++counts[expected[s][i]].expected;
      counts[expected[s][i]].correct += found[s][i] == expected[s][i];
    }
  }
  return counts;
}

void add_figures(Metrics& all, const MatchCounts& counts) {
  all.emplace_back("precision", counts.precision());
  all.emplace_back("recall", counts.recall());
  all.emplace_back("f1", counts.f1());
}

class TagScorer : public Scorer {
 public:
  TagScorer(SplitPtr split, const TagsHeadOptions& options, const TagBaseline& baseline,
            TagOutputOf output)
      : split_(std::move(split)),
        options_(options),
        baseline_(baseline),
        output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    auto found = output_(tokens, batch);
    loss_ += found.loss, words_ += found.words;
    for (size_t i = 0; i < found.tags.size(); ++i) {
      add_row(batch.records[static_cast<int64_t>(i)].item<int64_t>(), std::move(found.tags[i]));
    }
  }

  bool collected(Collected& state) override {
    std::map<int64_t, std::vector<std::string>> found;
    for (const auto& row : rows_) found[row.example] = row.found;
    rows_.clear();
    state(loss_), state(words_), state(found);
    for (auto& [example, tags] : found) add_row(example, std::move(tags));
    return true;
  }

  Metrics metrics() override {
    std::sort(rows_.begin(), rows_.end(),
              [](const auto& a, const auto& b) { return a.example < b.example; });
    AllTags found;
    for (const auto& row : rows_) found.push_back(row.found);
    auto all = metrics_of(found);
    if (words_ > 0) all.emplace_back("loss", loss_ / static_cast<double>(words_));
    return all;
  }

  Metrics baseline() const override;

  std::vector<std::string> outputs() const override { return conll_of(*split_, options_, rows_); }
  std::string details() const override { return nlohmann::ordered_json{{"tags", types()}}.dump(); }
  std::string report() const override;

 private:
  AllTags expected() const {
    AllTags all;
    for (const auto& row : rows_) all.push_back(row.expected);
    return all;
  }
  void add_row(int64_t example, std::vector<std::string> found) {
    auto sentence = tagged_sentence(*split_, example, options_);
    auto expected = tags_of(*split_, example, options_, sentence.words.size());
    rows_.push_back({example, std::move(sentence), std::move(found), std::move(expected)});
  }
  Metrics metrics_of(const AllTags& found);
  double accuracy_of_unknown(const AllTags& found) const;
  nlohmann::ordered_json types() const;

  SplitPtr split_;
  TagsHeadOptions options_;
  const TagBaseline& baseline_;
  TagOutputOf output_;
  double loss_ = 0;
  int64_t words_ = 0;
  std::vector<ScoredTags> rows_;
  std::map<std::string, MatchCounts> types_;
};

Metrics TagScorer::metrics_of(const AllTags& found) {
  Metrics all;
  const auto right = expected();
  if (options_.has_spans()) {
    const auto scores = score_tags(found, right);
    types_ = scores.types;
    add_figures(all, scores.all);
    all.emplace_back("f1_strict",
                     score_tags(found, right, tag_scheme(word_of(options_.scheme))).all.f1());
  } else if (options_.has_roles()) {
    const auto scores = score_srl(arguments_of(found), arguments_of(right));
    types_ = scores.roles;
    add_figures(all, scores.labelled);
    all.emplace_back("f1_unlabelled", scores.unlabelled.f1());
  } else {
    types_ = counts_of_tags(found, right);
    all.emplace_back("accuracy", tag_accuracy(found, right));
    const auto unknown = accuracy_of_unknown(found);
    if (unknown >= 0) all.emplace_back("accuracy_unknown", unknown);
  }
  return all;
}

/// -1 where training had all words.
double TagScorer::accuracy_of_unknown(const AllTags& found) const {
  int64_t words = 0, right = 0;
  for (size_t s = 0; s < rows_.size(); ++s) {
    for (size_t i = 0; i < found[s].size(); ++i) {
      if (baseline_.knows(rows_[s].sentence.words[i].text)) continue;
      ++words, right += found[s][i] == rows_[s].expected[i];
    }
  }
  return words > 0 ? static_cast<double>(right) / static_cast<double>(words) : -1;
}

Metrics TagScorer::baseline() const {
  if (options_.has_spans()) {
    std::vector<std::vector<Span>> found, right;
    for (const auto& row : rows_) {
      found.push_back(baseline_.spans(row.sentence));
      right.push_back(spans_of_tags(row.expected));
    }
    return {{"baseline_f1", score_spans(found, right).all.f1()}};
  }
  AllTags found;
  for (const auto& row : rows_) found.push_back(baseline_.tags(row.sentence));
  if (options_.has_roles())
    return {
        {"baseline_f1", score_srl(arguments_of(found), arguments_of(expected())).labelled.f1()}};
  return {{"baseline_accuracy", tag_accuracy(found, expected())}};
}

nlohmann::ordered_json TagScorer::types() const {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& [type, counts] : types_)
    rows.push_back({{"tag", type},
                    {"expected", counts.expected},
                    {"precision", counts.precision()},
                    {"recall", counts.recall()},
                    {"f1", counts.f1()}});
  return rows;
}

std::string TagScorer::report() const {
  std::string text = "\nexpected precision    recall        f1  tag\n";
  for (const auto& [type, counts] : types_) {
    char line[80];
    std::snprintf(line, sizeof line, "%8lld %9.4f %9.4f %9.4f  ",
                  static_cast<long long>(counts.expected), counts.precision(), counts.recall(),
                  counts.f1());
    text += line + printable(type) + "\n";
  }
  return text;
}

}  // namespace

std::unique_ptr<Scorer> make_tag_scorer(SplitPtr split, const TagsHeadOptions& options,
                                        const TagBaseline& baseline, TagOutputOf output) {
  return std::make_unique<TagScorer>(std::move(split), options, baseline, std::move(output));
}

}  // namespace heed
