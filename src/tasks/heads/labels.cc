// Several labels at once: tokens are pooled, and a linear layer gives each label a logit.
#include <array>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/label_sets.h"
#include "tasks/heads/labels_scorer.h"
#include "tasks/heads/pooled.h"
#include "tasks/heads/unseen.h"

namespace heed {
namespace {

constexpr const char* kLabelsFile = "labels.json";
constexpr const char* kLabelsTarget = "labels";
constexpr const char* kUnseenLabels = "unseen";

enum class LabelsMetric { micro_f1, macro_f1, average_precision, subset_accuracy, loss };
constexpr std::array<const char*, 5> words(LabelsMetric) {
  return {"micro_f1", "macro_f1", "average_precision", "subset_accuracy", "loss"};
}

struct LabelsHeadOptions : PooledOptions {
  std::string column = "labels";
  std::string separator = ",";
  double threshold = 0.5;
  LabelsMetric metric = LabelsMetric::micro_f1;
  Unseen unseen = Unseen::refuse;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the labels: lists, or texts with separators; empty: no label");
    v("separator", separator, "between labels of a text; blanks around labels do not count");
    PooledOptions::fields(v);
    v("threshold", threshold, "probability from which on an example has a label", between(0, 1));
    v("metric", metric, "by which the best model is chosen");
    v("unseen", unseen, "labels of valid and test that training never saw: refused, or missed");
  }
  void check() const {
    if (separator.empty()) throw ModelError("separator: expected at least one character");
  }
};

class LabelsHead : public WithOptions<Head, LabelsHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }

  void learn(const Split& train, const Input&) override {
    sets_ = LabelSets::of(train, options.column, options.separator);
  }
  Files files() const override { return {{kLabelsFile, sets_.file()}}; }
  void load(const Files& files) override { sets_ = LabelSets::from_file(files, kLabelsFile); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext&) override {
    return module_ = std::make_shared<PooledLinear>(encoder->width(), sets_.labels.size(), options);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw&,
                   Batch& batch) const override {
    std::vector<int64_t> targets, unseen;
    for (const int64_t example : examples) {
      auto labels = labels_at(split, example);
      const auto unknown = [&](const std::string& label) { return sets_.labels.number(label) < 0; };
      unseen.push_back(static_cast<int64_t>(std::erase_if(labels, unknown)));
      const auto row = sets_.row(labels, split.place(example));
      targets.insert(targets.end(), row.begin(), row.end());
    }
    batch.tensors[in_batch(kLabelsTarget)] =
        at::tensor(targets, at::kLong).view({std::ssize(examples), sets_.labels.size()});
    batch.tensors[in_batch(kUnseenLabels)] = at::tensor(unseen, at::kLong);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, K)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto logits = output(tokens, batch);
    const auto targets = batch.at(in_batch(kLabelsTarget)).to(logits.dtype());
    return {at::binary_cross_entropy_with_logits(logits, targets), logits.size(0)};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    return make_labels_scorer(
        sets_, options.threshold, [this](const Tokens& tokens, const Batch& batch) {
          return LabelsOutput{output(tokens, batch), batch.at(in_batch(kLabelsTarget)),
                              batch.at(in_batch(kUnseenLabels)), batch.records};
        });
  }

  void answer_by(const AnswerOptions& answer) override {
    top_ = answer.top;
    auto rest = answer;
    rest.top.reset();
    Head::answer_by(rest);
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    const auto probabilities = output(tokens, batch).sigmoid().to(at::kDouble);
    const auto [best, numbers] =
        probabilities.topk(std::min(top_.value_or(5), sets_.labels.size()), 1);
    std::vector<Prediction> all;
    for (int64_t row = 0; row < best.size(0); ++row) {
      nlohmann::ordered_json json{{"labels", nlohmann::ordered_json::array()}};
      std::string text;
      for (int64_t k = 0; k < sets_.labels.size(); ++k) {
        if (probabilities[row][k].item<double>() < options.threshold) continue;
        json["labels"].push_back(sets_.labels.name(k));
        text += (text.empty() ? "" : ",") + sets_.labels.name(k);
      }
      for (int64_t i = 0; i < best.size(1); ++i)
        json["top"].push_back({{"label", sets_.labels.name(numbers[row][i].item<int64_t>())},
                               {"probability", best[row][i].item<double>()}});
      all.push_back({text, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
    }
    return all;
  }

  Aim aim(const Tokens& tokens, const Batch& batch, const Split&, const AimOptions& aimed,
          const Looked&) override {
    const auto best = output(tokens, batch)[0].argmax().item<int64_t>();
    const auto chosen = aimed_class(sets_.labels, aimed, best, "label");
    const auto name = "'" + sets_.labels.name(chosen) + "'";
    return {"the logit of " + name, "the probability of " + name,
            [this, chosen](const Tokens& of, const Batch& copies) {
              const auto logit = output(of, copies).select(1, chosen);
              return Aimed{logit, logit.sigmoid()};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    if (!split.has(options.column)) return "";
    std::string text;
    for (const auto& label : labels_at(split, example)) text += (text.empty() ? "" : ",") + label;
    return text;
  }
  void check(const Split& split, bool training) const override {
    int64_t unknown = 0;
    std::string first, nearest;
    for (int64_t i = 0; i < split.size(); ++i)
      for (const auto& label : labels_at(split, i)) {
        if (sets_.labels.number(label) >= 0 || unknown++ > 0) continue;
        first = split.place(i) + ": the label '" + label + "'";
        nearest = suggestion(label, sets_.labels.names());
      }
    if (unknown > 0 && (training || options.unseen == Unseen::refuse))
      throw DataError(first + " is none of the training data's" +
                      (unknown > 1 ? ", nor are " + std::to_string(unknown - 1) + " more" : "") +
                      nearest +
                      "; correct them, leave them out, or count them as missed by head.unseen = "
                      "\"wrong\"");
  }
  SelectionMetric selection_metric() const override {
    return {word_of(options.metric), options.metric != LabelsMetric::loss};
  }
  Metrics stats(const Split& split) const override {
    double labels = 0;
    for (int64_t i = 0; i < split.size(); ++i)
      labels += static_cast<double>(labels_at(split, i).size());
    return {{"labels an example", labels / static_cast<double>(split.size())}};
  }

 private:
  std::vector<std::string> labels_at(const Split& split, int64_t example) const {
    return labels_of(split, example, options.column, options.separator);
  }

  LabelSets sets_;
  std::shared_ptr<PooledLinear> module_;
  std::optional<int64_t> top_;
};

}  // namespace

std::shared_ptr<Head> make_labels_head() { return std::make_shared<LabelsHead>(); }

}  // namespace heed
