#include "heed/models/residual_stem.h"

#include <gmock/gmock.h>

#include <torch/torch.h>

#include "heed/core/error.h"
#include "heed/models/image_encoder.h"

namespace heed {
namespace {

using testing::HasSubstr;

StemOptions stem_of(int64_t patch, int64_t width, ImageShape shape = {3, 32, 48}) {
  return StemOptions(shape, width).patch_height(patch).patch_width(patch);
}

TEST(ResidualStem, GivesATokenAPatchThatSeesWhatIsNear) {
  torch::manual_seed(1);
  ResidualStem stem(stem_of(8, 16));
  stem->eval();
  const auto image = torch::randn({2, 3, 32, 48});
  const auto tokens = stem->forward(image);
  ASSERT_EQ(tokens.sizes(), (std::vector<int64_t>{2, 24, 16}));
  auto changed = image.clone();
  changed.select(2, 4).select(2, 44) += 5;  // in the patch of row 0, column 5
  const auto moved = (stem->forward(changed) - tokens).abs().sum(2)[0];
  EXPECT_EQ(moved.argmax().item<int64_t>(), 5);
  EXPECT_EQ(moved[18].item<double>(), 0) << "the other corner is far away";
}

TEST(ResidualStem, EveryParameterLearns) {
  torch::manual_seed(2);
  ResidualStem stem(stem_of(4, 16));
  stem->forward(torch::randn({2, 3, 32, 48})).pow(2).sum().backward();
  // Two stages: 3 -> 8 and 8 -> 16 with a pair, and the layer a token.
  int64_t numbers = 0;
  for (const auto& each : stem->named_parameters()) {
    ASSERT_TRUE(each.value().grad().defined()) << each.key();
    EXPECT_GT(each.value().grad().abs().sum().item<double>(), 0) << each.key();
    numbers += each.value().numel();
  }
  EXPECT_EQ(numbers,
            3 * 8 * 9 + 2 * 8 + (8 * 16 * 9 + 2 * 16) + 2 * (16 * 16 * 9 + 2 * 16) + 16 * 16 + 16);
}

TEST(ResidualStem, RefusesPatchesThatItCannotHalveTo) {
  const auto refused = [](int64_t patch, ImageShape shape) {
    try {
      ResidualStem stem(stem_of(patch, 16, shape));
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  EXPECT_THAT(refused(6, {3, 30, 30}), HasSubstr("a power of two from 2, given 6"));
  EXPECT_THAT(refused(1, {3, 30, 30}), HasSubstr("given 1"));
  EXPECT_THAT(refused(8, {3, 30, 32}), HasSubstr("a divisor of the images' height 30"));
}

TEST(ResidualStem, IsOneOfTheEncoder) {
  ImageEncoderOptions options;
  options.stem = ImageStem::residual, options.patch = 8, options.width = 16, options.layers = 1;
  options.attention = Attention::parse("learned; num_heads=2");
  ImageEncoder encoder(options, ImageShape{3, 32, 48});
  const auto tokens =
      encoder->forward({{{"image", torch::randn({1, 3, 32, 48})}}, at::zeros({1}, at::kLong)});
  EXPECT_EQ(tokens.states.size(1), 24);
  EXPECT_EQ(tokens.grid->rows, 4);
}

}  // namespace
}  // namespace heed
