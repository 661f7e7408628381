// What training in lower precision must keep.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "learning.h"
#include "train/precision.h"

namespace heed::test {

/// `exact` and `other` are the same task twice, without dropout. The loss of `other` in bfloat16 is
/// a float32 number beside the other one, and its gradient is float32 and points the same way.
inline void expect_lower_precision(Task& exact, Task& other) {
  const auto one = exact.next();
  const auto two = next_in_precision(other, Precision::bfloat16);
  EXPECT_EQ(two.loss.scalar_type(), at::kFloat);
  const double right = one.loss.item<double>(), near = two.loss.item<double>();
  EXPECT_NE(right, near) << "nothing was rounded";
  expect_learned("loss, relatively", std::abs(near / right - 1), 0.02, 0);
  one.loss.backward(), two.loss.backward();
  std::vector<at::Tensor> all, rounded;
  const auto parameters = exact.model().parameters(), others = other.model().parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    ASSERT_EQ(parameters[i].grad().defined(), others[i].grad().defined()) << i;
    if (!others[i].grad().defined()) continue;
    EXPECT_EQ(others[i].grad().scalar_type(), at::kFloat);
    all.push_back(parameters[i].grad().flatten()), rounded.push_back(others[i].grad().flatten());
  }
  const auto a = at::cat(all), b = at::cat(rounded);
  expect_learned("gradient, cosine", (a.dot(b) / (a.norm() * b.norm())).item<double>(), 0.99);
}

}  // namespace heed::test
