#include "heed/models/series_encoder.h"

#include "models/encoders.h"
#include "words.h"

namespace heed::series_encoder_test {
namespace {

using testing::HasSubstr;

constexpr int64_t kChannels = 3, kPast = 10, kKnown = 2, kFuture = 4;

SeriesEncoderOptions small(const char* tokens, const char* how = "num_heads=2") {
  SeriesEncoderOptions options;
  options.tokens = test::Word{tokens}, options.patch = 4, options.stride = 3;
  options.width = 8, options.hidden = 12, options.dropout = 0;
  options.attention = Attention::parse(how);
  return options;
}

SeriesEncoder make(const SeriesEncoderOptions& options, const SeriesShape& shape) {
  torch::manual_seed(5);
  return SeriesEncoder(options, shape);
}

SeriesShape shape_of(bool known, bool future, bool observed) {
  return {.channels = kChannels,
          .past = kPast,
          .known = known ? kKnown : 0,
          .future = known && future ? kFuture : 0,
          .observed = observed};
}

Batch series(const SeriesShape& shape, int64_t B = 2) {
  torch::manual_seed(6);
  auto batch = batch_of({{"past", torch::randn({B, shape.channels, shape.past}) * 3 + 20}});
  auto& t = batch.tensors;
  if (shape.known > 0) t["past_known"] = torch::randn({B, shape.known, shape.past});
  if (shape.future > 0) t["future_known"] = torch::randn({B, shape.known, shape.future});
  if (shape.observed) t["observed"] = torch::rand({B, shape.channels, shape.past}) < 0.7;
  return batch;
}

TEST(SeriesEncoder, EveryFormGivesTokensAndTrainsEveryParameter) {
  for (const char* tokens : {"patches", "variates"})
    for (const char* how : {"num_heads=2", "learned; num_heads=2", "sinusoidal; num_heads=2"})
      for (const bool known : {false, true})
        for (const bool future : {false, true})
          for (const bool observed : {false, true}) {
            SCOPED_TRACE(std::string(tokens) + " " + how + (known ? " known" : "") +
                         (future ? " future" : "") + (observed ? " observed" : ""));
            const auto shape = shape_of(known, future, observed);
            auto encoder = make(small(tokens, how), shape);
            const auto out = encoder->forward(series(shape));
            const bool patches = std::string(tokens) == "patches";
            const int64_t rows = kChannels + (patches || !known ? 0 : kKnown);
            const int64_t columns = patches ? (kPast + shape.future - 4) / 3 + 2 : 1;
            EXPECT_EQ(out.states.sizes(), (std::vector<int64_t>{2, rows * columns, 8}));
            EXPECT_EQ(out.grid->rows, rows);
            EXPECT_EQ(out.grid->columns, columns);
            EXPECT_FALSE(out.lengths.defined());
            EXPECT_EQ(out.extra.at("mean").sizes(), (std::vector<int64_t>{2, kChannels}));
            expect_gradients(*encoder, series(shape));
          }
}

TEST(SeriesEncoder, NormalisesEachWindowOverWhatIsObserved) {
  const auto shape = shape_of(false, false, true);
  auto encoder = make(small("variates"), shape);
  auto batch = series(shape);
  auto& past = batch.tensors["past"];
  past = past.to(at::kDouble), encoder->to(at::kDouble);
  const auto observed = batch.at("observed");
  const auto out = encoder->forward(batch);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t c = 0; c < kChannels; ++c) {
      const auto seen = past[b][c].masked_select(observed[b][c]);
      const auto mean = seen.mean(), std = (seen.var(/*unbiased=*/false) + 1e-5).sqrt();
      EXPECT_TRUE(out.extra.at("mean")[b][c].allclose(mean, 1e-12));
      EXPECT_TRUE(out.extra.at("std")[b][c].allclose(std, 1e-9));
    }
  // A window of another level and scale gives the same tokens but for the small number in std.
  batch.tensors["past"] = past * 50 + 1000;
  EXPECT_TRUE(encoder->forward(batch).states.allclose(out.states, 1e-4, 1e-4));
  // One that is constant, or of which nothing is observed, is all zero.
  batch.tensors["past"] = torch::full_like(past, 7);
  EXPECT_TRUE(encoder->forward(batch).states.isfinite().all().item<bool>());
  batch.tensors["observed"] = torch::zeros_like(observed);
  EXPECT_TRUE(encoder->forward(batch).states.isfinite().all().item<bool>());
}

TEST(SeriesEncoder, WhatIsMissingHasNoInfluence) {
  const torch::NoGradGuard no_gradient;
  for (const char* tokens : {"patches", "variates"})
    for (const bool normalize : {false, true}) {
      auto options = small(tokens);
      options.normalize = normalize;
      const auto shape = shape_of(true, true, true);
      auto encoder = make(options, shape);
      encoder->eval();
      auto batch = series(shape);
      const auto states = encoder->forward(batch).states;
      const auto missing = batch.at("observed").logical_not();
      for (const double other : {1e30, std::nan(""), double(INFINITY)}) {
        batch.tensors["past"] = batch.at("past").masked_fill(missing, other);
        EXPECT_TRUE(encoder->forward(batch).states.equal(states)) << tokens << " " << other;
      }
    }
}

TEST(SeriesEncoder, PatchesLieWhereItSays) {
  auto options = small("patches");
  options.layers = 0, options.norm = nn::Norm::post, options.normalize = false;
  const auto shape = shape_of(false, false, false);
  auto encoder = make(options, shape);
  const auto batch = series(shape);
  const auto states = encoder->forward(batch).states;
  const int64_t L = encoder->grid().columns;
  ASSERT_EQ(L, 4);
  const auto past = batch.at("past");
  const auto longer = torch::cat({past, past.narrow(2, kPast - 1, 1).expand({2, kChannels, 3})}, 2);
  for (int64_t c = 0; c < kChannels; ++c)
    for (int64_t l = 0; l < L; ++l) {
      const auto patch = longer.select(1, c).narrow(1, l * 3, 4);
      EXPECT_TRUE(states.select(1, c * L + l).allclose(encoder->value->forward(patch), 1e-5, 1e-5));
    }
}

TEST(SeriesEncoder, PatchesOfAChannelSeeNoOtherAndVariatesDo) {
  const torch::NoGradGuard no_gradient;
  const auto shape = shape_of(false, false, false);
  for (const char* tokens : {"patches", "variates"}) {
    auto encoder = make(small(tokens), shape);
    encoder->eval();
    auto batch = series(shape);
    const auto before = encoder->forward(batch).states;
    batch.tensors["past"].select(1, 2).copy_(torch::randn({2, kPast}));
    const auto after = encoder->forward(batch).states;
    const int64_t others = 2 * encoder->grid().columns;
    EXPECT_EQ(before.narrow(1, 0, others).equal(after.narrow(1, 0, others)),
              std::string(tokens) == "patches");
  }
}

TEST(SeriesEncoder, RecordsMapsOfChannels) {
  const auto shape = shape_of(true, true, false);
  const auto keys_of = [&](const char* tokens) {
    auto encoder = make(small(tokens), shape);
    Recording seen(*encoder);
    encoder->forward(series(shape));
    EXPECT_THAT(names_of(seen), testing::ElementsAre("layers.0.attention", "layers.1.attention"));
    return seen.map(0).keys();
  };
  EXPECT_EQ(keys_of("patches"), (kPast + kFuture - 4) / 3 + 2);
  EXPECT_EQ(keys_of("variates"), kChannels + kKnown);
}

TEST(SeriesEncoder, BothEndsOfItsRanges) {
  auto options = small("patches");
  options.patch = 1, options.stride = 1;
  EXPECT_EQ(make(options, {.channels = 1, .past = 1})
                ->forward(series({.channels = 1, .past = 1}, 1))
                .states.sizes(),
            (std::vector<int64_t>{1, 2, 8}));
  options.patch = 1, options.stride = 50;
  EXPECT_EQ(make(options, shape_of(false, false, false))->grid().columns, 2);
  options.patch = kPast;
  const auto shape = shape_of(false, false, false);
  EXPECT_EQ(make(options, shape)->forward(series(shape, 0)).states.sizes(),
            (std::vector<int64_t>{0, 2 * kChannels, 8}));
}

TEST(SeriesEncoder, LearnsWhichWaveItSees) {
  for (const char* tokens : {"patches", "variates"}) {
    torch::manual_seed(test::learning_seed(3));
    auto options = small(tokens, "learned; num_heads=2");
    options.width = 16, options.layers = 1, options.hidden = 32;
    SeriesEncoder encoder(options, SeriesShape{.channels = 1, .past = 24});
    const auto draw = [] {
      const auto answers = torch::randint(0, 3, {32}, at::kLong);
      const auto phase = torch::rand({32, 1}) * 6.28, level = torch::randn({32, 1}) * 100;
      const auto t = torch::arange(24).unsqueeze(0).to(at::kFloat);
      const auto x = torch::sin(t * (answers.unsqueeze(1) + 1) * 0.4 + phase) + level;
      return std::pair(batch_of({{"past", x.unsqueeze(1)}}), answers);
    };
    const auto pick = [](const Tokens& tokens) { return tokens.states.mean(1); };
    const double right = learn(*encoder, {.classes = 3, .draw = draw, .pick = pick, .steps = 300});
    test::expect_learned(std::string("series encoder, ") + tokens, right, 0.8);
  }
}

TEST(SeriesEncoder, RefusesWhatDoesNotFit) {
  const auto refusal = [](SeriesEncoderOptions options, const SeriesShape& shape) {
    return refusal_of<ModelError>([&] { make(options, shape); });
  };
  const auto shape = shape_of(true, true, false);
  auto options = small("patches");
  options.patch = 15;
  EXPECT_EQ(refusal(options, shape),
            "encoder.patch: expected at most the window's steps = 14, given 15");
  options.patch = 0;
  EXPECT_THAT(refusal(options, shape), HasSubstr("encoder.patch: expected from 1 to 1073741824"));
  EXPECT_THAT(refusal(small("patches", "key_lengths; num_heads=2"), shape),
              HasSubstr("'key_lengths' needs a tensor"));
  EXPECT_THAT(refusal(small("patches"), {.channels = 0, .past = 9}), HasSubstr("channels"));
  EXPECT_THAT(refusal(small("patches"), {.channels = 1, .past = 9, .future = 2}),
              HasSubstr("future 0 without known"));
  auto encoder = make(small("patches"), shape);
  const auto call = [&](const std::function<void(Batch&)>& change) {
    auto batch = series(shape);
    change(batch);
    return refusal_of<UsageError>([&] { encoder->forward(batch); });
  };
  EXPECT_THAT(call([](Batch& b) {
                b.tensors["past"] = torch::zeros({2, 3, 9});
              }),
              HasSubstr("past: expected shape (B, C = 3, T = 10) of a floating dtype"));
  EXPECT_THAT(call([](Batch& b) { b.tensors.erase("future_known"); }),
              HasSubstr("no tensor 'future_known'"));
  EXPECT_THAT(call([](Batch& b) {
                b.tensors["past_known"] = torch::zeros({3, 2, 10});
              }),
              HasSubstr("past_known: expected shape (B = 2, K = 2, T = 10)"));
  EXPECT_THAT(call([](Batch& b) {
                b.tensors["observed"] = torch::ones({2, 3, 10}, at::kBool);
              }),
              HasSubstr("without missing values"));
}

}  // namespace
}  // namespace heed::series_encoder_test
