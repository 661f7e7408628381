// What is shown of a clip is what its attention computed, frame beside frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/lens/image_maps.h"
#include "heed/models/video_encoder.h"
#include "heed/nn/recording.h"
#include "lens/clip_maps.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

struct SeenClip {
  std::vector<Map> maps;
  TokenGrid grid;
};

class PooledClips : public torch::nn::Module {
 public:
  using torch::nn::Module::register_module;
};

/// Four frames of 8 x 12 pixels, patches of 4; with a pool over their tokens behind.
SeenClip seen_clip(int64_t tubelet, bool class_token) {
  torch::manual_seed(7);
  VideoEncoderOptions options;
  options.patch = 4, options.width = 8, options.layers = 1, options.tubelet = tubelet;
  options.class_token = class_token;
  options.frame_pool = nn::PoolingKind::attention;
  options.attention = options.time_attention = Attention::parse("learned; num_heads=2");
  VideoEncoder encoder(options, VideoShape{4, {1, 8, 12}});
  nn::Pooling pool(8, nn::PoolingOptions().kind(nn::PoolingKind::attention));
  PooledClips model;
  model.register_module("encoder", encoder.ptr());
  model.register_module("pool", pool.ptr());
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model.parameters()) parameter.add_(torch::randn_like(parameter) * 0.3);
  model.eval();
  const Recording recording(model);
  const auto tokens =
      encoder->forward({{{"video", torch::randn({1, 4, 1, 8, 12})}}, torch::zeros({1}, at::kLong)});
  pool->forward(tokens.states);
  return {recording.maps(), *tokens.map_grid};
}

at::Tensor dense_of(const Map& map, int64_t batch = 0) { return map.dense(batch).to(at::kDouble); }

void expect_weights(const at::Tensor& given, const at::Tensor& expected) {
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_TRUE(torch::allclose(given, expected, 1e-5, 1e-7)) << given << expected;
}

TEST(ClipMaps, FramesLieSideBySide) {
  // Two tubelets of two frames, of 2 x 3 tokens each: number 100 s + 10 r + c.
  const TokenGrid grid{.rows = 2, .columns = 3, .frames = 4, .tubelet = 2};
  const auto at = [](int64_t size) { return torch::arange(size, at::kDouble); };
  const auto numbers = 100 * at(2).view({1, 2, 1, 1}) + 10 * at(2).view({1, 1, 2, 1}) + at(3);
  const auto rows =
      torch::tensor({{0., 1., 2., 0., 1., 2., 100., 101., 102., 100., 101., 102.},
                     {10., 11., 12., 10., 11., 12., 110., 111., 112., 110., 111., 112.}},
                    at::kDouble);
  EXPECT_TRUE(frames_beside(numbers, grid)[0].equal(rows));
  const TokenGrid image{.rows = 2, .columns = 3};
  EXPECT_TRUE(frames_beside(numbers.narrow(1, 1, 1), image)[0].equal(rows.narrow(1, 6, 3)));
}

TEST(ClipMaps, SpaceLiesOnEachFrameAndTimeOnWholeFrames) {
  const auto clip = seen_clip(1, false);
  const auto shown = image_maps(clip.maps, clip.grid);
  ASSERT_EQ(shown.maps.size(), 4u);
  EXPECT_EQ(shown.maps[0].title, "space 1");
  EXPECT_EQ(shown.maps[1].title, "frame pooling");
  EXPECT_EQ(shown.maps[2].title, "time 1");
  EXPECT_EQ(shown.maps[3].title, "pooling");
  for (int64_t frame = 0; frame < 4; ++frame) {
    const auto part = [&](size_t map) { return shown.maps[map].heads.narrow(2, 3 * frame, 3); };
    expect_weights(part(0), dense_of(clip.maps[0], frame).mean(1).view({2, 2, 3}));
    expect_weights(part(1), dense_of(clip.maps[1], frame).select(1, 0).view({-1, 2, 3}));
    expect_weights(
        part(2), dense_of(clip.maps[2]).mean(1).select(1, frame).view({2, 1, 1}).expand({2, 2, 3}));
    expect_weights(
        part(3),
        dense_of(clip.maps[3]).select(1, 0).select(1, frame).view({-1, 1, 1}).expand({-1, 2, 3}));
  }
  const auto figure = figure_of(shown, {{1, 8, 48}, std::vector<uint8_t>(8 * 48, 99)});
  EXPECT_THAT(figure.lines, testing::Contains(HasSubstr("each frame from all frames")));
  EXPECT_GT(draw(figure).svg().size(), 1000u);
}

TEST(ClipMaps, ATubeletsWeightsLieOnAllItsFrames) {
  const auto clip = seen_clip(2, true);
  const auto shown = image_maps(clip.maps, clip.grid);
  ASSERT_EQ(shown.maps.size(), 4u);
  for (int64_t frame = 0; frame < 4; ++frame) {
    const auto row = dense_of(clip.maps[0], frame / 2).select(1, 0).slice(1, 1);
    expect_weights(shown.maps[0].heads.narrow(2, 3 * frame, 3), row.view({2, 2, 3}));
    const auto received =
        dense_of(clip.maps[0], frame / 2).mean(at::IntArrayRef({0, 1})).slice(0, 1);
    expect_weights(shown.maps[0].received.narrow(1, 3 * frame, 3), received.view({2, 3}));
  }
}

TEST(ClipMaps, AreChosenByTheirTitle) {
  const auto clip = seen_clip(1, false);
  const auto all = image_maps(clip.maps, clip.grid);
  EXPECT_EQ(selected(all, "time 1", 2).maps.at(0).heads.size(0), 1);
  try {
    selected(all, "layer 1", 0);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("space 1, frame pooling, time 1, pooling"));
  }
}

}  // namespace
}  // namespace heed::lens
