// heed eval, task classify: a trained classifier meets labelled images.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/tasks/classify.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// Of each class: how many records have it, precision, recall and F1 (0 where nothing can be
/// divided by).
nlohmann::ordered_json per_class(const Evaluation& result, const std::vector<std::string>& names) {
  auto rows = nlohmann::ordered_json::array();
  const auto counts = result.confusion.accessor<int64_t, 2>();
  const auto records = result.confusion.sum(1), predicted = result.confusion.sum(0);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto k = static_cast<int64_t>(i);
    const auto right = static_cast<double>(counts[k][k]);
    const double precision = share_of(right, predicted[k].item<double>());
    const double recall = share_of(right, records[k].item<double>());
    rows.push_back({{"class", names[i]},
                    {"records", records[k].item<int64_t>()},
                    {"precision", precision},
                    {"recall", recall},
                    {"f1", share_of(2 * precision * recall, precision + recall)}});
  }
  return rows;
}

void print_evaluation(const nlohmann::ordered_json& result) {
  std::printf("records   %lld\naccuracy  %.4f\nloss      %.4f\n\n",
              result["records"].get<long long>(), result["accuracy"].get<double>(),
              result["loss"].get<double>());
  std::printf("%8s %9s %9s %9s  %s\n", "records", "precision", "recall", "f1", "class");
  for (const auto& row : result["classes"]) {
    std::printf("%8lld %9.4f %9.4f %9.4f  %s\n", row["records"].get<long long>(),
                row["precision"].get<double>(), row["recall"].get<double>(),
                row["f1"].get<double>(), row["class"].get<std::string>().c_str());
  }
}

}  // namespace

void evaluate_classifier(const EvalFlags& flags) {
  auto classifier = Classifier::load(flags.model);
  if (flags.data.size() > 1) throw UsageError("--data: a classifier is measured on one data set");
  const auto& data = flags.data.empty() ? classifier.recipe().data.test : flags.data.front();
  if (data.empty()) {
    throw UsageError("the recipe of " + flags.model + " names no test data; name some by --data");
  }
  const auto result = classifier.evaluate(classifier.open(data));
  const nlohmann::ordered_json json = {
      {"model", flags.model},      {"data", data},
      {"records", result.records}, {"accuracy", result.accuracy()},
      {"loss", result.loss},       {"classes", per_class(result, classifier.classes())}};
  if (flags.json) {
    std::cout << json.dump() << '\n';
  } else {
    print_evaluation(json);
  }
}

}  // namespace heed::cli
