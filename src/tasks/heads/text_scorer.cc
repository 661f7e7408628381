#include "tasks/heads/text_scorer.h"

#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/as_line.h"
#include "heed/data/sequence_loader.h"
#include "heed/ops/cross_entropy.h"
#include "tasks/collected.h"

namespace heed {

TextLoss text_loss(SequenceModel& model, const TextBatch& batch, double label_smoothing) {
  const auto hidden = model.hidden(batch.source, batch.target);  // (B, Lt, M)
  const auto found = linear_cross_entropy(
      hidden.flatten(0, 1), model.output_weight(), model.output_bias(), batch.labels.flatten(),
      {.label_smoothing = label_smoothing, .softcap = model.output_softcap()});
  return {found.loss, found.nll, found.count};
}

void TextMeanLoss::add(SequenceModel& model, const TextBatch& batch) {
  const auto part = text_loss(model, batch);
  sum_ += part.nll, count_ += part.count;
}

void TextMeanLoss::collected(Collected& state) { state(sum_), state(count_); }

Metrics TextMeanLoss::metrics() const {
  const double loss = sum_ / static_cast<double>(count_);
  return {{"loss", loss}, {"perplexity", std::exp(loss)}};
}

std::string as_lines(const std::string& object) {
  std::string lines;
  const auto json = nlohmann::ordered_json::parse(object);
  for (const auto& [name, value] : json.items())
    lines += name + '\t' + (value.is_string() ? value.get<std::string>() : value.dump()) + '\n';
  return lines;
}

namespace {

class TextScorer : public Scorer {
 public:
  TextScorer(TextWriter writer, const TextMetricOptions& metric, SplitPtr split, bool writes,
             TextBatchOf batch_of)
      : writer_(std::move(writer)),
        metric_(metric),
        split_(std::move(split)),
        writes_(writes),
        batch_of_(std::move(batch_of)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto texts = batch_of_(tokens, batch);
    if (!several()) loss_.add(*writer_.models.front(), texts);
    auto rows = rows_of(batch.at("source"), batch.at("source_lengths"));
    const auto* records = batch.records.data_ptr<int64_t>();
    for (size_t i = 0; i < rows.size(); ++i) sources_[records[i]] = std::move(rows[i]);
  }

  /// A process writes the texts of its own sources.
  bool collected(Collected& state) override {
    if (writes_) write();
    loss_.collected(state);
    state(sources_), state(written_of_), state(tokens_), state(seconds_);
    return true;
  }

  Metrics metrics() override {
    Metrics all;
    if (writes_) {
      write();
      for (const auto& [record, text] : written_of_) written_.push_back(text);
      all = text_metrics(metric_, written_, expected());
    }
    if (!several()) {
      const auto losses = loss_.metrics();
      all.insert(all.end(), losses.begin(), losses.end());
    }
    return all;
  }

  Metrics baseline() const override {
    if (!writes_) return {};
    return baseline_metrics(metric_, texts("source"), expected());
  }
  /// Pairs that are left out have empty lines, so that lines stand beside those of the corpus.
  std::vector<std::string> outputs() const override {
    if (!writes_) return {};
    std::vector<std::string> lines(static_cast<size_t>(split_->size()));
    auto next = written_.begin();
    for (const auto& [record, source] : sources_)
      lines[static_cast<size_t>(record)] = as_line(*next++);
    return lines;
  }

  std::string details() const override {
    nlohmann::ordered_json json = {{"pairs", sources_.size()},
                                   {"left_out", split_->size() - std::ssize(sources_)}};
    if (!writes_) return json.dump();
    add_writing(json, metric_, 1, tokens_, seconds_);
    return json.dump();
  }
  std::string report() const override { return as_lines(details()); }

 private:
  bool several() const { return writer_.models.size() > 1; }

  /// The texts of sources that have none yet.
  void write() {
    const auto start = std::chrono::steady_clock::now();
    TokenLists sources;
    std::vector<int64_t> records;
    for (const auto& [record, source] : sources_)
      if (!written_of_.contains(record)) records.push_back(record), sources.push_back(source);
    if (sources.empty()) return;
    auto record = records.begin();
    for (const auto& found : writer_.write(sources)) {
      written_of_[*record++] = writer_.text(found.front());
      tokens_ += std::ssize(found.front().tokens);
    }
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  std::vector<std::string> texts(const std::string& column) const {
    std::vector<std::string> all;
    for (const auto& [record, source] : sources_) all.push_back(split_->value(record, column));
    return all;
  }
  ReferencesOfLines expected() const {
    ReferencesOfLines all;
    for (auto& text : texts("target")) all.push_back({std::move(text)});
    return all;
  }

  TextWriter writer_;
  TextMetricOptions metric_;
  SplitPtr split_;
  std::map<int64_t, std::vector<int64_t>> sources_;  // of the pairs that are measured
  bool writes_;
  TextBatchOf batch_of_;
  TextMeanLoss loss_;
  std::map<int64_t, std::string> written_of_;  // of each record
  std::vector<std::string> written_;           // the same, in order
  int64_t tokens_ = 0;
  double seconds_ = 0;
};

class CorpusScorer : public Scorer {
 public:
  CorpusScorer(SequenceModelPtr model, const TokenCounts& counts,
               std::shared_ptr<const CorpusSplit> split)
      : model_(std::move(model)), counts_(counts), split_(std::move(split)) {
    model_->reset_state();
  }
  ~CorpusScorer() override { model_->reset_state(); }

  void add(const Tokens&, const Batch& batch) override {
    loss_.add(*model_, {{}, batch.at("target"), batch.at("labels")});
  }

  bool collected(Collected& state) override {
    loss_.collected(state);
    return true;
  }

  Metrics metrics() override {
    auto all = loss_.metrics();
    all.emplace_back("nats_per_character",
                     loss_.sum() / static_cast<double>(split_->text().characters() - 1));
    return all;
  }

  Metrics baseline() const override {
    const auto seen = std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
    const double all = static_cast<double>(seen + std::ssize(counts_));
    const auto& tokens = *split_->tokens();
    double sum = 0;
    for (size_t i = 1; i < tokens.size(); ++i)
      sum -= std::log(static_cast<double>(counts_.at(static_cast<size_t>(tokens[i])) + 1) / all);
    const double loss = sum / static_cast<double>(tokens.size() - 1);
    return {{"baseline_loss", loss}, {"baseline_perplexity", std::exp(loss)}};
  }

  std::string details() const override {
    return nlohmann::ordered_json{{"tokens", loss_.count()},
                                  {"characters", split_->text().characters()}}
        .dump();
  }
  std::string report() const override { return as_lines(details()); }

 private:
  SequenceModelPtr model_;
  const TokenCounts& counts_;
  std::shared_ptr<const CorpusSplit> split_;
  TextMeanLoss loss_;
};

}  // namespace

std::unique_ptr<Scorer> make_text_scorer(TextWriter writer, const TextMetricOptions& metric,
                                         SplitPtr split, bool writes, TextBatchOf batch_of) {
  return std::make_unique<TextScorer>(std::move(writer), metric, std::move(split), writes,
                                      std::move(batch_of));
}

std::unique_ptr<Scorer> make_corpus_scorer(SequenceModelPtr model, const TokenCounts& counts,
                                           std::shared_ptr<const CorpusSplit> split) {
  return std::make_unique<CorpusScorer>(std::move(model), counts, std::move(split));
}

}  // namespace heed
