// ViT (Dosovitskiy et al. 2021): https://huggingface.co/docs/transformers/model_doc/vit
#include "heed/core/fields.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

constexpr Bounds kPixels = between(1, 65535);

struct VitConfig {
  int64_t channels, height, width_pixels, patch;
  int64_t width, layers, heads, hidden;
  std::string activation;
  double dropout, attention_dropout, eps;
  bool qkv_bias;
};

/// One number, or [height, width].
std::vector<int64_t> sides(Config& config, const char* key) {
  auto found = config.integers(key, kPixels);
  if (found.size() == 1) found.push_back(found.front());
  if (found.size() != 2) config.refuse(key, "expected a number of pixels, or [height, width]");
  return found;
}

VitConfig vit_config(Config& config) {
  const auto image = sides(config, "image_size"), patch = sides(config, "patch_size");
  if (patch[0] != patch[1])
    config.refuse("patch_size", "expected a square, found ", patch[0], " by ", patch[1]);
  config.no_effect({"encoder_stride"});                    // of ViTForMaskedImageModeling
  config.no_effect({"pooler_output_size", "pooler_act"});  // of ViTModel's pooler, see below
  return {.channels = config.integer("num_channels", between(1, 3), 3),
          .height = image[0],
          .width_pixels = image[1],
          .patch = patch[0],
          .width = config.integer("hidden_size", between(1, kMostChannels)),
          .layers = config.integer("num_hidden_layers", between(0, kMostLayers)),
          .heads = config.integer("num_attention_heads", between(1, kMostChannels)),
          .hidden = config.integer("intermediate_size", between(1, kMostChannels)),
          .activation = activation_of(config, "hidden_act", "gelu"),
          .dropout = config.number("hidden_dropout_prob", kDropouts, 0),
          .attention_dropout = config.number("attention_probs_dropout_prob", kDropouts, 0),
          .eps = config.number("layer_norm_eps", above(0, 1), 1e-12),
          .qkv_bias = config.flag("qkv_bias", true)};
}

/// mean and std of channels in 0..1 as preprocessor_config.json has them, 0.5 where it is not there:
/// what transformers takes then.
void add_image_input(Plan& plan, const VitConfig& vit, const Given& given) {
  plan.recipe.table("input")
      .set("kind", "image")
      .set("shape", std::vector<int64_t>{vit.channels, vit.height, vit.width_pixels});
  std::vector<double> mean(static_cast<size_t>(vit.channels), 0.5), std = mean;
  const auto found = given.others.find("preprocessor_config.json");
  if (found != given.others.end()) {
    Config images(found->second, "preprocessor_config.json");
    for (const auto& [key, values] : {std::pair{"image_mean", &mean}, {"image_std", &std}}) {
      auto given_values = images.numbers(key, between(0, 1e3));
      if (given_values.empty()) continue;
      if (given_values.size() != values->size())
        images.refuse(key, "expected ", values->size(), " numbers, one a channel");
      *values = given_values;
    }
    // PIL's numbers; what transformers takes where there is none.
    const auto resample = images.integer("resample", between(0, 5), 2);
    if (resample != 2 && resample != 3)
      images.refuse("resample", "expected 2 (bilinear) or 3 (bicubic), found ", resample);
    plan.recipe.table("input").set("resample", resample == 2 ? "bilinear" : "bicubic");
    images.only("do_normalize", "true", "images that are not normalised");
    images.only("do_rescale", "true", "images that are not rescaled");
    images.only("rescale_factor", "0.00392156862745098", "another range than 0..1");
  }
  plan.recipe.table("input.normalize").set("mean", mean).set("std", std);
}

void add_vit_recipe(Plan& plan, const VitConfig& vit) {
  Attention how;
  how.position = {"learned"};
  how.num_heads = vit.heads;
  how.dropout = vit.attention_dropout;
  plan.recipe.table("encoder")
      .set("kind", "image")
      .set("patch", vit.patch)
      .set("class_token", true)
      .set("width", vit.width)
      .set("layers", vit.layers)
      .set("hidden", vit.hidden)
      .set("norm", "pre")
      .set("norm_eps", vit.eps)
      .set("activation", vit.activation)
      .set("dropout", vit.dropout)
      .set("attention", how);
  if (!vit.qkv_bias)
    plan.recipe.set("biases", std::vector<std::string>{"attention_output", "feed_forward", "norm"});
}

void add_vit_tensors(TensorTable& tensors, const VitConfig& vit, const std::string& prefix) {
  const int64_t M = vit.width, F = vit.hidden, P = vit.patch;
  const int64_t places = (vit.height / P) * (vit.width_pixels / P) + 1;
  const auto embeddings = prefix + "embeddings.";
  const auto patches = embeddings + "patch_embeddings.projection.";
  // A convolution whose stride is its size: one linear layer a patch.
  tensors.add({.ours = "encoder.stem.linear.weight",
               .theirs = {{patches + "weight", {M, vit.channels, P, P}}},
               .shape = {M, vit.channels * P * P}});
  tensors.add("encoder.stem.linear.bias", patches + "bias", {M});
  tensors.add("encoder.class_token", embeddings + "cls_token", {1, 1, M});
  tensors.add({.ours = "encoder.position.table",
               .theirs = {{embeddings + "position_embeddings", {1, places, M}}},
               .shape = {places, M}});
  tensors.unused(embeddings + "mask_token");  // of ViTForMaskedImageModeling
  for (int64_t i = 0; i < vit.layers; ++i) {
    const auto ours = "encoder.layers." + std::to_string(i) + ".";
    const auto theirs = prefix + "encoder.layer." + std::to_string(i) + ".";
    const auto self = theirs + "attention.attention.";
    const bool bias = vit.qkv_bias;
    tensors.norm(ours + "attention_norm", theirs + "layernorm_before", M);
    tensors.stacked(ours + "attention.qkv",
                    {{self + "query", M, bias}, {self + "key", M, bias}, {self + "value", M, bias}},
                    M);
    tensors.linear(ours + "attention.output", theirs + "attention.output.dense", M, M);
    tensors.norm(ours + "feed_forward_norm", theirs + "layernorm_after", M);
    tensors.linear(ours + "feed_forward.up", theirs + "intermediate.dense", F, M);
    tensors.linear(ours + "feed_forward.down", theirs + "output.dense", M, F);
  }
  tensors.norm("encoder.norm", prefix + "layernorm", M);
  tensors.unused(prefix + "pooler.*");  // no head goes through it
}

Plan plan_vit(const Given& given) {
  Plan plan;
  const auto vit = vit_config(given.config);
  if (vit.height % vit.patch != 0 || vit.width_pixels % vit.patch != 0)
    given.config.refuse("patch_size", "expected a divisor of image_size ", vit.height, " by ",
                        vit.width_pixels, ", found ", vit.patch);
  add_image_input(plan, vit, given);
  add_vit_recipe(plan, vit);
  const auto prefix = prefix_of(given.tensors, "vit.");
  add_vit_tensors(plan.tensors, vit, prefix);
  if (given.task == Task::image_class) {
    const auto labels = add_label_head(plan, given.config, {});
    plan.tensors.linear("head.linear", "classifier", labels, vit.width);
  } else {
    add_embedding_head(plan, "first");
    plan.tensors.kept(prefix, "pooler.dense.weight", {vit.width, vit.width});
    plan.tensors.kept(prefix, "pooler.dense.bias", {vit.width});
  }
  return plan;
}

}  // namespace

Architecture vit() { return {"vit", "ViT", {"Model", "ForImageClassification"}, plan_vit}; }

}  // namespace heed::pretrained
