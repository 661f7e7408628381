#include "heed/metrics/classification.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "metrics/check.h"

namespace heed {
namespace {

int64_t records_of(const ConfusionMatrix& matrix) {
  int64_t records = 0;
  for (const int64_t count : matrix.counts) records += count;
  return records;
}

int64_t correct_of(const ConfusionMatrix& matrix) {
  int64_t correct = 0;
  for (int64_t c = 0; c < matrix.classes; ++c) correct += matrix.at(c, c);
  return correct;
}

}  // namespace

int64_t ConfusionMatrix::at(int64_t expected, int64_t predicted) const {
  return counts[static_cast<size_t>(expected * classes + predicted)];
}

ConfusionMatrix confusion_matrix(std::span<const int64_t> predicted,
                                 std::span<const int64_t> expected, int64_t classes) {
  metric::check_sizes("confusion_matrix", predicted.size(), expected.size());
  if (classes < 1)
    throw UsageError("confusion_matrix: expected at least one class, given " +
                     std::to_string(classes));
  metric::check_range("confusion_matrix: predicted", predicted, classes);
  metric::check_range("confusion_matrix: expected", expected, classes);
  ConfusionMatrix matrix{classes, std::vector<int64_t>(static_cast<size_t>(classes * classes))};
  for (size_t i = 0; i < predicted.size(); ++i)
    ++matrix.counts[static_cast<size_t>(expected[i] * classes + predicted[i])];
  return matrix;
}

double accuracy(const ConfusionMatrix& matrix) {
  const int64_t records = records_of(matrix);
  if (records == 0) throw UsageError("accuracy: expected at least one record, given none");
  return static_cast<double>(correct_of(matrix)) / static_cast<double>(records);
}

std::vector<MatchCounts> class_counts(const ConfusionMatrix& matrix) {
  std::vector<MatchCounts> counts(static_cast<size_t>(matrix.classes));
  for (int64_t t = 0; t < matrix.classes; ++t) {
    for (int64_t p = 0; p < matrix.classes; ++p) {
      counts[static_cast<size_t>(t)].expected += matrix.at(t, p);
      counts[static_cast<size_t>(p)].predicted += matrix.at(t, p);
    }
    counts[static_cast<size_t>(t)].correct = matrix.at(t, t);
  }
  return counts;
}

double macro_f1(const ConfusionMatrix& matrix) {
  auto counts = class_counts(matrix);
  std::erase_if(counts, [](const MatchCounts& c) { return c.predicted + c.expected == 0; });
  return macro_f1(std::span<const MatchCounts>(counts));
}

double micro_f1(const ConfusionMatrix& matrix) {
  const auto counts = class_counts(matrix);
  return micro_f1(std::span<const MatchCounts>(counts));
}

double matthews_correlation(const ConfusionMatrix& matrix) {
  const auto records = static_cast<double>(records_of(matrix));
  double both = 0, predicted = 0, expected = 0;
  for (const auto& count : class_counts(matrix)) {
    const auto p = static_cast<double>(count.predicted), t = static_cast<double>(count.expected);
    both += p * t, predicted += p * p, expected += t * t;
  }
  const double product = (records * records - predicted) * (records * records - expected);
  if (product == 0) return 0;
  return (static_cast<double>(correct_of(matrix)) * records - both) / std::sqrt(product);
}

double log_loss(std::span<const double> probabilities, std::span<const int64_t> expected,
                int64_t classes) {
  constexpr double kOff = 1e-3;  // how far a row's sum may be from 1
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  metric::check_table("log_loss", probabilities.size(), expected.size(), classes);
  metric::check_range("log_loss", expected, classes);
  double loss = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto row =
        probabilities.subspan(i * static_cast<size_t>(classes), static_cast<size_t>(classes));
    double sum = 0;
    for (const double p : row) {
      if (!(p >= 0 && p <= 1))
        throw UsageError("log_loss: expected probabilities in 0 .. 1, given " + std::to_string(p) +
                         " in row " + std::to_string(i));
      sum += p;
    }
    if (std::abs(sum - 1) > kOff)
      throw UsageError("log_loss: expected probabilities that sum to 1, given a sum of " +
                       std::to_string(sum) + " in row " + std::to_string(i));
    loss -= std::log(std::clamp(row[static_cast<size_t>(expected[i])], kEps, 1 - kEps));
  }
  return loss / static_cast<double>(expected.size());
}

double macro_f1(std::span<const MatchCounts> counts) {
  if (counts.empty()) throw UsageError("macro_f1: expected at least one class, given none");
  double sum = 0;
  for (const auto& count : counts) sum += count.f1();
  return sum / static_cast<double>(counts.size());
}

double micro_f1(std::span<const MatchCounts> counts) {
  MatchCounts sum;
  for (const auto& count : counts) sum += count;
  return sum.f1();
}

}  // namespace heed
