#include "heed/models/text_encoder.h"

#include "heed/nn/token_convolution.h"
#include "models/encoders.h"
#include "nn/linear.h"
#include "words.h"

namespace heed::text_encoder_test {
namespace {

using testing::HasSubstr;

const std::vector<std::vector<int64_t>> kTexts = {{4, 5, 6, 7, 8}, {3}, {}, {9, 8, 7, 6, 5, 4, 3}};

TextEncoderOptions small(const char* how = "sinusoidal; num_heads=2") {
  TextEncoderOptions options;
  options.width = 8, options.hidden = 12, options.dropout = 0, options.embedding_dropout = 0;
  options.attention = Attention::parse(how);
  return options;
}

TextEncoder make(const TextEncoderOptions& options, const TextShape& shape = {.vocabulary = 10}) {
  torch::manual_seed(5);
  return TextEncoder(options, shape);
}

/// As BERT is.
TextEncoderOptions bert_like() {
  auto options = small("learned(9, first=2); num_heads=2");
  options.norm = nn::Norm::post, options.norm_eps = 1e-12;
  options.embedding_norm = true, options.segment_types = 2;
  return options;
}

/// As ALBERT is: narrow embeddings, and layers that share their parameters.
TextEncoderOptions albert_like() {
  auto options = bert_like();
  options.embedding_width = 5, options.layers = 4, options.layer_groups = 2;
  options.activation = nn::Activation::gelu_tanh;
  return options;
}

/// As ModernBERT is: no biases, gated, windows in some layers.
TextEncoderOptions local_like() {
  auto options = small("rope(100); num_heads=2");
  options.biases = {}, options.gated = true;
  options.embedding_norm = true, options.first_norm = false, options.layers = 3;
  options.local_layers = {1}, options.local_attention = Attention::parse("rope; window(1, 1)");
  return options;
}

std::vector<TextEncoderOptions> forms() {
  std::vector<TextEncoderOptions> all;
  for (const char* how :
       {"num_heads=2", "learned(7); num_heads=2", "rope; num_heads=4/2",
        "alibi; causal; num_heads=2", "additive; relative(4); entmax15; num_heads=2",
        "sinusoidal; window(2, 2); key_lengths; num_heads=2"})
    all.push_back(small(how));
  for (const char* feature : {"elu", "favor"})
    for (const char* how : {"sinusoidal; num_heads=2", "causal; num_heads=2/1"}) {
      all.push_back(small(how));
      all.back().attention_type = nn::AttentionType::linear,
      all.back().linear_feature = test::Word{feature};
    }
  for (const char* rule : {"gated", "delta", "gated_delta"}) {
    all.push_back(small("causal; num_heads=2"));
    all.back().attention_type = nn::AttentionType::linear,
    all.back().linear_rule = test::Word{rule};
    all.back().linear_feature = LinearFeature::none, all.back().linear_normalize = false;
  }
  all.push_back(small()), all.back().convolutions = 2, all.back().norm = nn::Norm::post;
  all.push_back(small()), all.back().convolutions = 1, all.back().layers = 0;
  all.push_back(small("causal; num_heads=2")), all.back().convolutions = 1, all.back().kernel = 4;
  all.push_back(small()), all.back().scale_embeddings = true,
                          all.back().activation = nn::Activation::relu;
  all.push_back(bert_like()), all.push_back(albert_like()), all.push_back(local_like());
  return all;
}

std::string name_of(const TextEncoderOptions& options) {
  return options.attention.text() + " " + word_of(options.attention_type) + " " +
         word_of(options.linear_rule) + " " + word_of(options.linear_feature) + " layers " +
         std::to_string(options.layers) + " convolutions " + std::to_string(options.convolutions);
}

TEST(TextEncoder, EveryFormGivesTokensAndTrainsEveryParameter) {
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto encoder = make(options);
    const auto batch = sequences_of("tokens", kTexts);
    const auto tokens = encoder->forward(batch);
    EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{4, 7, 8}));
    EXPECT_TRUE(tokens.lengths.equal(batch.at("lengths")));
    EXPECT_FALSE(tokens.grid);
    EXPECT_EQ(encoder->width(), 8);
    expect_gradients(*encoder, batch);
  }
}

TEST(TextEncoder, PaddingHasNoInfluence) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto encoder = make(options);
    encoder->eval();
    const auto states = real_states(encoder->forward(sequences_of("tokens", kTexts)));
    EXPECT_TRUE(states.isfinite().all().item<bool>());
    // What stands there, even what is no token.
    EXPECT_TRUE(real_states(encoder->forward(sequences_of("tokens", kTexts, 1000))).equal(states));
    // How much there is, as far as products of matrices allow.
    if (encoder->max_positions() == 0) {
      const auto longer = real_states(encoder->forward(sequences_of("tokens", kTexts, -7, 12)));
      EXPECT_TRUE(longer.allclose(states, 1e-4, 1e-5)) << (longer - states).abs().max();
      if (options.attention_type == nn::AttentionType::softmax) {
        const nn::RowsAlone alone;
        const auto shorter = real_states(encoder->forward(sequences_of("tokens", kTexts)));
        EXPECT_TRUE(
            real_states(encoder->forward(sequences_of("tokens", kTexts, -7, 12))).equal(shorter));
      }
    }
    for (const auto& text : kTexts) {
      if (text.empty()) continue;
      const auto own = real_states(encoder->forward(sequences_of("tokens", {text})));
      const auto here = real_states(encoder->forward(sequences_of("tokens", {text, kTexts[3]})));
      EXPECT_TRUE(own.allclose(here.narrow(0, 0, own.size(0)), 1e-4, 1e-5));
    }
  }
}

TEST(TextEncoder, CausalOnesSeeNothingBehind) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options : forms()) {
    SCOPED_TRACE(name_of(options));
    auto encoder = make(options);
    encoder->eval();
    const auto one = encoder->forward(sequences_of("tokens", {{4, 5, 6, 7, 8}})).states;
    const auto other = encoder->forward(sequences_of("tokens", {{4, 5, 6, 7, 9}})).states;
    const bool same = one.narrow(1, 0, 4).allclose(other.narrow(1, 0, 4), 1e-5, 1e-6);
    EXPECT_EQ(same, options.attention.has_mask("causal"));
  }
}

TEST(TextEncoder, EmbedsAsItSays) {
  auto options = small("learned; num_heads=2");
  options.layers = 0, options.norm = nn::Norm::post, options.max_positions = 7;
  options.scale_embeddings = true;
  auto encoder = make(options, {.vocabulary = 10, .segments = 2});
  auto batch = sequences_of("tokens", kTexts);
  batch.tensors["segments"] = batch.at("tokens") % 2;
  const auto states = encoder->forward(batch).states;
  EXPECT_EQ(encoder->max_positions(), 7);
  for (int64_t t = 0; t < 5; ++t) {
    const int64_t id = kTexts[0][static_cast<size_t>(t)];
    const auto expected = encoder->embedding.words[id] * std::sqrt(8.0) +
                          encoder->embedding.segments[id % 2] +
                          encoder->embedding.position->table[t];
    EXPECT_TRUE(states[0][t].allclose(expected, 1e-6, 1e-6)) << t;
  }
  expect_gradients(*encoder, batch);
}

TEST(TextEncoder, NormalisesAndWidensEmbeddings) {
  auto options = albert_like();
  options.layers = options.layer_groups = 0, options.norm_eps = 0.1;
  auto encoder = make(options);
  const auto batch = sequences_of("tokens", kTexts);
  const auto states = encoder->forward(batch).states;
  const auto& embedding = encoder->embedding;
  EXPECT_EQ(embedding.words.sizes(), (std::vector<int64_t>{10, 5}));
  EXPECT_EQ(embedding.segments.sizes(), (std::vector<int64_t>{2, 5}));
  for (int64_t t = 0; t < 5; ++t) {
    const auto sum = embedding.words[kTexts[0][static_cast<size_t>(t)]] + embedding.segments[0] +
                     embedding.position->table[t + 2];
    const auto normed = (sum - sum.mean()) / ((sum - sum.mean()).square().mean() + 0.1).sqrt();
    const auto expected = embedding.projection->weight.mv(normed) + embedding.projection->bias;
    EXPECT_TRUE(states[0][t].allclose(expected, 1e-5, 1e-6)) << t;
  }
  expect_gradients(*encoder, batch);
  auto texts = sequences_of("tokens", {{1, 2, 3, 4, 5, 6, 7, 8}});
  EXPECT_THAT(refusal_of<UsageError>([&] { encoder->forward(texts); }), HasSubstr("at most"));
}

TEST(TextEncoder, GroupsOfLayersShareTheirParameters) {
  const torch::NoGradGuard no_gradient;
  auto shared = make(albert_like());
  EXPECT_EQ(shared->blocks.layers->size(), 2u);
  auto options = albert_like();
  options.layer_groups = 0;
  auto apart = make(options);
  const auto values = shared->named_parameters();
  for (auto& p : apart->named_parameters()) {
    auto name = p.key();
    for (const char* layer : {"layers.1", "layers.2", "layers.3"})
      if (name.starts_with(layer)) name[7] = layer[7] == '1' ? '0' : '1';
    p.value().copy_(values[name]);
  }
  const auto batch = sequences_of("tokens", kTexts);
  EXPECT_TRUE(apart->forward(batch).states.equal(shared->forward(batch).states));
}

TEST(TextEncoder, WordsHaveFeatures) {
  auto options = small("num_heads=2");
  options.layers = 0, options.norm = nn::Norm::post, options.scale_embeddings = true;
  auto encoder = make(options, {.vocabulary = 10, .features = 6});
  auto batch = sequences_of("tokens", kTexts);
  auto features = torch::full({4, 7, 3}, 1000, at::kLong);  // no feature, but behind the ends
  for (int64_t b = 0; b < 4; ++b)
    features[b].slice(0, 0, batch.at("lengths")[b].item<int64_t>()).fill_(-1);
  features[0][1][0] = 2, features[0][1][2] = 5;
  batch.tensors["features"] = features;
  const auto states = encoder->forward(batch).states;
  const auto& words = encoder->embedding.words;
  const auto& table = encoder->embedding.features->weight;
  const double s = std::sqrt(8.0);
  EXPECT_TRUE(states[0][0].allclose(words[4] * s, 1e-6, 1e-6));
  EXPECT_TRUE(states[0][1].allclose((words[5] + (table[2] + table[5]) / 2) * s, 1e-5, 1e-6));
  expect_gradients(*encoder, batch);
  features[0][1][0] = 6;
  EXPECT_THAT(refusal_of<UsageError>([&] { encoder->forward(batch); }), HasSubstr("given 6"));
  batch.tensors.erase("features");
  EXPECT_THAT(refusal_of<UsageError>([&] { encoder->forward(batch); }),
              HasSubstr("no tensor 'features'"));
}

TEST(TextEncoder, ConvolutionsSeeTheirKernel) {
  auto options = small("num_heads=2");
  options.layers = 0, options.convolutions = 1, options.kernel = 3, options.norm = nn::Norm::post;
  const torch::NoGradGuard no_gradient;
  for (const bool causal : {false, true}) {
    if (causal) options.attention = Attention::parse("causal; num_heads=2");
    auto encoder = make(options);
    encoder->eval();
    const auto at = [&](int64_t id) {
      return encoder->forward(sequences_of("tokens", {{1, 2, 3, id, 5, 6, 7}})).states[0];
    };
    const auto changed = (at(4) - at(9)).abs().sum(1) > 0;
    const std::vector<int64_t> expected =
        causal ? std::vector<int64_t>{3, 4, 5} : std::vector<int64_t>{2, 3, 4};
    EXPECT_TRUE(changed.nonzero().flatten().equal(torch::tensor(expected)));
    // The formula, token by token.
    auto& layer = *encoder->convolutions[0]->as<nn::TokenConvolutionImpl>();
    const auto x = encoder->embedding.words.narrow(0, 1, 4), z = layer.norm->forward(x);
    const int64_t first = causal ? 0 : 1;
    const auto sum = layer.linear->forward(z.narrow(0, first, 3).flatten());
    const auto y = encoder->forward(sequences_of("tokens", {{1, 2, 3, 4}})).states[0][2];
    EXPECT_TRUE(y.allclose(x[2] + torch::gelu(sum), 1e-5, 1e-6));
  }
}

TEST(TextEncoder, RecordsAMapALayer) {
  auto encoder = make(small());
  Recording seen(*encoder);
  encoder->forward(sequences_of("tokens", kTexts));
  EXPECT_THAT(names_of(seen), testing::ElementsAre("layers.0.attention", "layers.1.attention"));
  EXPECT_EQ(seen.map(1).keys(), 7);
}

TEST(TextEncoder, ParameterNamesStandInFiles) {
  auto options = small("learned(7); num_heads=2");
  options.layers = 1, options.convolutions = 1;
  EXPECT_THAT(parameters_of(*make(options, {.vocabulary = 10, .segments = 2})),
              testing::UnorderedElementsAre(
                  "embedding", "segment_embedding", "position.table", "convolutions.0.norm.weight",
                  "convolutions.0.norm.bias", "convolutions.0.linear.weight",
                  "convolutions.0.linear.bias", "layers.0.attention_norm.weight",
                  "layers.0.attention_norm.bias", "layers.0.attention.qkv.weight",
                  "layers.0.attention.qkv.bias", "layers.0.attention.output.weight",
                  "layers.0.attention.output.bias", "layers.0.feed_forward_norm.weight",
                  "layers.0.feed_forward_norm.bias", "layers.0.feed_forward.up.weight",
                  "layers.0.feed_forward.up.bias", "layers.0.feed_forward.down.weight",
                  "layers.0.feed_forward.down.bias", "norm.weight", "norm.bias"));
}

TEST(TextEncoder, WordDropoutActsInTrainingAlone) {
  auto options = small("num_heads=2");
  options.layers = 0, options.norm = nn::Norm::post, options.word_dropout = 0.5;
  auto encoder = make(options, {.vocabulary = 10, .unknown = 1});
  const auto batch = batch_of(
      {{"tokens", torch::full({1, 4000}, 5, at::kLong)}, {"lengths", torch::tensor({4000})}});
  const auto unknown = [&] {
    const auto states = encoder->forward(batch).states[0];
    return (states == encoder->embedding.words[1]).all(1).to(at::kDouble).mean().item<double>();
  };
  EXPECT_NEAR(unknown(), 0.5, 0.04);
  encoder->eval();
  EXPECT_EQ(unknown(), 0);
}

TEST(TextEncoder, LearnsWhichOfTwoWordsIsFirst) {
  for (const char* form : {"attention", "linear", "convolution"}) {
    torch::manual_seed(test::learning_seed(3));
    auto options = small("sinusoidal; num_heads=2");
    options.width = 16, options.hidden = 32, options.layers = 1;
    if (std::string(form) == "linear") options.attention_type = nn::AttentionType::linear;
    if (std::string(form) == "convolution") options.layers = 0, options.convolutions = 1;
    TextEncoder encoder(options, TextShape{.vocabulary = 6});
    const auto draw = [&] {
      const auto answers = torch::randint(0, 2, {32}, at::kLong);
      const auto lengths = torch::randint(1, 3, {32}, at::kLong) * 4;
      auto tokens = torch::full({32, 8}, 4, at::kLong);
      for (int64_t b = 0; b < 32; ++b) {
        const int64_t n = lengths[b].item<int64_t>(), answer = answers[b].item<int64_t>();
        const int64_t at = torch::randint(0, n - 1, {1}, at::kLong).item<int64_t>();
        tokens[b][at] = 2 + answer, tokens[b][at + 1] = 3 - answer;
      }
      return std::pair(batch_of({{"tokens", tokens}, {"lengths", lengths}}), answers);
    };
    const auto pick = [](const Tokens& tokens) {
      return nn::without_padding(tokens.states, tokens.lengths).sum(1) /
             tokens.lengths.unsqueeze(1);
    };
    const double right = learn(*encoder, {.classes = 2, .draw = draw, .pick = pick, .steps = 300});
    test::expect_learned(std::string("text encoder, ") + form, right, 0.8);
  }
}

TEST(TextEncoder, RefusesOptionsByField) {
  const auto refusal = [](const std::function<void(TextEncoderOptions&)>& change,
                          TextShape shape = {.vocabulary = 10}) {
    auto options = small();
    change(options);
    return refusal_of<ModelError>([&] { make(options, shape); });
  };
  EXPECT_EQ(refusal([](auto& o) { o.width = 9; }),
            "encoder.width: expected a multiple of attention.num_heads = 2, given 9");
  EXPECT_EQ(refusal([](auto& o) { o.width = 0; }),
            "encoder.width: expected from 1 to 1048576, given 0");
  EXPECT_THAT(refusal([](auto& o) { o.dropout = 1; }), HasSubstr("encoder.dropout"));
  EXPECT_THAT(refusal([](auto& o) { o.convolutions = 1, o.kernel = 0; }),
              HasSubstr("encoder.kernel"));
  EXPECT_THAT(refusal([](auto& o) { o.attention = Attention::parse("attn_mask; num_heads=2"); }),
              HasSubstr("encoder.attention.masks: 'attn_mask'"));
  EXPECT_THAT(refusal([](auto& o) { o.attention = Attention::parse("bias; num_heads=2"); }),
              HasSubstr("'bias'"));
  EXPECT_THAT(refusal([](auto& o) { o.attention = Attention::parse("rope_2d; num_heads=2"); }),
              HasSubstr("encoder.attention.position: 'rope_2d'"));
  EXPECT_THAT(refusal([](auto& o) { o.attention = Attention::parse("learned; num_heads=2"); }),
              HasSubstr("learned(LENGTH)"));
  EXPECT_THAT(refusal([](auto& o) { o.word_dropout = 0.1; }), HasSubstr("encoder.word_dropout"));
  EXPECT_THAT(refusal([](auto& o) { o.segment_types = 2; }, {.vocabulary = 10, .segments = 3}),
              HasSubstr("encoder.segment_types: expected at least the 3"));
  EXPECT_THAT(refusal([](auto& o) { o.biases = {"values"}; }),
              HasSubstr("encoder.biases: unknown 'values'"));
  EXPECT_THAT(refusal([](auto& o) { o.local_layers = {2}; }), HasSubstr("encoder.local_layers"));
  EXPECT_THAT(refusal([](auto& o) {
                o.local_layers = {0}, o.local_attention = Attention::parse("learned(9)");
              }),
              HasSubstr("encoder.local_attention.position"));
  EXPECT_THAT(refusal([](auto& o) { o.layer_groups = 3; }), HasSubstr("layer_groups"));
  EXPECT_THAT(refusal([](auto& o) { o.layer_groups = 1, o.stochastic_depth = 0.1; }),
              HasSubstr("layer_groups"));
  EXPECT_THAT(refusal([](auto& o) { o.first_norm = false, o.norm = nn::Norm::post; }),
              HasSubstr("first_norm"));
  EXPECT_THAT(
      refusal([](auto& o) { o.qk_norm = true, o.attention_type = nn::AttentionType::linear; }),
      HasSubstr("qk_norm"));
  EXPECT_THAT(refusal([](auto&) {}, {.vocabulary = 0}), HasSubstr("vocabulary"));
  for (const char* how :
       {"rope; num_heads=2", "entmax15; num_heads=2", "window(1,1); num_heads=2",
        "softcap(5); num_heads=2", "dropout=0.1; num_heads=2", "dot; num_heads=2"})
    EXPECT_THAT(refusal([&](auto& o) {
                  o.attention = Attention::parse(how), o.attention_type = nn::AttentionType::linear;
                }),
                HasSubstr("encoder.attention."))
        << how;
  EXPECT_THAT(refusal([](auto& o) {
                o.attention_type = nn::AttentionType::linear, o.linear_rule = LinearRule::delta;
              }),
              HasSubstr("causal"));
}

TEST(TextEncoder, RefusesOtherBatches) {
  auto options = small();
  options.max_positions = 8;
  auto encoder = make(options);
  const auto refusal = [&](const std::function<void(Batch&)>& change) {
    auto batch = sequences_of("tokens", kTexts);
    change(batch);
    return refusal_of<UsageError>([&] { encoder->forward(batch); });
  };
  EXPECT_EQ(refusal([](Batch& b) { b.tensors.erase("tokens"); }),
            "batch: no tensor 'tokens'; there are lengths");
  EXPECT_THAT(refusal([](Batch& b) {
                b.tensors["tokens"] = torch::zeros({4, 7});
              }),
              HasSubstr("encoder: tokens: expected shape (B, L) of int64, given [4, 7] of float"));
  EXPECT_THAT(refusal([](Batch& b) { b.tensors["lengths"] = torch::zeros({3}, at::kLong); }),
              HasSubstr("lengths: expected shape (B = 4)"));
  EXPECT_THAT(refusal([](Batch& b) { b.tensors["lengths"][0] = 8; }),
              HasSubstr("lengths: expected 0 to L = 7, given 8"));
  EXPECT_THAT(refusal([](Batch& b) { b.tensors["tokens"][0][1] = 10; }),
              HasSubstr("tokens: expected 0 to 9, given 10"));
  EXPECT_THAT(refusal([](Batch& b) { b.tensors["tokens"][0][1] = -1; }),
              HasSubstr("tokens: expected 0 to 9, given -1"));
  EXPECT_THAT(refusal([](Batch& b) { b.tensors["segments"] = b.at("tokens"); }),
              HasSubstr("segments"));
  EXPECT_THAT(refusal([](Batch& b) { b = sequences_of("tokens", kTexts, 0, 9); }),
              HasSubstr("max_positions = 8 of a text, given 9"));
  EXPECT_EQ(refusal([](Batch& b) { b = sequences_of("tokens", {{}, {}}); }), "no error");
  EXPECT_EQ(refusal([](Batch& b) { b = sequences_of("tokens", {}); }), "no error");
}

}  // namespace
}  // namespace heed::text_encoder_test
