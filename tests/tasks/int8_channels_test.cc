#include "tasks/int8_channels.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace heed {
namespace {

class Int8FitTest : public testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(1);
    weight_ = torch::randn({96, 64}), x_ = torch::randn({128, 64});
  }
  at::Tensor weight_, x_;
};

TEST_F(Int8FitTest, ALargeChannelIsEvenedOut) {
  const auto plain = int8_fit(weight_, x_);
  EXPECT_FALSE(plain.channels.defined());
  EXPECT_GT(plain.error, 0.004);
  EXPECT_LT(plain.error, 0.013);

  auto large = x_.clone(), w = weight_.clone();
  large.select(1, 5).mul_(60), w.select(1, 5).mul_(1.0 / 60);
  const auto fit = int8_fit(w, large);
  ASSERT_TRUE(fit.channels.defined());
  EXPECT_LT(fit.channels[5].item<float>(), fit.channels.median().item<float>() / 10);
  EXPECT_LT(fit.error, 0.02);
}

TEST_F(Int8FitTest, SaysWhereNoChannelsHelp) {
  auto spiked = x_.clone();  // in each row a number of another channel takes the steps of all
  for (int64_t i = 0; i < spiked.size(0); ++i) spiked[i][7 * i % 64] = 60;
  EXPECT_GT(int8_fit(weight_, spiked).error, 1.5 * int8_fit(weight_, x_).error);
}

TEST_F(Int8FitTest, NothingIsKnownWithoutSamples) {
  const auto fit = int8_fit(weight_, {});
  EXPECT_FALSE(fit.channels.defined());
  EXPECT_EQ(fit.error, 0);
}

}  // namespace
}  // namespace heed
