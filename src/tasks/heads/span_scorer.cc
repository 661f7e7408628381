#include "tasks/heads/span_scorer.h"

#include <algorithm>

#include "heed/metrics/answers.h"
#include "tasks/collected.h"

namespace heed {
namespace {

class SpanScorer : public Scorer {
 public:
  SpanScorer(SplitPtr split, const SpansHeadOptions& options, SpanOutputOf output)
      : split_(std::move(split)), options_(options), output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    auto output = output_(tokens, batch);
    loss_ += output.loss, with_loss_ += output.examples;
    for (size_t i = 0; i < output.found.size(); ++i) {
      const auto example = batch.records[static_cast<int64_t>(i)].item<int64_t>();
      std::vector<std::string> right;
      for (auto& answer : answers_of(*split_, example, options_))
        right.push_back(std::move(answer.text));
      rows_.push_back({example, std::move(output.found[i].text), std::move(right)});
    }
  }

  bool collected(Collected& state) override {
    state(loss_), state(with_loss_), state(rows_);
    return true;
  }

  Metrics metrics() override {
    std::sort(rows_.begin(), rows_.end(),
              [](const auto& a, const auto& b) { return a.example < b.example; });
    AnswerSums all, answered, unanswerable;
    for (const auto& row : rows_) {
      const auto own = scores_of(row.found, row.right);
      all.add(own);
      (row.right.empty() ? unanswerable : answered).add(own);
    }
    Metrics metrics{{"exact", all.exact()}, {"f1", all.f1()}};
    if (options_.learns_no_answer()) {
      metrics.emplace_back("has_answer_exact", answered.exact());
      metrics.emplace_back("has_answer_f1", answered.f1());
      metrics.emplace_back("no_answer_accuracy", unanswerable.exact());
    }
    if (with_loss_ < std::ssize(rows_))
      metrics.emplace_back("cut_off", static_cast<double>(std::ssize(rows_) - with_loss_));
    if (with_loss_ > 0) metrics.emplace_back("loss", loss_ / static_cast<double>(with_loss_));
    return metrics;
  }

  Metrics baseline() const override {
    AnswerSums all, nothing;
    for (const auto& row : rows_) {
      all.add(scores_of(sentence_like(split_->value(row.example, options_.question),
                                      split_->value(row.example, options_.context)),
                        row.right));
      nothing.add(scores_of("", row.right));
    }
    Metrics metrics{{"baseline_exact", all.exact()}, {"baseline_f1", all.f1()}};
    if (options_.learns_no_answer()) metrics.emplace_back("baseline_no_answer_f1", nothing.f1());
    return metrics;
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& row : rows_) {
      auto& line = lines.emplace_back(row.found);
      std::replace_if(
          line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    }
    return lines;
  }

 private:
  struct Row {
    int64_t example;
    std::string found;
    std::vector<std::string> right;  // empty: the question has no answer

    template <class V>
    void members(V& v) {
      v(example), v(found), v(right);
    }
  };
  struct AnswerSums {
    AnswerScores sum;
    int64_t count = 0;
    void add(const AnswerScores& own) { sum.exact += own.exact, sum.f1 += own.f1, ++count; }
    double exact() const { return count == 0 ? 0 : sum.exact / static_cast<double>(count); }
    double f1() const { return count == 0 ? 0 : sum.f1 / static_cast<double>(count); }
  };

  AnswerScores scores_of(const std::string& found, const std::vector<std::string>& right) const {
    if (right.empty()) return {found.empty() ? 1.0 : 0.0, found.empty() ? 1.0 : 0.0};
    return {exact_match(found, right, options_.language) ? 1.0 : 0.0,
            answer_f1(found, right, options_.language)};
  }

  SplitPtr split_;
  SpansHeadOptions options_;
  SpanOutputOf output_;
  double loss_ = 0;
  int64_t with_loss_ = 0;
  std::vector<Row> rows_;
};

}  // namespace

std::unique_ptr<Scorer> make_span_scorer(SplitPtr split, const SpansHeadOptions& options,
                                         SpanOutputOf output) {
  return std::make_unique<SpanScorer>(std::move(split), options, std::move(output));
}

}  // namespace heed
