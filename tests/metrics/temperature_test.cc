#include "heed/metrics/temperature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "heed/core/error.h"

namespace heed {
namespace {

double mean_loss(const std::vector<double>& logits, const std::vector<int64_t>& expected,
                 size_t classes, double temperature) {
  double loss = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(logits[i * classes + c] / temperature);
    loss -= logits[i * classes + static_cast<size_t>(expected[i])] / temperature - std::log(sum);
  }
  return loss / static_cast<double>(expected.size());
}

TEST(Temperature, MakesTwoLogitsMeanTheirShare) {
  // Logits (3, 0), right in 3 of 4: softmax must give 3/4, so 3 / T = ln 3.
  const std::vector<double> logits = {3, 0, 3, 0, 3, 0, 3, 0};
  EXPECT_NEAR(fitted_temperature(logits, std::vector<int64_t>{0, 0, 1, 0}, 2), 3 / std::log(3.0),
              1e-9);
}

TEST(Temperature, IsTheLeastOfTheLoss) {
  std::vector<double> logits;
  std::vector<int64_t> expected;
  for (int i = 0; i < 300; ++i) {
    for (int c = 0; c < 5; ++c) logits.push_back(6 * std::sin(double(i * 5 + c) * 1.7));
    expected.push_back((i * 7) % 5);
  }
  for (int i = 0; i < 300; i += 2) {  // right in more than half
    double most = -9;
    for (int c = 0; c < 5; ++c)
      if (logits[static_cast<size_t>(i * 5 + c)] > most)
        most = logits[static_cast<size_t>(i * 5 + c)], expected[static_cast<size_t>(i)] = c;
  }
  const double found = fitted_temperature(logits, expected, 5);
  const double least = mean_loss(logits, expected, 5, found);
  EXPECT_GT(found, 1);
  for (const double factor : {0.5, 0.9, 0.999, 1.001, 1.1, 2.0})
    EXPECT_LT(least, mean_loss(logits, expected, 5, found * factor)) << factor;
}

TEST(Temperature, StaysWithinItsBounds) {
  const std::vector<double> logits = {3, 0, 2, 0};
  EXPECT_NEAR(fitted_temperature(logits, std::vector<int64_t>{0, 0}, 2), 0.01, 1e-6) << "all right";
  EXPECT_NEAR(fitted_temperature(logits, std::vector<int64_t>{1, 1}, 2), 100, 1e-3) << "all wrong";
}

TEST(Temperature, RefusesWhatMakesNoSense) {
  const std::vector<double> logits = {3, 0};
  EXPECT_THROW(fitted_temperature(logits, std::vector<int64_t>{}, 2), UsageError);
  EXPECT_THROW(fitted_temperature(logits, std::vector<int64_t>{0, 1}, 2), UsageError);
  EXPECT_THROW(fitted_temperature(logits, std::vector<int64_t>{2}, 2), UsageError);
  EXPECT_THROW(fitted_temperature(std::vector<double>{std::nan(""), 0}, std::vector<int64_t>{0}, 2),
               UsageError);
}

}  // namespace
}  // namespace heed
