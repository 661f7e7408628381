#include "heed/models/image_classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/recording.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr ImageShape kShape{1, 12, 8};

ImageEncoderOptions small() {
  return ImageEncoderOptions().patch(4).width(8).layers(2).mlp_ratio(2);
}

ImageClassifier make(const ImageEncoderOptions& encoder, const char* how = "learned; num_heads=2",
                     ImageShape shape = kShape, int64_t classes = 3) {
  torch::manual_seed(1);
  return ImageClassifier(ImageClassifierOptions().encoder(encoder).attention(Attention::parse(how)),
                         shape, classes);
}

at::Tensor random_images(int64_t count, ImageShape shape = kShape) {
  return torch::randn({count, shape.channels, shape.height, shape.width});
}

std::vector<ImageEncoderOptions> variants() {
  std::vector<ImageEncoderOptions> all;
  for (const char* kind : {"image", "rows"})
    for (const char* stem : {"patch", "conv"})
      for (const char* pool : {"class_token", "attention", "mean"})
        for (const auto norm : {nn::Norm::pre, nn::Norm::post})
          for (const int64_t layers : {0, 2})
            all.push_back(small().kind(kind).stem(stem).pool(pool).norm(norm).layers(layers));
  return all;
}

TEST(ImageClassifier, EveryVariantGivesLogitsAndTrainsEveryParameter) {
  for (const auto& options : variants()) {
    SCOPED_TRACE(options.kind() + " " + options.stem() + " " + options.pool() + " " +
                 word_of(options.norm()) + " " + std::to_string(options.layers()));
    auto model = make(options);
    // Without blocks the class token has seen nothing, so only the others' parameters train.
    const bool blind = options.pool() == "class_token" && options.layers() == 0;
    const auto logits = model->forward(random_images(5));
    ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{5, 3}));
    torch::nll_loss(logits.log_softmax(1), torch::tensor({0, 1, 2, 0, 1})).backward();
    for (const auto& p : model->named_parameters()) {
      if (blind && p.key().find("stem") != std::string::npos) continue;
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  }
}

TEST(ImageClassifier, PositionsOfAGridAreToldThatOfTheTokens) {
  for (const char* position : {"sinusoidal_2d", "learned_2d", "rope_2d", "rope_2d(columns=2)"})
    for (const char* pool : {"class_token", "attention", "mean"}) {
      SCOPED_TRACE(std::string(position) + " " + pool);
      auto model = make(small().pool(pool), (std::string(position) + "; num_heads=2").c_str());
      const auto logits = model->forward(random_images(5));  // 3 rows of 2 tokens
      torch::nll_loss(logits.log_softmax(1), torch::tensor({0, 1, 2, 0, 1})).backward();
      for (const auto& p : model->named_parameters())
        EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  const auto encoder =
      ImageEncoder(small().pool("class_token"), Attention::parse("learned_2d"), kShape);
  EXPECT_EQ(encoder->position->row_table.size(0), 3);
  EXPECT_EQ(encoder->position->column_table.size(0), 2);
  EXPECT_EQ(encoder->position->options.position().at("first"), 1);
  EXPECT_EQ(encoder->attention, Attention::parse("learned_2d"));  // as the recipe says it
  EXPECT_THROW(make(small(), "rope_2d(columns=3); num_heads=2"), ModelError);
  EXPECT_THROW(make(small().pool("mean"), "rope_2d(first=1); num_heads=2"), ModelError);
}

TEST(ImageClassifier, BothEndsOfItsRanges) {
  for (const char* stem : {"patch", "conv"}) {
    auto one_token = make(small().stem(stem), "learned; num_heads=1", {1, 4, 4});
    EXPECT_EQ(one_token->grid().tokens(), 1);
    EXPECT_EQ(one_token->forward(random_images(2, {1, 4, 4})).size(0), 2);
    auto pixels = make(small().stem(stem).patch(1).layers(1), "rope; num_heads=4", {3, 5, 7}, 1);
    EXPECT_EQ(pixels->grid().tokens(), 35);
    EXPECT_EQ(pixels->forward(random_images(1, {3, 5, 7})).sizes(), (std::vector<int64_t>{1, 1}));
    auto model = make(small().stem(stem));
    EXPECT_EQ(model->forward(random_images(1)).size(0), 1);
    model->eval();
    EXPECT_EQ(model->forward(random_images(0)).sizes(), (std::vector<int64_t>{0, 3}));
  }
}

TEST(ImageClassifier, GridSaysWhereTokensLie) {
  const auto check = [](const ImageEncoderOptions& options, int64_t rows, int64_t columns) {
    const auto grid = make(options)->grid();
    EXPECT_EQ(grid.rows, rows);
    EXPECT_EQ(grid.columns, columns);
    EXPECT_EQ(grid.class_token, options.pool() == "class_token");
    EXPECT_EQ(grid.tokens(), rows * columns + (options.pool() == "class_token"));
  };
  check(small(), 3, 2);
  check(small().pool("class_token"), 3, 2);
  check(small().kind("rows"), 12, 1);
}

TEST(ImageClassifier, PatchesAreReadRowByRow) {
  auto model = make(small());
  auto& stem = *model->encoder->patch_stem;
  torch::NoGradGuard no_gradient;
  stem.linear->weight.fill_(1), stem.linear->bias.zero_();
  auto image = torch::zeros({1, 1, 12, 8});
  image[0][0][5][6] = 3;  // patch row 1, column 1: token 3
  const auto tokens = stem.forward(image);
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(tokens[0][i].max().item<double>(), i == 3 ? 3 : 0) << i;
}

TEST(ImageClassifier, BothStemsPutTokensInTheSamePlaces) {
  auto model = make(small().stem("conv"));
  model->eval();
  torch::NoGradGuard no_gradient;
  auto image = torch::zeros({1, 1, 12, 8});
  const auto empty = model->encoder->conv_stem->forward(image);
  image[0][0][9][1] = 100;  // patch row 2, column 0: token 4
  const auto change = (model->encoder->conv_stem->forward(image) - empty).abs().sum(2)[0];
  EXPECT_EQ(change.argmax().item<int64_t>(), 4);
}

TEST(ImageClassifier, RecordsAMapALayerAndOneOfThePool) {
  auto model = make(small());
  model->eval();
  Recording seen;
  model->forward(random_images(2));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen.map(0).name(), "encoder.layers.0.attention");
  EXPECT_EQ(seen.map(1).name(), "encoder.layers.1.attention");
  EXPECT_EQ(seen.map(2).name(), "encoder.pool");
  EXPECT_EQ(seen.map(0).keys(), model->grid().tokens());
  EXPECT_EQ(seen.map(2).queries(), 1);
}

TEST(ImageClassifier, ParameterNamesStandInFiles) {
  // A checkpoint is read by these names: a change here breaks every saved model.
  std::vector<std::string> names;
  for (const auto& p : make(small().stem("conv").pool("class_token").layers(1))->named_parameters())
    names.push_back(p.key());
  EXPECT_THAT(
      names,
      testing::UnorderedElementsAre(
          "encoder.class_token", "encoder.stem.convolutions.0.weight",
          "encoder.stem.convolutions.1.weight", "encoder.stem.convolutions.1.bias",
          "encoder.stem.convolutions.3.weight", "encoder.stem.convolutions.4.weight",
          "encoder.stem.convolutions.4.bias", "encoder.stem.convolutions.6.weight",
          "encoder.stem.convolutions.7.weight", "encoder.stem.convolutions.7.bias",
          "encoder.stem.linear.weight", "encoder.stem.linear.bias", "encoder.position.table",
          "encoder.layers.0.attention_norm.weight", "encoder.layers.0.attention_norm.bias",
          "encoder.layers.0.attention.qkv.weight", "encoder.layers.0.attention.qkv.bias",
          "encoder.layers.0.attention.output.weight", "encoder.layers.0.attention.output.bias",
          "encoder.layers.0.feed_forward_norm.weight", "encoder.layers.0.feed_forward_norm.bias",
          "encoder.layers.0.feed_forward.up.weight", "encoder.layers.0.feed_forward.up.bias",
          "encoder.layers.0.feed_forward.down.weight", "encoder.layers.0.feed_forward.down.bias",
          "encoder.norm.weight", "encoder.norm.bias", "head.weight", "head.bias"));
}

TEST(ImageClassifier, ClonesWithItsWeightsAndNames) {
  auto model = make(small().stem("conv"));
  model->eval();
  const auto copy = std::dynamic_pointer_cast<ImageClassifierImpl>(model->clone());
  copy->eval();
  const auto images = random_images(2);
  EXPECT_TRUE(copy->forward(images).equal(model->forward(images)));
  Recording seen;
  copy->forward(images);
  EXPECT_EQ(seen.map(1).name(), "encoder.layers.1.attention");
}

TEST(ImageClassifier, StochasticDepthGrowsWithTheLayer) {
  auto model = make(small().layers(3).stochastic_depth(0.4));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_DOUBLE_EQ(
        model->encoder->layers[i]->as<nn::TransformerBlockImpl>()->options.stochastic_depth(),
        0.2 * i);
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const ModelError& error) {
    return error.what();
  }
  return "no ModelError";
}

TEST(ImageClassifier, RefusesWhatDoesNotFitByField) {
  EXPECT_EQ(refusal([] { make(small().patch(5)); }),
            "encoder.patch: expected a divisor of the images' height 12, given 5; choose another "
            "patch or resize the images");
  EXPECT_THAT(refusal([] {
                make(small().patch(3).stem("conv"), "none", {1, 9, 9});
              }),
              HasSubstr("encoder.patch: stem = \"conv\""));
  EXPECT_THAT(refusal([] { make(small().pool("attn")); }), HasSubstr("encoder.pool"));
  EXPECT_THAT(refusal([] { make(small().kind("row")); }), HasSubstr("did you mean 'rows'?"));
  EXPECT_THAT(refusal([] { make(small().width(6), "num_heads=4"); }),
              HasSubstr("encoder.width: expected a multiple of attention.num_heads = 4, given 6"));
  EXPECT_THAT(refusal([] { make(small().dropout(1)); }), HasSubstr("encoder.dropout"));
  EXPECT_THAT(refusal([] { make(small().layers(-1)); }), HasSubstr("encoder.layers"));
  EXPECT_THAT(refusal([] { make(small().patch(0)); }), HasSubstr("encoder.patch"));
  EXPECT_THAT(refusal([] { make(small(), "key_lengths"); }), HasSubstr("attention.masks"));
  EXPECT_THAT(refusal([] { make(small(), "bias"); }), HasSubstr("attention.modifiers"));
  EXPECT_THAT(refusal([] { make(small(), "learned(2)"); }), HasSubstr("attention.position"));
  EXPECT_THAT(refusal([] { make(small(), "none", kShape, 0); }), HasSubstr("classes"));
  EXPECT_THAT(refusal([] { make(small(), "none", {0, 12, 8}); }), HasSubstr("channels"));
  EXPECT_THROW(make(small())->forward(torch::zeros({2, 1, 8, 12})), UsageError);
  EXPECT_THROW(make(small())->forward(torch::zeros({2, 1, 12, 8}, at::kByte)), UsageError);
}

}  // namespace
}  // namespace heed
