// Encoders with the weights that other software wrote. Skipped where ../shared/data/golden is absent.
#include "heed/models/image_encoder.h"
#include "heed/models/text_encoder.h"
#include "train/golden.h"

namespace heed::golden {
namespace {

void fill_bert_layer(Filler& fill, const std::string& own, const std::string& theirs) {
  const auto self = theirs + "attention.self.";
  fill.qkv(own + "attention.qkv", self + "query", self + "key", self + "value");
  fill.layer(own + "attention.output", theirs + "attention.output.dense");
  fill.layer(own + "attention_norm", theirs + "attention.output.LayerNorm");
  fill.layer(own + "feed_forward.up", theirs + "intermediate.dense");
  fill.layer(own + "feed_forward.down", theirs + "output.dense");
  fill.layer(own + "feed_forward_norm", theirs + "output.LayerNorm");
}

TextEncoderOptions bert_like(const char* how, double eps) {
  TextEncoderOptions options;
  options.width = 48, options.hidden = 96, options.dropout = 0, options.embedding_dropout = 0;
  options.norm = nn::Norm::post, options.norm_eps = eps, options.embedding_norm = true;
  options.attention = Attention::parse(how);
  return options;
}

Batch texts_of(const Golden& golden) {
  const auto lengths = lengths_in(golden);
  return {.tensors = {{"tokens", golden.expected.at("input_ids")}, {"lengths", lengths}},
          .records = torch::arange(lengths.size(0))};
}

/// The states of real tokens, and the maps.
at::Tensor read_texts(TextEncoder& encoder, const Batch& batch, const Golden& golden,
                      const std::vector<size_t>& layers) {
  encoder->eval();
  const Recording seen(*encoder);
  const auto states = encoder->forward(batch).states;
  expect_maps(seen, golden, "attentions", layers, batch.at("lengths"));
  return states;
}

void expect_real(const at::Tensor& given, const at::Tensor& expected, const at::Tensor& lengths) {
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    const int64_t n = lengths[b].item<int64_t>();
    expect_near(given[b].narrow(0, 0, n), expected[b].narrow(0, 0, n));
  }
}

TEST(Golden, Bert) {
  SKIP_WITHOUT_GOLDEN;
  const torch::NoGradGuard no_gradient;
  const Golden golden("bert");
  TextEncoder encoder(bert_like("learned(128); num_heads=4", 1e-12),
                      TextShape{.vocabulary = 700, .segments = 2});
  Filler fill(*encoder, golden);
  fill.set("embedding", "embeddings.word_embeddings.weight");
  fill.set("segment_embedding", "embeddings.token_type_embeddings.weight");
  fill.set("position.table", "embeddings.position_embeddings.weight");
  fill.layer("embedding_norm", "embeddings.LayerNorm");
  for (const std::string i : {"0", "1"})
    fill_bert_layer(fill, "layers." + i + ".", "encoder.layer." + i + ".");
  fill.expect_all_set();
  auto batch = texts_of(golden);
  batch.tensors["segments"] = golden.expected.at("token_type_ids");
  expect_real(read_texts(encoder, batch, golden, {0, 1}), golden.expected.at("last_hidden_state"),
              batch.at("lengths"));
}

TEST(Golden, Roberta) {
  SKIP_WITHOUT_GOLDEN;
  const torch::NoGradGuard no_gradient;
  const Golden golden("roberta");
  auto options = bert_like("learned(66, first=2); num_heads=4", 1e-5);
  options.segment_types = 1;
  TextEncoder encoder(options, TextShape{.vocabulary = 700});
  EXPECT_EQ(encoder->max_positions(), 64);
  Filler fill(*encoder, golden);
  fill.set("embedding", "roberta.embeddings.word_embeddings.weight");
  fill.set("segment_embedding", "roberta.embeddings.token_type_embeddings.weight");
  fill.set("position.table", "roberta.embeddings.position_embeddings.weight");
  fill.layer("embedding_norm", "roberta.embeddings.LayerNorm");
  for (const std::string i : {"0", "1"})
    fill_bert_layer(fill, "layers." + i + ".", "roberta.encoder.layer." + i + ".");
  fill.expect_all_set();
  const auto first = read_texts(encoder, texts_of(golden), golden, {0, 1}).select(1, 0);
  const auto dense = [&](const at::Tensor& x, const std::string& name) {
    return torch::linear(x, fill.theirs(name + ".weight"), fill.theirs(name + ".bias"));
  };
  expect_near(dense(dense(first, "classifier.dense").tanh(), "classifier.out_proj"),
              golden.expected.at("logits"));
}

TEST(Golden, ModernBert) {
  SKIP_WITHOUT_GOLDEN;
  const torch::NoGradGuard no_gradient;
  const Golden golden("modernbert");
  auto options = bert_like("rope(160000); num_heads=4", 1e-5);
  options.norm = nn::Norm::pre, options.first_norm = false, options.gated = true;
  options.hidden = 64, options.layers = 4, options.biases = {};
  options.local_layers = {1, 2};
  options.local_attention = Attention::parse("rope; window(3, 3); num_heads=4");
  TextEncoder encoder(options, TextShape{.vocabulary = 700});
  Filler fill(*encoder, golden);
  fill.set("embedding", "model.embeddings.tok_embeddings.weight");
  fill.layer("embedding_norm", "model.embeddings.norm");
  for (const std::string i : {"0", "1", "2", "3"}) {
    const auto own = "layers." + i + ".", theirs = "model.layers." + i + ".";
    if (i != "0") fill.layer(own + "attention_norm", theirs + "attn_norm");
    fill.layer(own + "attention.qkv", theirs + "attn.Wqkv");
    fill.layer(own + "attention.output", theirs + "attn.Wo");
    fill.layer(own + "feed_forward_norm", theirs + "mlp_norm");
    const auto halves = fill.theirs(theirs + "mlp.Wi.weight").chunk(2);
    fill.set(own + "feed_forward.gate.weight", halves[0]);
    fill.set(own + "feed_forward.up.weight", halves[1]);
    fill.layer(own + "feed_forward.down", theirs + "mlp.Wo");
  }
  fill.layer("norm", "model.final_norm");
  fill.expect_all_set();
  const auto states = read_texts(encoder, texts_of(golden), golden, {0, 1, 2, 3});
  const auto hidden =
      torch::layer_norm(torch::gelu(torch::linear(states, fill.theirs("head.dense.weight"))), {48},
                        fill.theirs("head.norm.weight"));
  const auto logits = torch::linear(hidden, fill.theirs("model.embeddings.tok_embeddings.weight"),
                                    fill.theirs("decoder.bias"));
  expect_real(logits, golden.expected.at("logits"), lengths_in(golden));
}

TEST(Golden, Vit) {
  SKIP_WITHOUT_GOLDEN;
  const torch::NoGradGuard no_gradient;
  const Golden golden("vit");
  ImageEncoderOptions options;
  options.width = 48, options.hidden = 96, options.layers = 2, options.norm_eps = 1e-12;
  options.class_token = true;
  ImageEncoder encoder(options, ImageShape{3, 16, 16});
  Filler fill(*encoder, golden);
  const std::string embeddings = "vit.embeddings.";
  fill.set("stem.linear.weight",
           fill.theirs(embeddings + "patch_embeddings.projection.weight").flatten(1));
  fill.set("stem.linear.bias", embeddings + "patch_embeddings.projection.bias");
  fill.set("class_token", embeddings + "cls_token");
  fill.set("position.table", fill.theirs(embeddings + "position_embeddings")[0]);
  for (const std::string i : {"0", "1"}) {
    const auto own = "layers." + i + ".", theirs = "vit.encoder.layer." + i + ".";
    const auto self = theirs + "attention.attention.";
    fill.qkv(own + "attention.qkv", self + "query", self + "key", self + "value");
    fill.layer(own + "attention.output", theirs + "attention.output.dense");
    fill.layer(own + "attention_norm", theirs + "layernorm_before");
    fill.layer(own + "feed_forward.up", theirs + "intermediate.dense");
    fill.layer(own + "feed_forward.down", theirs + "output.dense");
    fill.layer(own + "feed_forward_norm", theirs + "layernorm_after");
  }
  fill.layer("norm", "vit.layernorm");
  fill.expect_all_set();
  encoder->eval();
  const Recording seen(*encoder);
  const auto states = encoder
                          ->forward({.tensors = {{"image", golden.expected.at("pixel_values")}},
                                     .records = torch::arange(2)})
                          .states;
  expect_near(torch::linear(states.select(1, 0), fill.theirs("classifier.weight"),
                            fill.theirs("classifier.bias")),
              golden.expected.at("logits"));
  expect_maps(seen, golden, "attentions", {0, 1});
}

}  // namespace
}  // namespace heed::golden
