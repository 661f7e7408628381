#include "tasks/heads/written_scorer.h"

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "tasks/collected.h"
#include "tasks/heads/text_references.h"

namespace heed {
namespace {

class WrittenScorer : public Scorer {
 public:
  WrittenScorer(TextWriter writer, const TextMetricOptions& metric, SplitPtr split, bool writes,
                TextBatchOf batch_of, WrittenColumns columns, const WrittenBaselines& baselines)
      : writer_(std::move(writer)),
        metric_(metric),
        split_(std::move(split)),
        writes_(writes),
        batch_of_(std::move(batch_of)),
        columns_(std::move(columns)),
        baselines_(baselines),
        first_(first_of_sources(*split_, columns_.references)) {}

  /// What an encoder gave of a batch is too large to be kept: its texts are written at once.
  void add(const Tokens& tokens, const Batch& batch) override {
    const auto texts = batch_of_(tokens, batch);
    if (writer_.models.size() == 1) loss_.add(*writer_.models.front(), texts);
    pairs_ += batch.size();
    if (!writes_) return;
    const auto start = std::chrono::steady_clock::now();
    std::vector<int64_t> rows, records;  // the first of each source
    for (int64_t i = 0; i < batch.size(); ++i) {
      const auto record = batch.records.data_ptr<int64_t>()[i];
      if (first_[static_cast<size_t>(record)] == record)
        rows.push_back(i), records.push_back(record);
    }
    if (rows.empty()) return;
    auto next = records.begin();
    for (const auto& found : writer_.write_from(rows_of_source(texts.source, rows))) {
      written_[*next++] = writer_.text(found.front());
      tokens_ += std::ssize(found.front().tokens);
    }
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  bool collected(Collected& state) override {
    loss_.collected(state);
    state(pairs_), state(written_), state(tokens_), state(seconds_);
    return true;
  }

  Metrics metrics() override {
    Metrics all;
    if (writes_) {
      std::vector<std::string> written;
      for (const auto& [record, text] : written_) written.push_back(text);
      all = text_metrics(metric_, written, expected());
    }
    if (writer_.models.size() == 1) {
      const auto losses = loss_.metrics();
      all.insert(all.end(), losses.begin(), losses.end());
    }
    return all;
  }

  Metrics baseline() const override {
    if (!writes_) return {};
    std::vector<int64_t> records;
    for (const auto& [record, text] : written_) records.push_back(record);
    const auto right = expected();
    Metrics all;
    for (const auto& [name, texts] : baselines_.texts(*split_, records))
      for (const auto& [metric, value] : text_metrics(metric_, texts, right))
        all.emplace_back("baseline_" + name + metric, value);
    return all;
  }

  /// The text of its source for each record, so that lines stand beside those of the data.
  std::vector<std::string> outputs() const override {
    if (!writes_) return {};
    std::vector<std::string> lines;
    for (const int64_t first : first_) {
      const auto found = written_.find(first);
      lines.push_back(found == written_.end() ? "" : as_line(found->second));
    }
    return lines;
  }

  std::string details() const override {
    nlohmann::ordered_json json = {{"pairs", pairs_}, {"left_out", split_->size() - pairs_}};
    if (!writes_) return json.dump();
    if (!columns_.references.empty()) json["sources"] = written_.size();
    add_writing(json, metric_, references_of_each(), tokens_, seconds_);
    return json.dump();
  }
  std::string report() const override { return as_lines(details()); }

 private:
  static SourceBatch rows_of_source(const SourceBatch& source, const std::vector<int64_t>& rows) {
    if (std::ssize(rows) == source.states.size(0)) return source;
    const auto index = at::tensor(rows, at::kLong);
    return {.lengths = source.lengths.index_select(0, index),
            .states = source.states.index_select(0, index)};
  }

  /// All texts of each source that was written about, in the order of the first ones.
  ReferencesOfLines expected() const {
    std::map<int64_t, std::vector<std::string>> texts;
    for (size_t i = 0; i < first_.size(); ++i)
      if (written_.contains(first_[i]))
        texts[first_[i]].push_back(split_->value(static_cast<int64_t>(i), columns_.text));
    ReferencesOfLines all;
    for (auto& [record, own] : texts) all.push_back(std::move(own));
    return all;
  }

  /// How many texts each source has; 0 where their number differs.
  size_t references_of_each() const {
    const auto all = expected();
    for (const auto& own : all)
      if (own.size() != all.front().size()) return 0;
    return all.empty() ? 0 : all.front().size();
  }

  TextWriter writer_;
  TextMetricOptions metric_;
  SplitPtr split_;
  bool writes_;
  TextBatchOf batch_of_;
  WrittenColumns columns_;
  const WrittenBaselines& baselines_;
  std::vector<int64_t> first_;  // of each record, the first one of its source
  TextMeanLoss loss_;
  std::map<int64_t, std::string> written_;  // of the first record of each source
  int64_t pairs_ = 0, tokens_ = 0;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Scorer> make_written_scorer(TextWriter writer, const TextMetricOptions& metric,
                                            SplitPtr split, bool writes, TextBatchOf batch_of,
                                            WrittenColumns columns,
                                            const WrittenBaselines& baselines) {
  return std::make_unique<WrittenScorer>(std::move(writer), metric, std::move(split), writes,
                                         std::move(batch_of), std::move(columns), baselines);
}

}  // namespace heed
