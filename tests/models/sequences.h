// Small models and batches of sequences.
#pragma once

#include <gtest/gtest.h>
#include <torch/nn/cloneable.h>

#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/models/transformer.h"
#include "nn/linear.h"

namespace heed {

constexpr int64_t kSourceTokens = 11, kTargetTokens = 9;

inline TransformerOptions tiny() {
  return TransformerOptions()
      .encoder_layers(2)
      .decoder_layers(2)
      .width(16)
      .hidden(24)
      .dropout(0)
      .encoder_attention(Attention::parse("sinusoidal; num_heads=2"))
      .decoder_attention(Attention::parse("sinusoidal; causal; num_heads=2"))
      .cross_attention(Attention::parse("num_heads=2"));
}

inline TransformerOptions tiny_writer(const char* how = "learned(40); causal; num_heads=2") {
  return tiny()
      .encoder_layers(0)
      .norm(nn::Norm::pre)
      .activation(nn::Activation::gelu)
      .decoder_attention(Attention::parse(how));
}

/// In eval, with weights that all matter.
inline Transformer make(const TransformerOptions& options, at::ScalarType type = at::kDouble,
                        int64_t target = kTargetTokens) {
  torch::manual_seed(3);
  const bool reads = options.encoder_layers() > 0;
  const int64_t source = nn::shares_source(options.tied()) ? target : kSourceTokens;
  Transformer model(options, target, reads ? source : 0);
  model->to(type);
  model->eval();
  const torch::NoGradGuard no_gradient;
  for (auto& p : model->named_parameters()) {
    const bool scale = p.key().find("norm.weight") != std::string::npos;
    p.value().normal_(scale ? 1 : 0, 0.4);
  }
  return model;
}

inline SourceBatch sources(const std::vector<std::vector<int64_t>>& lines, int64_t padding = 0) {
  size_t longest = 0;
  for (const auto& line : lines) longest = std::max(longest, line.size());
  const auto B = static_cast<int64_t>(lines.size());
  SourceBatch batch{torch::full({B, static_cast<int64_t>(longest)}, padding, at::kLong),
                    torch::zeros({B}, at::kLong)};
  for (int64_t b = 0; b < B; ++b) {
    const auto& line = lines[static_cast<size_t>(b)];
    const auto n = static_cast<int64_t>(line.size());
    batch.lengths[b] = n;
    if (n > 0) batch.tokens[b].narrow(0, 0, n).copy_(torch::tensor(line, at::kLong));
  }
  return batch;
}

inline const std::vector<std::vector<int64_t>> kLines = {
    {4, 5, 6, 7, 8}, {3}, {}, {10, 9, 8, 7, 6, 5, 4, 3, 2}, {5, 5, 5}};

inline SourceBatch source_of(const TransformerImpl& model, int64_t padding = 0) {
  auto lines = kLines;
  for (auto& line : lines)
    for (auto& id : line) id %= std::max<int64_t>(model.source_vocabulary(), 1);
  return model.has_encoder() ? sources(lines, padding) : SourceBatch();
}

/// A clone, also as a part of a module that is cloned, gives the same bits and shares nothing: not
/// the weights, not what steps packed of them.
template <class Model>
void expect_clones(Model& model, const SourceBatch& source, const at::Tensor& target) {
  struct Holder : torch::nn::Cloneable<Holder> {
    explicit Holder(std::shared_ptr<Model> given) : model(std::move(given)) { reset(); }
    void reset() override {
      auto own = fresh ? model->remade() : model;
      fresh = true;
      model = this->register_module("model", own);
    }
    bool fresh = false;
    std::shared_ptr<Model> model;
  };
  const auto outputs = [&](Model& of) {
    if (of.is_stateful()) of.reset_state();
    const torch::NoGradGuard no_gradient;
    auto state = of.start(source, target.size(0));
    return std::vector<at::Tensor>{of.project(of.hidden(source, target)), of.step(target, *state)};
  };
  const auto same = [](const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    return a[0].equal(b[0]) && a[1].equal(b[1]);
  };
  const auto before = outputs(model);
  model.parameters()[0].requires_grad_(false);
  const auto alone = std::dynamic_pointer_cast<Model>(model.clone());
  Holder holder(std::dynamic_pointer_cast<Model>(model.shared_from_this()));
  const auto held = std::dynamic_pointer_cast<Holder>(holder.clone())->model;
  for (const auto& copy : {alone, held}) {
    ASSERT_TRUE(copy);
    EXPECT_FALSE(copy->is_training());
    EXPECT_FALSE(copy->parameters()[0].requires_grad());
    EXPECT_TRUE(copy->parameters()[1].requires_grad());
    EXPECT_TRUE(same(outputs(*copy), before));
  }
  const torch::NoGradGuard no_gradient;
  for (auto& p : alone->parameters()) p.mul_(2);
  EXPECT_FALSE(same(outputs(*alone), before));
  EXPECT_TRUE(same(outputs(*held), before));
  EXPECT_TRUE(same(outputs(model), before));
}

/// How many of its weights a model keeps packed.
template <class Model>
struct Counting : Model {
  using Model::Model;
  size_t packed() const { return this->packed_->size(); }
};

/// Steps of other batches pack no weight again; train() drops them, and what was written past the
/// operators' count of versions is seen behind it. Weights with other memory (as to() gives them),
/// which may be where another's was, are met anew.
template <class Model>
void expect_weights_packed_once(Counting<Model>& model, const SourceBatch& source, int64_t rows) {
  const torch::NoGradGuard no_gradient;
  model.eval();
  const auto run = [&] {
    const auto state = model.start(source, rows);
    const auto hidden = model.step(torch::full({rows, 1}, 3, at::kLong), *state);
    state->reorder(torch::tensor({rows - 1, int64_t{0}}, at::kLong));
    return model.project(model.step(torch::full({2, 2}, 5, at::kLong), *state));
  };
  const auto before = run();
  const size_t packed = model.packed();
  EXPECT_GT(packed, 0u);
  EXPECT_TRUE(run().equal(before));
  EXPECT_EQ(model.packed(), packed);
  model.train();
  EXPECT_EQ(model.packed(), 0u);
  model.eval();
  for (const auto& weight : model.parameters())
    if (weight.dim() == 2) weight.detach().template data_ptr<float>()[0] += 1;
  EXPECT_FALSE(run().equal(before));
  EXPECT_EQ(model.packed(), packed);
  for (auto& weight : model.parameters()) weight.set_data(weight.detach() * 1.5);
  const auto after = run();
  model.train(), model.eval();
  EXPECT_TRUE(run().equal(after));
}

inline at::Tensor targets(int64_t length, int64_t rows = 5) {
  torch::manual_seed(8);
  return torch::randint(0, kTargetTokens, {rows, length}, at::kLong);
}

/// As T5 is: norms by the root mean square, gated, one position for all layers of a stack.
inline TransformerOptions tiny_shared() {
  auto options =
      tiny()
          .norm(nn::Norm::pre)
          .activation(nn::Activation::gelu_tanh)
          .tied(nn::Tied::embeddings)
          .shared_position(true)
          .output_scale(0.3)
          .encoder_attention(Attention::parse("dot; relative(4, 9); num_heads=2"))
          .decoder_attention(Attention::parse("dot; relative(4, 9, both=0); num_heads=2"))
          .cross_attention(Attention::parse("dot; num_heads=2"));
  options.parts().norm_type = nn::NormType::rms, options.parts().gated = true;
  options.parts().biases = {}, options.parts().head_width = 6;
  return options;
}

/// As Gemma is: two norms a branch, normalised queries and keys, windows in some layers.
inline TransformerOptions tiny_local() {
  auto options = tiny_writer("rope(100); causal; num_heads=4/2")
                     .decoder_layers(3)
                     .norm(nn::Norm::sandwich)
                     .activation(nn::Activation::silu)
                     .local_layers({0, 2})
                     .local_attention(Attention::parse("rope(10); window(3, 0); num_heads=2"))
                     .output_softcap(3);
  options.parts().norm_type = nn::NormType::rms, options.parts().gated = true;
  options.parts().biases = {"qkv"}, options.parts().qk_norm = true;
  options.parts().head_width = 6;
  return options;
}

/// Every form that a model may have.
inline std::vector<TransformerOptions> forms() {
  const auto how = [](const char* text) { return Attention::parse(text); };
  return {
      tiny(),
      tiny().norm(nn::Norm::pre),
      tiny().tied(nn::Tied::all).activation(nn::Activation::gelu).output_bias(true),
      tiny().tied(nn::Tied::none).norm(nn::Norm::pre).bias(false).scale_embeddings(false),
      tiny().encoder_layers(4).decoder_layers(1).norm(nn::Norm::pre),
      tiny()
          .encoder_attention(how("rope; num_heads=4/2"))
          .decoder_attention(how("rope; causal; num_heads=4/2"))
          .cross_attention(how("num_heads=4/1")),
      tiny()
          .encoder_attention(how("relative(4); window(3,3); num_heads=2"))
          .decoder_attention(how("alibi; num_heads=2"))
          .cross_attention(how("additive; sparsemax; num_heads=2")),
      tiny()
          .encoder_attention(how("sinusoidal(halves=1, full=1, first=1); entmax15; num_heads=2"))
          .decoder_attention(how("learned(40); causal; window(4,0); num_heads=2; gate"))
          .cross_attention(how("rope; cosine; softcap(5); num_heads=2; sum")),
      tiny_writer(),
      tiny_writer().bias(false).scale_embeddings(false),
      tiny_writer("transformer_xl; num_heads=2").memory(6),
      tiny_writer("sigmoid; alibi; causal; num_heads=2").norm(nn::Norm::post).tied(nn::Tied::none),
      tiny_shared(),
      tiny_shared().norm(nn::Norm::sandwich).tied(nn::Tied::all).output_softcap(2),
      tiny_local(),
      tiny_writer().lookback({2, 5}),
      tiny().lookback({1}),
      tiny_writer("relative(4, 9, both=0); causal; num_heads=2").shared_position(true),
  };
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline std::string name_of(const TransformerOptions& options) {
  return std::to_string(options.encoder_layers()) + "+" + std::to_string(options.decoder_layers()) +
         " " + word_of(options.norm()) + " " + word_of(options.tied()) + " [" +
         options.encoder_attention().text() + "] [" + options.decoder_attention().text() + "] [" +
         options.cross_attention().text() + "]";
}

}  // namespace heed
