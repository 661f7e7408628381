// One class of several: tokens are pooled, and a linear layer gives each class a logit.
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <array>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/nn/pooling.h"
#include "nn/linear.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/class_scorer.h"
#include "tasks/heads/classes.h"
#include "tasks/heads/dense.h"
#include "tasks/heads/unseen.h"

namespace heed {
namespace {

constexpr const char* kClassesFile = "classes.json";
constexpr const char* kClassTarget = "class";

enum class InitialLinear { normal, xavier };
constexpr std::array<const char*, 2> words(InitialLinear) { return {"normal", "xavier"}; }

enum class ClassMetric { accuracy, macro_f1, mcc, auc, loss };
constexpr std::array<const char*, 5> words(ClassMetric) {
  return {"accuracy", "macro_f1", "mcc", "auc", "loss"};
}

struct ClassHeadOptions {
  std::string column = "label";
  nn::PoolingOptions pool;
  DenseOptions dense;
  double dropout = 0;
  InitialLinear init = InitialLinear::normal;
  ClassMetric metric = ClassMetric::accuracy;
  bool calibrate = false;
  Unseen unseen = Unseen::refuse;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the class");
    v("pool", pool, "");
    v("dense", dense, "");
    v("dropout", dropout, "of the pooled tokens", from_to_below(0, 1));
    v("init", init, "of the linear layer: normal, 0.02 cut at two deviations, or xavier");
    v("metric", metric, "by which the best model is chosen");
    v("calibrate", calibrate,
      "divide logits by a temperature that is fitted on validation data after each epoch, so that "
      "probabilities mean what they say (Guo et al. 2017); no answer changes");
    v("unseen", unseen, "classes of valid and test that training never saw: refused, or wrong");
  }
};

/// tokens (B, L, M) -> logits (B, K): drop(dense(pool(tokens))) W + b, b zero at first.
class ClassModule : public torch::nn::Module {
 public:
  ClassModule(int64_t width, int64_t classes, const ClassHeadOptions& options) {
    pool = register_module("pool", nn::Pooling(width, options.pool));
    dense = make_dense(*this, width, options.dense);
    dropout = register_module("dropout", torch::nn::Dropout(options.dropout));
    linear = register_module("linear", options.init == InitialLinear::normal
                                           ? nn::small_linear(width, classes)
                                           : nn::xavier_linear(width, classes));
    if (options.calibrate) temperature = register_buffer("temperature", at::ones({}));
  }
  at::Tensor forward(const Tokens& tokens) {
    const auto pooled = through(dense, pool->forward(tokens.states, tokens.lengths));
    return nn::affine(linear, dropout->forward(pooled));
  }

  nn::Pooling pool{nullptr};
  std::shared_ptr<Dense> dense;
  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
  at::Tensor temperature;  ///< undefined: none is fitted
};

class ClassHead : public WithOptions<Head, ClassHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }
  std::vector<std::string> label_columns() const override { return columns(); }

  void learn(const Split& train, const Input&) override {
    classes_ = Classes::of(train, options.column);
  }
  Files files() const override { return {{kClassesFile, classes_.file()}}; }
  void load(const Files& files) override { classes_ = Classes::from_file(files, kClassesFile); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext& context) override {
    context_ = context;
    return module_ = std::make_shared<ClassModule>(encoder->width(), classes_.size(), options);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    std::vector<int64_t> targets;
    for (const int64_t example : examples)
      targets.push_back(classes_.number(split.value(example, options.column, draw)));
    batch.tensors[in_batch(kClassTarget)] = at::tensor(targets, at::kLong);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens).to(at::kFloat);  // (B, K)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto logits = output(tokens, batch);
    return {at::cross_entropy_loss(logits, batch.at(in_batch(kClassTarget)), {},
                                   at::Reduction::Mean, -100, context_.train.label_smoothing),
            logits.size(0)};
  }

  /// While a model trains, what the temperature is fitted to.
  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool quick) override {
    const ClassScoring scoring{quick ? 1 : temperature(), quick && options.calibrate, refuse_};
    return make_class_scorer(
        classes_,
        [this, scoring](const Tokens& tokens, const Batch& batch) {
          return ClassOutput{output(tokens, batch) / scoring.temperature,
                             batch.at(in_batch(kClassTarget)), batch.records};
        },
        scoring);
  }

  std::string validation_key() const override { return options.calibrate ? "calibrate" : ""; }
  void validated(const Scorer& scorer) override {
    if (options.calibrate) module_->temperature.fill_(scorer.temperature());
  }

  void answer_by(const AnswerOptions& answer) override {
    top_ = answer.top, refuse_ = answer.refuse;
    auto rest = answer;
    rest.top.reset(), rest.refuse.reset();
    Head::answer_by(rest);
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    const auto probabilities = (output(tokens, batch) / temperature()).softmax(1).to(at::kDouble);
    const auto [best, numbers] = probabilities.topk(std::min(top_.value_or(5), classes_.size()), 1);
    std::vector<Prediction> all;
    for (int64_t row = 0; row < best.size(0); ++row) {
      auto top = nlohmann::ordered_json::array();
      for (int64_t i = 0; i < best.size(1); ++i)
        top.push_back({{"class", classes_.name(numbers[row][i].item<int64_t>())},
                       {"probability", best[row][i].item<double>()}});
      char probability[32];
      std::snprintf(probability, sizeof probability, "%.4f", best[row][0].item<double>());
      const bool refused = refuse_ && best[row][0].item<double>() < *refuse_;
      nlohmann::ordered_json json;
      if (refused)
        json["refused"] = true;
      else
        json["class"] = top[0]["class"];
      json["probability"] = top[0]["probability"], json["top"] = top;
      const auto name = refused ? "refused" : top[0]["class"].get<std::string>();
      all.push_back({name + '\t' + probability,
                     json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
    }
    return all;
  }

  Aim aim(const Tokens& tokens, const Batch& batch, const Split&, const AimOptions& aimed,
          const Looked&) override {
    const auto best = output(tokens, batch)[0].argmax().item<int64_t>();
    const auto chosen = aimed_class(classes_, aimed, best, "class");
    const auto name = "'" + classes_.name(chosen) + "'";
    return {"the logit of " + name, "the probability of " + name,
            [this, chosen](const Tokens& of, const Batch& copies) {
              const auto logits = output(of, copies);
              return Aimed{logits.select(1, chosen),
                           (logits / temperature()).softmax(1).select(1, chosen)};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    return split.has(options.column) ? split.value(example, options.column) : "";
  }

  void check(const Split& split, bool training) const override {
    int64_t unknown = 0;
    std::string first;
    for (int64_t i = 0; i < split.size(); ++i) {
      const auto value = split.value(i, options.column);
      if (value.empty())
        throw DataError(split.place(i) + ": the column '" + options.column +
                        "' is empty; expected a class");
      if (classes_.number(value) >= 0) continue;
      if (unknown++ == 0) first = split.place(i) + ": the class '" + value + "'";
    }
    if (unknown > 0 && (training || options.unseen == Unseen::refuse))
      throw DataError(
          first + " is none of the training data's" + nor_are_others(unknown, "example") +
          "; correct them, leave them out, or count them as wrong by head.unseen = \"wrong\"");
  }

  SelectionMetric selection_metric() const override {
    return {word_of(options.metric), options.metric != ClassMetric::loss};
  }

  Metrics stats(const Split& split) const override {
    std::vector<int64_t> counts(static_cast<size_t>(classes_.size()));
    for (int64_t i = 0; i < split.size(); ++i) {
      const auto number = classes_.number(split.value(i, options.column));
      if (number >= 0) ++counts[static_cast<size_t>(number)];
    }
    Metrics stats;
    for (int64_t i = 0; i < classes_.size(); ++i)
      stats.emplace_back("of the class " + classes_.name(i),
                         static_cast<double>(counts[static_cast<size_t>(i)]));
    return stats;
  }

 private:
  double temperature() const { return options.calibrate ? module_->temperature.item<double>() : 1; }

  Classes classes_;
  HeadContext context_;
  std::shared_ptr<ClassModule> module_;
  std::optional<int64_t> top_;
  std::optional<double> refuse_;
};

}  // namespace

std::shared_ptr<Head> make_class_head() { return std::make_shared<ClassHead>(); }

}  // namespace heed
