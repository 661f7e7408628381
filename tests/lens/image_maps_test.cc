// What is shown of an image classifier is what its attention computed.
#include "heed/lens/image_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/recording.h"
#include "words.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

constexpr ImageShape kShape{1, 12, 8};

/// Two layers of two heads over 3 x 2 patches, with weights large enough for maps that differ.
ImageClassifier model_with(const std::string& pool, int64_t layers = 2) {
  torch::manual_seed(7);
  ImageEncoderOptions encoder;
  encoder.patch = 4, encoder.width = 8, encoder.layers = layers;
  encoder.class_token = pool == "class_token";
  encoder.attention = Attention::parse("scaled_dot; learned; num_heads=2");
  ImageClassifier model(ImageClassifierOptions().encoder(encoder).pool(test::Word{pool}), kShape,
                        3);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.add_(torch::randn_like(parameter) * 0.3);
  model->eval();
  return model;
}

at::Tensor an_image() {
  torch::manual_seed(8);
  return torch::randn({1, 1, 12, 8});
}

/// The weights of every call, stored: (H, Lq, Lk) each.
std::vector<at::Tensor> dense_maps(ImageClassifier& model) {
  const torch::NoGradGuard no_grad;
  const Recording seen(*model);
  model->forward(an_image());
  std::vector<at::Tensor> maps;
  for (const auto& map : seen.maps()) maps.push_back(map.dense().to(torch::kDouble));
  return maps;
}

void expect_close(const at::Tensor& given, const at::Tensor& expected) {
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_TRUE(torch::allclose(given, expected, 1e-5, 1e-7)) << given << expected;
}

TEST(ImageMaps, ClassTokenShowsItsRowAndWhatPatchesReceive) {
  auto model = model_with("class_token");
  const auto dense = dense_maps(model);
  const auto maps = look(model, an_image());
  ASSERT_EQ(maps.maps.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(maps.maps[i].title, "layer " + std::to_string(i + 1));
    const auto patches = dense[i].slice(2, 1).view({2, 7, 3, 2});
    expect_close(maps.maps[i].heads, patches.select(1, 0));
    expect_close(maps.maps[i].received, patches.mean(at::IntArrayRef({0, 1})));
  }
  EXPECT_NEAR(maps.probabilities.sum().item<double>(), 1, 1e-6);
}

TEST(ImageMaps, AttentionPoolingShowsTheQuerysRow) {
  auto model = model_with("attention");
  const auto dense = dense_maps(model);
  const auto maps = look(model, an_image());
  ASSERT_EQ(maps.maps.size(), 3u);
  EXPECT_EQ(maps.maps[2].title, "pooling");
  EXPECT_FALSE(maps.maps[0].received.defined());
  expect_close(maps.maps[0].heads, dense[0].mean(1).view({2, 3, 2}));
  expect_close(maps.maps[2].heads, dense[2].view({2, 3, 2}));
}

TEST(ImageMaps, RolloutIsTheProductOfAllLayers) {
  for (const std::string pool : {"class_token", "attention", "mean"}) {
    auto model = model_with(pool);
    const auto dense = dense_maps(model);
    const int64_t tokens = pool == "class_token" ? 7 : 6, first = tokens - 6;
    const auto layer = [&](int i) {
      return (dense[i].mean(0) + torch::eye(tokens, torch::kDouble)) / 2;
    };
    const auto product = layer(1).matmul(layer(0));
    const auto row = pool == "class_token" ? product[0]
                     : pool == "mean"      ? product.mean(0)
                                           : dense[2].mean(0)[0].matmul(product);
    expect_close(look(model, an_image()).rollout, row.slice(0, first).view({3, 2}));
  }
}

TEST(ImageMaps, PoolingAloneHasNoRollout) {
  auto model = model_with("attention", 0);
  const auto maps = look(model, an_image());
  ASSERT_EQ(maps.maps.size(), 1u);
  EXPECT_FALSE(maps.rollout.defined());
}

TEST(ImageMaps, ModelWithoutAttentionIsRefused) {
  auto model = model_with("mean", 0);
  EXPECT_THROW(look(model, an_image()), ModelError);
}

TEST(ImageMaps, TakesOneImage) {
  auto model = model_with("mean");
  EXPECT_THROW(look(model, torch::zeros({2, 1, 12, 8})), UsageError);
}

TEST(Selected, KeepsOneLayerAndOneHead) {
  auto model = model_with("attention");
  const auto all = look(model, an_image());
  const auto layer = selected(all, "2", 0);
  ASSERT_EQ(layer.maps.size(), 1u);
  EXPECT_EQ(layer.maps[0].title, "layer 2");
  EXPECT_EQ(layer.maps[0].heads.size(0), 2);
  const auto head = selected(all, "", 2);
  ASSERT_EQ(head.maps.size(), 3u);
  expect_close(head.maps[1].heads[0], all.maps[1].heads[1]);
  EXPECT_EQ(selected(all, "pooling", 1).maps[0].title, "pooling");
  EXPECT_TRUE(selected(all, "", 0).rollout.defined());
}

TEST(Selected, NamesWhatThereIs) {
  auto model = model_with("attention");
  const auto all = look(model, an_image());
  const auto message = [&](const std::string& layer, int64_t head) -> std::string {
    try {
      selected(all, layer, head);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(message("3", 0), HasSubstr("layer 1, layer 2, pooling"));
  EXPECT_THAT(message("0", 0), HasSubstr("layer 1, layer 2, pooling"));
  EXPECT_THAT(message("1", 3), HasSubstr("heads 1..2"));
  EXPECT_THAT(message("", -1), HasSubstr("heads 1..2"));
}

TEST(FigureOf, HasAPanelAHeadAndTheirMean) {
  auto model = model_with("class_token");
  const data::Image image{{1, 12, 8}, std::vector<uint8_t>(96)};
  const auto figure = figure_of(look(model, an_image()), image);
  std::vector<std::string> titles;
  for (const auto& strip : figure.strips) {
    for (const auto& panel : strip.panels) titles.push_back(panel.title);
  }
  EXPECT_THAT(titles, testing::ElementsAre("layer 1 head 1", "layer 1 head 2", "layer 1 mean",
                                           "layer 1 received", "layer 2 head 1", "layer 2 head 2",
                                           "layer 2 mean", "layer 2 received", "rollout"));
  const auto one = figure_of(selected(look(model, an_image()), "2", 2), image, 2);
  ASSERT_EQ(one.strips.size(), 1u);
  ASSERT_EQ(one.strips[0].panels.size(), 1u);
  EXPECT_EQ(one.strips[0].panels[0].title, "layer 2 head 2");
}

/// Of a decoder that writes four words about an image of 3 x 2 patches.
TEST(ImageMaps, WordsAreRowsOfCrossAttention) {
  torch::manual_seed(9);
  const auto root = std::make_shared<torch::nn::Module>();
  const auto block = root->register_module("block", std::make_shared<torch::nn::Module>());
  const auto attend = [&](const char* name) {
    return block->register_module(
        name, nn::MultiHeadAttention(
                  nn::MultiHeadAttentionOptions(8).attention(Attention::parse("num_heads=2"))));
  };
  auto attention = attend("attention"), cross = attend("cross");
  const torch::NoGradGuard no_grad;
  const auto written = torch::randn({1, 4, 8}) * 2, image = torch::randn({1, 6, 8}) * 2;
  const Recording seen(*root);
  attention->forward(written), cross->forward(written, image);
  const auto dense = seen.map(1).dense().to(torch::kDouble);  // (2, 4, 6)
  const TokenGrid grid{.rows = 3, .columns = 2};
  const auto maps =
      image_maps(seen.maps(), grid, {.words = {"a", "blue", "square", ".", "unread"}});
  ASSERT_EQ(maps.maps.size(), 1u);  // what words see of each other is not on the image
  EXPECT_EQ(maps.maps[0].title, "cross 1");
  expect_close(maps.maps[0].heads, dense.mean(1).view({2, 3, 2}));
  EXPECT_FALSE(maps.maps[0].received.defined());
  ASSERT_EQ(maps.words.size(), 4u);
  for (int64_t i = 0; i < 4; ++i)
    expect_close(maps.words[static_cast<size_t>(i)].weights,
                 dense.select(1, i).mean(0).view({3, 2}));
  EXPECT_EQ(maps.words[1].word, "blue");
  EXPECT_TRUE(selected(maps, "cross 1", 0).words.empty());
  const auto figure = figure_of(maps, data::Image{{1, 3, 2}, std::vector<uint8_t>(6)});
  ASSERT_EQ(figure.strips.size(), 2u);
  EXPECT_EQ(figure.strips[0].panels[3].title, ".");
  auto words = figure.strips[0];  // of one scale, eight in a row
  EXPECT_EQ(words.rows().size(), 1u);
  words.panels.resize(17, words.panels[0]);
  ASSERT_EQ(words.rows().size(), 3u);
  EXPECT_EQ(words.rows()[2].size(), 1u);
  EXPECT_EQ(figure.strips[1].rows().size(), 1u);
  const auto one = image_maps(seen.maps(), grid, {.query = 2});  // of learned queries
  expect_close(one.maps[0].heads, dense.select(1, 2).view({2, 3, 2}));
  expect_close(one.maps[0].received, dense.mean(at::IntArrayRef{0, 1}).view({3, 2}));
}

}  // namespace
}  // namespace heed::lens
