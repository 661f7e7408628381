// Figures of scikit-learn 1.9.1, scipy 1.17.1 and torchmetrics 1.9.0 (expected calibration error)
// on records drawn here and there by the same formula; bench/peers/metrics.py compares on any file.
#include "heed/metrics/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/metrics/correlation.h"
#include "heed/metrics/curves.h"
#include "heed/metrics/forecast.h"
#include "heed/metrics/multilabel.h"
#include "metrics/draw.h"

namespace heed {
namespace {

using ::testing::ElementsAre;
using Classes = std::vector<int64_t>;
using Numbers = std::vector<double>;

constexpr double kNearClassification = 1e-12;
constexpr int64_t kRecords = 60, kClasses = 4, kLabels = 3;

struct Records {
  Classes expected, predicted, binary, labels, predicted_labels;
  Numbers scores, probabilities, label_scores, numbers, other_numbers;

  Records() {
    test::Draw draw(12345);
    for (int64_t i = 0; i < kRecords; ++i) {
      const int64_t t = draw.below(kClasses);
      expected.push_back(t);
      predicted.push_back(draw.unit() < 0.6 ? t : draw.below(kClasses));
      binary.push_back(draw.unit() < 0.4 ? 1 : 0);
      scores.push_back(
          std::floor((0.5 * draw.unit() + 0.35 * static_cast<double>(binary.back())) * 20) / 20);
      double sum = 0;
      for (int64_t c = 0; c < kClasses; ++c)
        probabilities.push_back(draw.unit() + (c == t ? 1 : 0)), sum += probabilities.back();
      for (size_t c = probabilities.size() - kClasses; c < probabilities.size(); ++c)
        probabilities[c] /= sum;
    }
    for (int64_t i = 0; i < kRecords; ++i)
      for (const double share : {0.5, 0.2, 0.0}) labels.push_back(draw.unit() < share ? 1 : 0);
    for (const int64_t has : labels) predicted_labels.push_back(draw.unit() < 0.8 ? has : 1 - has);
    for (size_t i = kLabels - 1; i < labels.size(); i += kLabels) predicted_labels[i] = 0;
    for (const int64_t has : labels)
      label_scores.push_back(std::floor((0.5 * draw.unit() + 0.3 * static_cast<double>(has)) * 20) /
                             20);
    for (int64_t i = 0; i < kRecords; ++i) numbers.push_back(std::floor(draw.unit() * 15) / 3);
    for (const double x : numbers) other_numbers.push_back(x + std::floor(draw.unit() * 10) / 2);
  }
};

const Records& records() {
  static const Records all;
  return all;
}

TEST(Classification, AgreesWithScikitLearn) {
  const auto matrix = confusion_matrix(records().predicted, records().expected, kClasses);
  EXPECT_THAT(matrix.counts, ElementsAre(13, 1, 1, 2, 3, 12, 0, 1, 1, 2, 10, 0, 0, 2, 2, 10));
  EXPECT_NEAR(accuracy(matrix), 0.75, kNearClassification);
  EXPECT_NEAR(micro_f1(matrix), 0.75, kNearClassification);
  EXPECT_NEAR(macro_f1(matrix), 0.7504875298992946, kNearClassification);
  EXPECT_NEAR(matthews_correlation(matrix), 0.6654265405322883, kNearClassification);
  const auto counts = class_counts(matrix);
  EXPECT_NEAR(counts[1].precision(), 0.70588235294117647, kNearClassification);
  EXPECT_NEAR(counts[1].recall(), 0.75, kNearClassification);
  EXPECT_NEAR(counts[1].f1(), 0.72727272727272727, kNearClassification);
  EXPECT_NEAR(log_loss(records().probabilities, records().expected, kClasses), 0.7033291162861267,
              kNearClassification);
}

TEST(Classification, ClassesThatNobodyHas) {
  // f1_score([0, 0, 1], [0, 2, 2], average="macro") = 2/9: class 3 of 4 is in neither.
  const auto matrix = confusion_matrix(Classes{0, 2, 2}, Classes{0, 0, 1}, 4);
  EXPECT_NEAR(macro_f1(matrix), 2.0 / 9, kNearClassification);
  const auto counts = class_counts(matrix);
  EXPECT_EQ(counts[1].precision(), 0);
  EXPECT_EQ(counts[2].recall(), 0);
  EXPECT_EQ(counts[3].f1(), 0);
  EXPECT_EQ(matthews_correlation(confusion_matrix(Classes{1, 1}, Classes{0, 1}, 2)), 0);
  EXPECT_EQ(matthews_correlation(confusion_matrix(Classes{1, 0}, Classes{1, 0}, 2)), 1);
  EXPECT_EQ(matthews_correlation(confusion_matrix(Classes{1, 0}, Classes{0, 1}, 2)), -1);
}

TEST(Classification, RefusesWhatMakesNoSense) {
  EXPECT_THROW(confusion_matrix(Classes{}, Classes{}, 2), UsageError);
  EXPECT_THROW(confusion_matrix(Classes{0}, Classes{0, 1}, 2), UsageError);
  EXPECT_THROW(confusion_matrix(Classes{0}, Classes{2}, 2), UsageError);
  EXPECT_THROW(confusion_matrix(Classes{-1}, Classes{0}, 2), UsageError);
  EXPECT_THROW(accuracy(ConfusionMatrix{2, Classes(4)}), UsageError);
  EXPECT_THROW(log_loss(Numbers{0.5, 0.4}, Classes{0}, 2), UsageError);
  EXPECT_THROW(log_loss(Numbers{1.5, -0.5}, Classes{0}, 2), UsageError);
  EXPECT_THROW(log_loss(Numbers{0.5, 0.5}, Classes{2}, 2), UsageError);
  EXPECT_THROW(log_loss(Numbers{0.5}, Classes{0}, 2), UsageError);
  EXPECT_NEAR(log_loss(Numbers{0, 1}, Classes{0}, 2), 36.04365338911715, 1e-9);  // clipped
}

TEST(Curves, AgreeWithScikitLearn) {
  const auto& [scores, binary] = std::tie(records().scores, records().binary);
  EXPECT_NEAR(roc_auc(scores, binary), 0.981074481074481, kNearClassification);
  EXPECT_NEAR(average_precision(scores, binary), 0.9627450980392158, kNearClassification);
  EXPECT_NEAR(roc_auc_one_vs_rest(records().probabilities, records().expected, kClasses),
              0.9974716830743259, kNearClassification);
  const auto curve = precision_recall_curve(scores, binary);
  ASSERT_EQ(curve.precision.size(), 18U);
  ASSERT_EQ(curve.recall.size(), 18U);
  ASSERT_EQ(curve.thresholds.size(), 17U);
  EXPECT_NEAR(curve.precision[1], 0.39622641509433965, kNearClassification);
  const auto sum = [](const Numbers& all) {
    double total = 0;
    for (const double x : all) total += x;
    return total;
  };
  EXPECT_NEAR(sum(curve.precision), 13.374893422437818, kNearClassification);
  EXPECT_NEAR(sum(curve.recall), 13.19047619047619, kNearClassification);
  EXPECT_NEAR(sum(curve.thresholds), 6.8, kNearClassification);
  const auto calibration = calibration_curve(scores, binary, 10);
  EXPECT_THAT(calibration.positive,
              ElementsAre(0, 0, 0, testing::DoubleNear(1.0 / 9, kNearClassification),
                          testing::DoubleNear(4.0 / 9, kNearClassification), 1, 1, 1));
  EXPECT_NEAR(calibration.probability[0], 0.03666666666666666, kNearClassification);
  EXPECT_NEAR(calibration.probability[3], 0.36666666666666664, kNearClassification);
  EXPECT_NEAR(calibration.probability[6], 0.68125, kNearClassification);
}

TEST(Curves, CalibrationErrorAgreesWithTorchmetrics) {
  Numbers confidences;
  Classes correct;
  for (int64_t i = 0; i < kRecords; ++i) {
    const auto begin = records().probabilities.begin() + i * kClasses;
    const auto best = std::max_element(begin, begin + kClasses);
    confidences.push_back(*best);
    correct.push_back(best - begin == records().expected[static_cast<size_t>(i)] ? 1 : 0);
  }
  EXPECT_NEAR(expected_calibration_error(confidences, correct), 0.4965176284313202, 1e-6);
}

TEST(Curves, EndsAndBadCalls) {
  EXPECT_TRUE(std::isnan(roc_auc(Numbers{0.1, 0.2}, Classes{1, 1})));
  EXPECT_TRUE(std::isnan(roc_auc(Numbers{0.1, 0.2}, Classes{0, 0})));
  EXPECT_EQ(roc_auc(Numbers{0.5, 0.5}, Classes{0, 1}), 0.5);
  EXPECT_EQ(average_precision(Numbers{0.1, 0.2}, Classes{0, 0}), 0);
  EXPECT_THAT(precision_recall_curve(Numbers{0.1, 0.2}, Classes{0, 0}).recall,
              ElementsAre(1, 1, 0));
  EXPECT_EQ(expected_calibration_error(Numbers{1, 0}, Classes{1, 0}), 0);
  EXPECT_THROW(roc_auc(Numbers{}, Classes{}), UsageError);
  EXPECT_THROW(roc_auc(Numbers{std::nan("")}, Classes{1}), UsageError);
  EXPECT_THROW(roc_auc(Numbers{1}, Classes{2}), UsageError);
  EXPECT_THROW(calibration_curve(Numbers{1.5}, Classes{1}), UsageError);
  EXPECT_THROW(calibration_curve(Numbers{0.5}, Classes{1}, 0), UsageError);
}

TEST(Multilabel, AgreesWithScikitLearn) {
  const auto counts = label_counts(records().predicted_labels, records().labels, kLabels);
  EXPECT_NEAR(micro_f1(counts), 0.7073170731707317, kNearClassification);
  EXPECT_NEAR(macro_f1(counts), 0.4413919413919414, kNearClassification);
  EXPECT_EQ(counts[2], MatchCounts{});
  EXPECT_NEAR(subset_accuracy(records().predicted_labels, records().labels, kLabels), 0.65,
              kNearClassification);
  EXPECT_NEAR(label_average_precision(records().label_scores, records().labels, kLabels),
              0.5341291793153117, kNearClassification);
  EXPECT_THROW(label_counts(Classes{1, 0}, Classes{1, 0}, 3), UsageError);
  EXPECT_THROW(label_counts(Classes{2, 0}, Classes{1, 0}, 2), UsageError);
  EXPECT_THROW(subset_accuracy(Classes{}, Classes{}, 2), UsageError);
  EXPECT_THROW(subset_accuracy(Classes{1}, Classes{1}, 0), UsageError);
}

TEST(Correlation, AgreesWithScipy) {
  const auto &a = records().numbers, &b = records().other_numbers;
  EXPECT_NEAR(pearson(a, b), 0.731838969769359, kNearClassification);
  EXPECT_NEAR(spearman(a, b), 0.7296053404260056, kNearClassification);
  EXPECT_THAT(average_ranks(Numbers{3, 1, 3, 2}), ElementsAre(3.5, 1, 3.5, 2));
  EXPECT_NEAR(pearson(Numbers{1e300, 2e300, 3e300}, Numbers{1, 2, 3}), 1, kNearClassification);
  EXPECT_NEAR(spearman(Numbers{1, 2, 3}, Numbers{9, 8, -1}), -1, kNearClassification);
  EXPECT_TRUE(std::isnan(pearson(Numbers{1, 1}, Numbers{1, 2})));
  EXPECT_TRUE(std::isnan(spearman(Numbers{1, 2}, Numbers{0.1, 0.1})));
  EXPECT_TRUE(std::isnan(spearman(Numbers{1, std::nan("")}, Numbers{1, 2})));
  EXPECT_THROW(pearson(Numbers{1}, Numbers{1}), UsageError);
  EXPECT_THROW(spearman(Numbers{1, 2}, Numbers{1}), UsageError);
}

TEST(Forecast, AgreesWithScikitLearn) {
  const auto &f = records().numbers, &y = records().other_numbers;
  EXPECT_NEAR(mean_squared_error(f, y), 8.045833333333333, kNearClassification);
  EXPECT_NEAR(mean_absolute_error(f, y), 2.475, kNearClassification);
  EXPECT_NEAR(root_mean_squared_error(f, y), 2.8365178182647353, kNearClassification);
  EXPECT_NEAR(r_squared(f, y), -0.9501439127434312, kNearClassification);
  EXPECT_NEAR(pinball_loss(f, y, 0.1), 0.2475, kNearClassification);
  EXPECT_NEAR(pinball_loss(f, y, 0.9), 2.2275, kNearClassification);
}

TEST(Forecast, ByHand) {
  // |4 - 3| and |2 - 5|, over a naive error of (|3 - 1| + |4 - 2|) / 2 at season 2.
  const Numbers f{3, 5}, y{4, 2}, history{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(mean_absolute_scaled_error(f, y, history, 2), 1);
  EXPECT_DOUBLE_EQ(mean_absolute_scaled_error(f, y, history), 2);
  EXPECT_TRUE(std::isinf(mean_absolute_scaled_error(f, y, Numbers{1, 1, 1})));
  EXPECT_THROW(mean_absolute_scaled_error(f, y, history, 4), UsageError);
  EXPECT_THROW(mean_absolute_scaled_error(f, y, history, 0), UsageError);
  EXPECT_DOUBLE_EQ(symmetric_mape(Numbers{1, 0}, Numbers{3, 0}), 50);
  EXPECT_DOUBLE_EQ(symmetric_mape(Numbers{-1}, Numbers{1}), 200);
  EXPECT_DOUBLE_EQ(coverage(Numbers{0, 0, 0}, Numbers{1, 1, 1}, Numbers{1, 2, 0}), 2.0 / 3);
  EXPECT_EQ(r_squared(Numbers{1, 1}, Numbers{1, 1}), 1);
  EXPECT_EQ(r_squared(Numbers{1, 2}, Numbers{1, 1}), 0);
  EXPECT_THROW(pinball_loss(f, y, 1.5), UsageError);
  EXPECT_THROW(mean_squared_error(Numbers{}, Numbers{}), UsageError);
  EXPECT_THROW(mean_squared_error(f, Numbers{1}), UsageError);
}

}  // namespace
}  // namespace heed
