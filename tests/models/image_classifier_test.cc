#include "heed/models/image_classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/recording.h"
#include "words.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr ImageShape kShape{1, 12, 8};

ImageEncoderOptions small(const char* how = "learned; num_heads=2", const char* stem = "patch") {
  ImageEncoderOptions options;
  options.patch = 4, options.width = 8, options.layers = 2, options.hidden = 16;
  options.stem = test::Word{stem}, options.attention = Attention::parse(how);
  return options;
}

ImageEncoderOptions with_class_token(ImageEncoderOptions options = small()) {
  options.class_token = true;
  return options;
}

ImageClassifier make(const ImageEncoderOptions& encoder, const char* pool = "attention",
                     ImageShape shape = kShape, int64_t classes = 3) {
  torch::manual_seed(1);
  return ImageClassifier(ImageClassifierOptions().encoder(encoder).pool(test::Word{pool}), shape,
                         classes);
}

at::Tensor random_images(int64_t count, ImageShape shape = kShape) {
  return torch::randn({count, shape.channels, shape.height, shape.width});
}

struct Variant {
  ImageEncoderOptions encoder;
  const char* pool;
};

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const char* tokens : {"patches", "rows"})
    for (const char* stem : {"patch", "conv"})
      for (const char* gate : {"none", "squeeze_excitation", "cbam"})
        for (const char* pool : {"class_token", "attention", "mean"})
          for (const auto norm : {nn::Norm::pre, nn::Norm::post})
            for (const int64_t layers : {0, 2}) {
              auto options = small();
              options.tokens = test::Word{tokens}, options.stem = test::Word{stem},
              options.gate = test::Word{gate};
              options.class_token = std::string(pool) == "class_token";
              options.norm = norm, options.layers = layers;
              all.push_back({options, pool});
            }
  return all;
}

TEST(ImageClassifier, EveryVariantGivesLogitsAndTrainsEveryParameter) {
  for (const auto& [options, pool] : variants()) {
    SCOPED_TRACE(std::string(word_of(options.tokens)) + " " + word_of(options.stem) + " " +
                 word_of(options.gate) + " " + pool + " " + word_of(options.norm) + " " +
                 std::to_string(options.layers));
    auto model = make(options, pool);
    // Without blocks the class token has seen nothing, so only the others' parameters train.
    const bool blind = options.class_token && options.layers == 0;
    const auto logits = model->forward(random_images(5));
    ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{5, 3}));
    torch::nll_loss(logits.log_softmax(1), torch::tensor({0, 1, 2, 0, 1})).backward();
    for (const auto& p : model->named_parameters()) {
      if (blind && p.key().find("stem") != std::string::npos) continue;
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      // What is hidden in a gate of 4 channels may all be cut by its ReLU.
      const bool of_gate = options.gate != StemGate::none &&
                           p.key().find("stem.conv") != std::string::npos &&
                           (p.key().find(".down.") != std::string::npos ||
                            p.key().find(".up.weight") != std::string::npos);
      if (of_gate) continue;
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  }
}

TEST(ImageClassifier, PositionsOfAGridAreToldThatOfTheTokens) {
  for (const char* position : {"sinusoidal_2d", "learned_2d", "rope_2d", "rope_2d(columns=2)"})
    for (const char* pool : {"class_token", "attention", "mean"}) {
      SCOPED_TRACE(std::string(position) + " " + pool);
      auto options = small((std::string(position) + "; num_heads=2").c_str());
      options.class_token = std::string(pool) == "class_token";
      auto model = make(options, pool);
      const auto logits = model->forward(random_images(5));  // 3 rows of 2 tokens
      torch::nll_loss(logits.log_softmax(1), torch::tensor({0, 1, 2, 0, 1})).backward();
      for (const auto& p : model->named_parameters())
        EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
    }
  const auto encoder = ImageEncoder(with_class_token(small("learned_2d")), kShape);
  EXPECT_EQ(encoder->position->row_table.size(0), 3);
  EXPECT_EQ(encoder->position->column_table.size(0), 2);
  EXPECT_EQ(encoder->position->options.position().at("first"), 1);
  // As the recipe says it.
  EXPECT_EQ(encoder->options.attention, Attention::parse("learned_2d"));
  EXPECT_THROW(make(small("rope_2d(columns=3); num_heads=2")), ModelError);
  EXPECT_THROW(make(small("rope_2d(first=1); num_heads=2"), "mean"), ModelError);
}

TEST(ImageClassifier, BothEndsOfItsRanges) {
  for (const char* stem : {"patch", "conv"}) {
    auto one_token = make(small("learned; num_heads=1", stem), "attention", {1, 4, 4});
    EXPECT_EQ(one_token->grid().tokens(), 1);
    EXPECT_EQ(one_token->forward(random_images(2, {1, 4, 4})).size(0), 2);
    auto of_pixels = small("rope; num_heads=4", stem);
    of_pixels.patch = 1, of_pixels.layers = 1;
    auto pixels = make(of_pixels, "attention", {3, 5, 7}, 1);
    EXPECT_EQ(pixels->grid().tokens(), 35);
    EXPECT_EQ(pixels->forward(random_images(1, {3, 5, 7})).sizes(), (std::vector<int64_t>{1, 1}));
    auto model = make(small("learned; num_heads=2", stem));
    EXPECT_EQ(model->forward(random_images(1)).size(0), 1);
    model->eval();
    EXPECT_EQ(model->forward(random_images(0)).sizes(), (std::vector<int64_t>{0, 3}));
  }
}

TEST(ImageEncoder, GatesOfTheStemTrain) {
  for (const char* gate : {"squeeze_excitation", "cbam"}) {
    auto options = small("learned; num_heads=2", "conv");
    options.width = 64, options.layers = 0, options.gate = test::Word{gate};
    torch::manual_seed(2);
    ImageEncoder encoder(options, kShape);
    const auto states =
        encoder->forward(Batch{.tensors = {{"image", torch::randn({5, 1, 12, 8})}}, .records = {}})
            .states;
    (states * torch::randn_like(states)).sum().backward();
    for (const auto& p : encoder->named_parameters())
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << gate << " " << p.key();
  }
}

/// The gate of one token, by hand in float64: stem (M), states (M) -> the number that weighs stem.
double gate_of(nn::AttentionGateImpl& gate, const at::Tensor& stem, const at::Tensor& states) {
  const auto matrix = [](const at::Tensor& kernel) { return kernel.to(at::kDouble).flatten(1); };
  const auto hidden = matrix(gate.of_x->weight).mv(stem.to(at::kDouble)) +
                      matrix(gate.of_signal->weight).mv(states.to(at::kDouble)) +
                      gate.of_signal->bias.to(at::kDouble);
  const auto score =
      matrix(gate.psi->weight)[0].dot(hidden.clamp_min(0)) + gate.psi->bias[0].to(at::kDouble);
  return 1 / (1 + std::exp(-score.item<double>()));
}

TEST(ImageEncoder, SkipLetsTheStemPastTheBlocksWhereTheyFindItRelevant) {
  torch::NoGradGuard no_gradient;
  for (const char* tokens : {"patches", "rows"})
    for (const char* stem : {"patch", "conv"}) {
      auto options = small("learned; num_heads=2", stem);
      options.tokens = test::Word{tokens};
      ImageEncoder plain(options, kShape);
      options.skip = ImageSkip::attention_gate;
      torch::manual_seed(3);
      ImageEncoder encoder(options, kShape);
      for (auto& p : encoder->skip->parameters()) torch::nn::init::normal_(p);
      encoder->eval(), plain->eval();
      for (auto& p : plain->named_parameters())
        p.value().set_data(encoder->named_parameters()[p.key()]);
      const Batch batch{.tensors = {{"image", random_images(3)}}, .records = {}};
      const auto states = plain->forward(batch).states, with_skip = encoder->forward(batch).states;
      const auto image = batch.at("image");
      const auto of_stem = encoder->conv_stem ? encoder->conv_stem->forward(image)
                                              : encoder->patch_stem->forward(image);
      double least = 1, most = 0;
      for (int64_t b = 0; b < 3; ++b)
        for (int64_t i = 0; i < states.size(1); ++i) {
          const double a = gate_of(*encoder->skip, of_stem[b][i], states[b][i]);
          least = std::min(least, a), most = std::max(most, a);
          EXPECT_TRUE(
              torch::allclose(with_skip[b][i], states[b][i] + a * of_stem[b][i], 1e-5, 1e-5))
              << tokens << " " << stem << " " << b << " " << i;
        }
      EXPECT_LT(least, most - 0.1) << "tokens are weighed by themselves";
    }
}

TEST(ImageEncoder, SkipTrains) {
  auto options = small("learned; num_heads=2", "conv");
  options.skip = ImageSkip::attention_gate;
  torch::manual_seed(2);
  ImageEncoder encoder(options, kShape);
  const auto states =
      encoder->forward(Batch{.tensors = {{"image", random_images(5)}}, .records = {}}).states;
  (states * torch::randn_like(states)).sum().backward();
  for (const auto& p : encoder->skip->named_parameters())
    EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
}

TEST(ImageEncoder, GivesTokensOnAGrid) {
  const auto check = [](const ImageEncoderOptions& options, int64_t rows, int64_t columns) {
    ImageEncoder encoder(options, kShape);
    const auto tokens =
        encoder->forward(Batch{.tensors = {{"image", random_images(5)}}, .records = {}});
    ASSERT_TRUE(tokens.grid);
    EXPECT_EQ(tokens.grid->rows, rows);
    EXPECT_EQ(tokens.grid->columns, columns);
    EXPECT_EQ(tokens.grid->class_token, options.class_token);
    EXPECT_EQ(tokens.states.sizes(),
              (std::vector<int64_t>{5, rows * columns + options.class_token, 8}));
    EXPECT_FALSE(tokens.lengths.defined());
    EXPECT_EQ(encoder->max_positions(), rows * columns + options.class_token);
  };
  check(small(), 3, 2);
  check(with_class_token(), 3, 2);
  auto rows = small();
  rows.tokens = ImageTokens::rows;
  check(rows, 12, 1);
  auto linear = small();
  linear.attention_type = nn::AttentionType::linear;
  check(linear, 3, 2);
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
  auto model = make(small("learned; num_heads=2", "conv"));
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
  Recording seen(*model);
  model->forward(random_images(2));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen.map(0).name(), "encoder.layers.0.attention");
  EXPECT_EQ(seen.map(1).name(), "encoder.layers.1.attention");
  EXPECT_EQ(seen.map(2).name(), "pool");
  EXPECT_EQ(seen.map(0).keys(), model->grid().tokens());
  EXPECT_EQ(seen.map(2).queries(), 1);
}

TEST(ImageClassifier, ParameterNamesStandInFiles) {
  // A checkpoint is read by these names: a change here breaks every saved model.
  std::vector<std::string> names;
  auto options = with_class_token(small("learned; num_heads=2", "conv"));
  options.layers = 1;
  for (const auto& p : make(options, "class_token")->named_parameters()) names.push_back(p.key());
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

TEST(ImageClassifier, StochasticDepthGrowsWithTheLayer) {
  auto options = small();
  options.layers = 3, options.stochastic_depth = 0.4;
  auto model = make(options);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_DOUBLE_EQ(model->encoder->blocks.layers[i]
                         ->as<nn::TransformerBlockImpl>()
                         ->options.stochastic_depth(),
                     0.2 * double(i));
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
  const auto refused = [](const std::function<void(ImageEncoderOptions&)>& change,
                          ImageShape shape = kShape) {
    auto options = small();
    change(options);
    return refusal([&] { make(options, "attention", shape); });
  };
  EXPECT_EQ(refused([](auto& o) { o.patch = 5; }),
            "encoder.patch: expected a divisor of the images' height 12, given 5; choose another "
            "patch or resize the images");
  EXPECT_THAT(refused([](auto& o) { o.patch = 3, o.stem = ImageStem::conv; }, {1, 9, 9}),
              HasSubstr("encoder.patch: stem = \"conv\""));
  EXPECT_THAT(refused([](auto& o) { o.width = 7; }),
              HasSubstr("encoder.width: expected a multiple of attention.num_heads = 2, given 7"));
  EXPECT_THAT(refused([](auto& o) { o.skip = ImageSkip::attention_gate, o.class_token = true; }),
              HasSubstr("encoder.skip: attention_gate adds to all tokens but the class token"));
  EXPECT_THAT(refused([](auto& o) { o.dropout = 1; }), HasSubstr("encoder.dropout"));
  EXPECT_THAT(refused([](auto& o) { o.layers = -1; }), HasSubstr("encoder.layers"));
  EXPECT_THAT(refused([](auto& o) { o.patch = 0; }), HasSubstr("encoder.patch"));
  for (const char* how : {"key_lengths", "bias", "learned(2)"})
    EXPECT_THAT(refused([&](auto& o) { o.attention = Attention::parse(how); }),
                HasSubstr("attention."));
  EXPECT_THAT(refused([](auto&) {}, {0, 12, 8}), HasSubstr("channels"));
  EXPECT_THAT(refusal([] { make(small(), "class_token"); }),
              HasSubstr("encoder.class_token = true"));
  EXPECT_THAT(refusal([] { make(small(), "attention", kShape, 0); }), HasSubstr("classes"));
  EXPECT_THROW(make(small())->forward(torch::zeros({2, 1, 8, 12})), UsageError);
  EXPECT_THROW(make(small())->forward(torch::zeros({2, 1, 12, 8}, at::kByte)), UsageError);
}

}  // namespace
}  // namespace heed
