// Models that write, with the weights that other software wrote. Skipped where ../shared/data/golden is absent.
#include <numeric>

#include "heed/models/transformer.h"
#include "train/golden.h"

namespace heed::golden {
namespace {

/// Whole, in steps, and as it continues.
void expect_writer(Transformer model, const Golden& golden, size_t layers) {
  model->eval();
  const torch::NoGradGuard no_gradient;
  const auto& ids = golden.expected.at("input_ids");
  std::vector<size_t> all(layers);
  std::iota(all.begin(), all.end(), 0);
  {
    const Recording seen(*model);
    expect_near(model->project(model->hidden({}, ids)), golden.expected.at("logits"));
    expect_maps(seen, golden, "attentions", all);
  }
  const auto state = model->start({});
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < ids.size(1); ++i)
    parts.push_back(model->project(model->step(ids.narrow(1, i, 1), *state)));
  expect_near(torch::cat(parts, 1), golden.expected.at("logits"));
  auto text = golden.expected.at("generate.output_ids").narrow(0, 0, 1);
  const auto given = golden.expected.at("generate.input_ids").size(1);
  for (int64_t i = given; i < text.size(1); ++i) {
    const auto logits = model->project(model->hidden({}, text.narrow(1, 0, i)));
    EXPECT_EQ(logits[0][i - 1].argmax().item<int64_t>(), text[0][i].item<int64_t>()) << i;
  }
}

/// What Llama and what came after it call the parts of layer i.
void fill_llama_layer(Filler& fill, int64_t i, bool qk_norm, bool sandwich) {
  const auto own = "decoder." + std::to_string(i) + ".";
  const auto theirs = "model.layers." + std::to_string(i) + ".", attn = theirs + "self_attn.";
  fill.qkv(own + "attention.qkv", attn + "q_proj", attn + "k_proj", attn + "v_proj");
  fill.layer(own + "attention.output", attn + "o_proj");
  if (qk_norm) {
    fill.layer(own + "attention.query_norm", attn + "q_norm");
    fill.layer(own + "attention.key_norm", attn + "k_norm");
  }
  for (const std::string part : {"gate", "up", "down"})
    fill.layer(own + "feed_forward." + part, theirs + "mlp." + part + "_proj");
  fill.layer(own + "attention_norm", theirs + "input_layernorm");
  if (sandwich) {
    fill.layer(own + "attention_post_norm", theirs + "post_attention_layernorm");
    fill.layer(own + "feed_forward_norm", theirs + "pre_feedforward_layernorm");
    fill.layer(own + "feed_forward_post_norm", theirs + "post_feedforward_layernorm");
  } else {
    fill.layer(own + "feed_forward_norm", theirs + "post_attention_layernorm");
  }
}

TransformerOptions llama_like(const char* how, int64_t layers) {
  auto options = TransformerOptions()
                     .encoder_layers(0)
                     .decoder_layers(layers)
                     .width(48)
                     .hidden(96)
                     .norm(nn::Norm::pre)
                     .activation(nn::Activation::silu)
                     .dropout(0)
                     .scale_embeddings(false)
                     .decoder_attention(Attention::parse(how));
  options.parts().norm_type = nn::NormType::rms;
  options.parts().gated = true;
  options.parts().biases = {};
  return options;
}

Transformer fill_llama(const TransformerOptions& options, const Golden& golden) {
  Transformer model(options, golden.weights.at("model.embed_tokens.weight").size(0));
  Filler fill(*model, golden);
  fill.set("target_embedding", "model.embed_tokens.weight");
  if (options.tied() == nn::Tied::none) fill.set("output", "lm_head.weight");
  for (int64_t i = 0; i < options.decoder_layers(); ++i)
    fill_llama_layer(fill, i, options.parts().qk_norm, options.norm() == nn::Norm::sandwich);
  fill.layer("decoder_norm", "model.norm");
  fill.expect_all_set();
  return model;
}

TEST(Golden, Llama) {
  SKIP_WITHOUT_GOLDEN;
  const Golden golden("llama");
  const auto options = llama_like(
      "rope(500000, scaling=4, factor=8, original=32, beta_fast=4); causal; num_heads=4/2", 2);
  expect_writer(fill_llama(TransformerOptions(options).tied(nn::Tied::none), golden), golden, 2);
}

TEST(Golden, Qwen3) {
  SKIP_WITHOUT_GOLDEN;
  const Golden golden("qwen3");
  auto options = llama_like("rope(1000000); causal; num_heads=4/2", 2);
  options.parts().head_width = 16, options.parts().qk_norm = true;
  options.parts().norm_eps = 1e-6;
  expect_writer(fill_llama(options, golden), golden, 2);
}

/// Norms are stored as w - 1.
Golden gemma(const std::string& name) {
  Golden golden(name);
  for (auto& [key, tensor] : golden.weights)
    if (key.find("norm.weight") != std::string::npos) tensor = tensor + 1;
  return golden;
}

TransformerOptions gemma_like(const char* how, const char* local, int64_t layers) {
  auto options = llama_like(how, layers)
                     .norm(nn::Norm::sandwich)
                     .activation(nn::Activation::gelu_tanh)
                     .scale_embeddings(true)
                     .local_attention(Attention::parse(local));
  options.parts().head_width = 16;
  options.parts().norm_eps = 1e-6;
  return options;
}

TEST(Golden, Gemma2) {
  SKIP_WITHOUT_GOLDEN;
  const auto golden = gemma("gemma2");
  const auto options = gemma_like("rope; softcap(2); causal; num_heads=4/2",
                                  "rope; softcap(2); causal; window(3, 0); num_heads=4/2", 2)
                           .local_layers({0})
                           .output_softcap(5);
  expect_writer(fill_llama(options, golden), golden, 2);
}

TEST(Golden, Gemma3) {
  SKIP_WITHOUT_GOLDEN;
  const auto golden = gemma("gemma3");
  auto options = gemma_like("rope(1000000); causal; num_heads=4/2",
                            "rope; causal; window(3, 0); num_heads=4/2", 3)
                     .local_layers({0, 1});
  options.parts().qk_norm = true;
  expect_writer(fill_llama(options, golden), golden, 3);
}

TEST(Golden, Gpt2) {
  SKIP_WITHOUT_GOLDEN;
  const Golden golden("gpt2");
  Transformer model(TransformerOptions()
                        .encoder_layers(0)
                        .decoder_layers(2)
                        .width(48)
                        .hidden(192)
                        .norm(nn::Norm::pre)
                        .activation(nn::Activation::gelu_tanh)
                        .dropout(0)
                        .scale_embeddings(false)
                        .decoder_attention(Attention::parse("learned(64); causal; num_heads=4")),
                    700);
  Filler fill(*model, golden);
  const auto turned = [&](const std::string& own, const std::string& theirs) {
    fill.set(own + ".weight", fill.theirs(theirs + ".weight").t());
    fill.set(own + ".bias", theirs + ".bias");
  };
  fill.set("target_embedding", "transformer.wte.weight");
  fill.set("target_position.table", "transformer.wpe.weight");
  for (const std::string i : {"0", "1"}) {
    const auto own = "decoder." + i + ".", theirs = "transformer.h." + i + ".";
    turned(own + "attention.qkv", theirs + "attn.c_attn");
    turned(own + "attention.output", theirs + "attn.c_proj");
    turned(own + "feed_forward.up", theirs + "mlp.c_fc");
    turned(own + "feed_forward.down", theirs + "mlp.c_proj");
    fill.layer(own + "attention_norm", theirs + "ln_1");
    fill.layer(own + "feed_forward_norm", theirs + "ln_2");
  }
  fill.layer("decoder_norm", "transformer.ln_f");
  fill.expect_all_set();
  expect_writer(model, golden, 2);
}

/// Teacher-forced, and greedily in steps.
void expect_translator(Transformer model, const Golden& golden) {
  model->eval();
  const torch::NoGradGuard no_gradient;
  const SourceBatch source{golden.expected.at("input_ids"), lengths_in(golden)};
  const auto& target = golden.expected.at("decoder_input_ids");
  {
    const Recording seen(*model);
    expect_near(model->project(model->hidden(source, target)), golden.expected.at("logits"));
    ASSERT_EQ(seen.size(), 6u);
    expect_maps(seen, golden, "encoder_attentions", {0, 1}, source.lengths);
    expect_maps(seen, golden, "decoder_attentions", {2, 4});
    expect_maps(seen, golden, "cross_attentions", {3, 5});
  }
  const auto state = model->start(source);
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < target.size(1); ++i)
    parts.push_back(model->project(model->step(target.narrow(1, i, 1), *state)));
  expect_near(torch::cat(parts, 1), golden.expected.at("logits"));
}

void fill_t5_stack(Filler& fill, const std::string& own_stack, const std::string& stack, bool gated,
                   bool decodes) {
  for (const std::string i : {"0", "1"}) {
    const auto own = own_stack + "." + i + ".", theirs = stack + ".block." + i + ".layer.";
    const auto attention = [&](const std::string& name, const std::string& other) {
      fill.qkv(own + name + ".qkv", other + ".q", other + ".k", other + ".v");
      fill.layer(own + name + ".output", other + ".o");
    };
    attention("attention", theirs + "0.SelfAttention");
    fill.layer(own + "attention_norm", theirs + "0.layer_norm");
    if (decodes) attention("cross", theirs + "1.EncDecAttention");
    if (decodes) fill.layer(own + "cross_norm", theirs + "1.layer_norm");
    const auto last = theirs + (decodes ? "2" : "1");
    fill.layer(own + "feed_forward_norm", last + ".layer_norm");
    if (gated) fill.layer(own + "feed_forward.gate", last + ".DenseReluDense.wi_0");
    fill.layer(own + "feed_forward.up", last + ".DenseReluDense.wi" + (gated ? "_1" : ""));
    fill.layer(own + "feed_forward.down", last + ".DenseReluDense.wo");
  }
  fill.set(
      own_stack + ".0.attention.relative_table",
      fill.theirs(stack + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight").t());
  fill.layer(own_stack + "_norm", stack + ".final_layer_norm");
}

void expect_t5(const std::string& name, bool gated) {
  const Golden golden(name);
  auto options =
      TransformerOptions()
          .encoder_layers(2)
          .decoder_layers(2)
          .width(48)
          .hidden(64)
          .norm(nn::Norm::pre)
          .activation(gated ? nn::Activation::gelu_tanh : nn::Activation::relu)
          .dropout(0)
          .tied(nn::Tied::all)
          .scale_embeddings(false)
          .shared_position(true)
          .encoder_attention(Attention::parse("dot; relative(8, 20); num_heads=4"))
          .decoder_attention(Attention::parse("dot; relative(8, 20, both=0); causal; num_heads=4"))
          .cross_attention(Attention::parse("dot; num_heads=4"));
  auto& parts = options.parts();
  parts.norm_type = nn::NormType::rms, parts.norm_eps = 1e-6;
  parts.biases = {}, parts.head_width = 8, parts.gated = gated;
  if (gated)
    options.tied(nn::Tied::embeddings);
  else
    options.output_scale(std::pow(48, -0.5));
  Transformer model(options, 700, 700);
  Filler fill(*model, golden);
  fill.set("target_embedding", "shared.weight");
  if (gated) fill.set("output", "lm_head.weight");
  fill_t5_stack(fill, "encoder", "encoder", gated, false);
  fill_t5_stack(fill, "decoder", "decoder", gated, true);
  fill.expect_all_set();
  expect_translator(model, golden);
}

TEST(Golden, T5) {
  SKIP_WITHOUT_GOLDEN;
  expect_t5("t5", false);
  expect_t5("t5_gated", true);
}

TEST(Golden, Marian) {
  SKIP_WITHOUT_GOLDEN;
  const Golden golden("marian");
  Transformer model(
      TransformerOptions()
          .encoder_layers(2)
          .decoder_layers(2)
          .width(48)
          .hidden(96)
          .activation(nn::Activation::silu)
          .dropout(0)
          .tied(nn::Tied::all)
          .output_bias(true)
          .encoder_attention(Attention::parse("sinusoidal(halves=1); num_heads=4"))
          .decoder_attention(Attention::parse("sinusoidal(halves=1); causal; num_heads=4"))
          .cross_attention(Attention::parse("num_heads=4")),
      200, 200);
  Filler fill(*model, golden);
  fill.set("target_embedding", "model.shared.weight");
  fill.set("output_bias", fill.theirs("final_logits_bias")[0]);
  for (const std::string stack : {"encoder", "decoder"})
    for (const std::string i : {"0", "1"}) {
      const auto own = stack + "." + i + ".", theirs = "model." + stack + ".layers." + i + ".";
      const auto attention = [&](const std::string& name, const std::string& other) {
        fill.qkv(own + name + ".qkv", other + ".q_proj", other + ".k_proj", other + ".v_proj");
        fill.layer(own + name + ".output", other + ".out_proj");
        fill.layer(own + name + "_norm", other + "_layer_norm");
      };
      attention("attention", theirs + "self_attn");
      if (stack == "decoder") attention("cross", theirs + "encoder_attn");
      fill.layer(own + "feed_forward.up", theirs + "fc1");
      fill.layer(own + "feed_forward.down", theirs + "fc2");
      fill.layer(own + "feed_forward_norm", theirs + "final_layer_norm");
    }
  fill.expect_all_set();
  expect_translator(model, golden);
}

}  // namespace
}  // namespace heed::golden
