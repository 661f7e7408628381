// Which keys are sinks.
#include "heed/lens/sinks.h"

#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

at::Tensor with(int64_t keys, const std::vector<std::pair<int64_t, double>>& shares) {
  double rest = 1;
  for (const auto& [key, share] : shares) rest -= share;
  auto received = torch::full({keys}, rest / double(keys - std::ssize(shares)), torch::kDouble);
  for (const auto& [key, share] : shares) received[key] = share;
  return received;
}

TEST(Sinks, FirstKeyThatTakesMostOfTheWeight) {
  const auto sinks = sinks_of(with(40, {{0, 0.61}}) * 40);  // a sum as well as a mean
  EXPECT_EQ(sinks.keys, std::vector<int64_t>{0});
  EXPECT_NEAR(sinks.mass(), 0.61, 1e-9);
  EXPECT_EQ(sinks.note({"<s>"}), "sinks left out: <s> holds 61 % of the weight");
}

TEST(Sinks, SpecialKeysToo) {
  std::vector<bool> special(20, false);
  special[0] = special[19] = true;
  const auto sinks = sinks_of(with(20, {{0, 0.3}, {19, 0.45}}), special);
  EXPECT_EQ(sinks.keys, (std::vector<int64_t>{0, 19}));
  std::vector<std::string> labels(20, "w");
  labels[0] = "[CLS]", labels[19] = "[SEP]";
  EXPECT_EQ(sinks.note(labels), "sinks left out: [CLS] holds 30 %, [SEP] 45 % of the weight");
}

TEST(Sinks, AWordThatMattersIsNone) {
  EXPECT_TRUE(sinks_of(with(20, {{7, 0.9}})).empty());
  EXPECT_TRUE(sinks_of(with(20, {{0, 0.9}}), {}, false).empty());
}

TEST(Sinks, NeitherWhatHardlyStandsOutNorWhatIsLittle) {
  EXPECT_TRUE(sinks_of(with(10, {{0, 0.3}})).empty());     // 4 times the others
  EXPECT_TRUE(sinks_of(with(1000, {{0, 0.09}})).empty());  // 90 times, but 9 %
  EXPECT_FALSE(sinks_of(with(1000, {{0, 0.1001}})).empty());
}

TEST(Sinks, OfNothingAreNone) {
  EXPECT_TRUE(sinks_of(torch::zeros({0})).empty());
  EXPECT_TRUE(sinks_of(torch::zeros({5})).empty());
  EXPECT_TRUE(sinks_of(torch::full({5}, NAN)).empty());
  EXPECT_TRUE(sinks_of(torch::ones({2}), {true, true}).empty());
  EXPECT_EQ(Sinks{}.note({}), "");
}

TEST(Sinks, RefusesWhatDoesNotFit) {
  EXPECT_THROW(sinks_of(torch::ones({2, 2})), UsageError);
  EXPECT_THROW(sinks_of(torch::ones({2}), {true}), UsageError);
}

}  // namespace
}  // namespace heed::lens
