// Clips to tokens, held to their formula.
#include "heed/models/video_encoder.h"

#include "models/encoders.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr VideoShape kClipShape{4, {2, 8, 12}};

VideoEncoderOptions small_video() {
  VideoEncoderOptions options;
  options.patch = 4, options.width = 8, options.layers = 1, options.time_layers = 2;
  options.attention = Attention::parse("learned; num_heads=2");
  options.time_attention = Attention::parse("learned; num_heads=2");
  return options;
}

Batch clips(int64_t B = 2, int64_t frames = 4) {
  torch::manual_seed(3);
  return batch_of({{"video", torch::randn({B, frames, 2, 8, 12})}});
}

VideoEncoder made(const VideoEncoderOptions& options) {
  torch::manual_seed(5);
  VideoEncoder encoder(options, kClipShape);
  encoder->eval();
  return encoder;
}

TEST(VideoEncoder, IsAnImageEncoderOfFramesAndBlocksOverTime) {
  const at::NoGradGuard no_grad;
  auto encoder = made(small_video());
  const auto batch = clips();
  const auto tokens = encoder->forward(batch);
  ASSERT_EQ(tokens.states.sizes(), (std::vector<int64_t>{2, 4, 8}));
  for (int64_t b = 0; b < 2; ++b) {
    std::vector<at::Tensor> frames;
    for (int64_t f = 0; f < 4; ++f) {
      const auto image = batch_of({{"image", batch.at("video")[b][f].unsqueeze(0)}});
      frames.push_back(encoder->space->forward(image).states.mean(1));  // (1, M)
    }
    auto x = torch::cat(frames).unsqueeze(0) + encoder->position->table;
    x = encoder->blocks.forward(x);
    EXPECT_TRUE(torch::allclose(tokens.states[b], x[0], 1e-4, 1e-5));
  }
  ASSERT_TRUE(tokens.map_grid && tokens.frames);
  EXPECT_EQ(tokens.map_grid->frames, 4);
  EXPECT_EQ(tokens.map_grid->rows, 2);
  EXPECT_EQ(tokens.map_grid->columns, 3);
  EXPECT_FALSE(tokens.grid) << "its tokens are no patches";
}

TEST(VideoEncoder, WithoutPlaceInTimeTheOrderSaysNothing) {
  const at::NoGradGuard no_grad;
  for (const bool placed : {false, true}) {
    auto options = small_video();
    if (!placed) options.time_attention = Attention::parse("none; num_heads=2");
    auto encoder = made(options);
    auto batch = clips();
    const auto before = encoder->forward(batch).states.mean(1);
    batch.tensors["video"] = batch.at("video").flip(1);
    EXPECT_EQ(torch::allclose(encoder->forward(batch).states.mean(1), before, 1e-4, 1e-5), !placed);
  }
}

TEST(VideoEncoder, ATubeletIsSeveralFramesInOneToken) {
  const at::NoGradGuard no_grad;
  auto options = small_video();
  options.tubelet = 2;
  auto encoder = made(options);
  const auto batch = clips();
  const auto tokens = encoder->forward(batch);
  ASSERT_EQ(tokens.states.size(1), 2);
  EXPECT_EQ(tokens.frames->per_token, 2);
  // A patch's linear layer over both frames: a convolution over time (ViViT's tubelet embedding).
  const auto weight = encoder->space->patch_stem->linear->weight;
  EXPECT_EQ(weight.size(1), 2 * 2 * 4 * 4);
  auto other = batch.at("video").clone();
  other.select(1, 3).add_(1);
  const auto moved =
      encoder->space->forward(batch_of({{"image", other.view({4, 4, 8, 12})}})).states;
  const auto before =
      encoder->space->forward(batch_of({{"image", batch.at("video").view({4, 4, 8, 12})}})).states;
  EXPECT_TRUE(torch::allclose(moved[0], before[0]));
  EXPECT_FALSE(torch::allclose(moved[1], before[1]));
}

TEST(VideoEncoder, EveryPartLearns) {
  for (const char* pool : {"mean", "attention", "first"}) {
    auto options = small_video();
    options.class_token = std::string(pool) == "first";
    options.frame_pool = *from_word<nn::PoolingKind>(pool);
    auto encoder = made(options);
    expect_gradients(*encoder, clips());
  }
}

TEST(VideoEncoder, LeavesMapsOfSpaceAndTime) {
  auto options = small_video();
  options.frame_pool = nn::PoolingKind::attention;
  auto encoder = made(options);
  const Recording seen(*encoder);
  encoder->forward(clips());
  std::vector<std::string> names;
  for (const auto& map : seen.maps()) names.push_back(map.name());
  EXPECT_THAT(names, testing::ElementsAre("space.layers.0.attention", "frame_pool.attention",
                                          "layers.0.attention", "layers.1.attention"));
  EXPECT_EQ(seen.maps()[0].batch(), 8);
  EXPECT_EQ(seen.maps()[0].keys(), 6);
  EXPECT_EQ(seen.maps()[2].batch(), 2);
  EXPECT_EQ(seen.maps()[2].keys(), 4);
}

TEST(VideoEncoder, RefusesWhatDoesNotFit) {
  const auto refused = [](const std::function<void(VideoEncoderOptions&)>& change) {
    auto options = small_video();
    change(options);
    try {
      VideoEncoder(options, kClipShape);
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused([](auto& o) { o.tubelet = 3; }), HasSubstr("encoder.tubelet"));
  EXPECT_THAT(refused([](auto& o) { o.frame_pool = nn::PoolingKind::first; }),
              HasSubstr("encoder.frame_pool"));
  EXPECT_THAT(refused([](auto& o) { o.time_attention.num_heads = 3; }),
              HasSubstr("time_attention"));
  EXPECT_THAT(
      refused([](auto& o) { o.time_attention = Attention::parse("learned_2d; num_heads=2"); }),
      HasSubstr("time_attention"));
  EXPECT_THAT(refused([](auto& o) { o.patch = 5; }), HasSubstr("encoder.patch"));
  auto encoder = made(small_video());
  EXPECT_THROW(encoder->forward(clips(2, 3)), UsageError);
}

}  // namespace
}  // namespace heed
