// Small random models of each kind, in float64, as questions; and their maps whole, with gradients.
#pragma once

#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "heed/models/image_encoder.h"
#include "heed/models/series_encoder.h"
#include "heed/models/text_encoder.h"
#include "heed/models/transformer.h"
#include "heed/nn/probe.h"
#include "heed/nn/recording.h"
#include "heed/tasks/question.h"
#include "ops/call.h"

namespace heed::test {

/// An encoder, and a linear layer on its first token or on the mean of them.
struct ExplainedModel : torch::nn::Module {
  ExplainedModel(EncoderPtr encoder, bool first) : encoder(encoder), first(first) {
    register_module("encoder", std::static_pointer_cast<torch::nn::Module>(encoder));
    linear = register_module("linear", torch::nn::Linear(encoder->width(), 3));
  }
  at::Tensor logits(const Batch& batch) {
    const auto states = encoder->forward(batch).states;
    return linear->forward(first ? states.select(1, 0) : states.mean(1));
  }

  EncoderPtr encoder;
  bool first;
  torch::nn::Linear linear{nullptr};
};

struct Explained {
  std::string name;
  std::shared_ptr<torch::nn::Module> model;
  Question question;
};

inline Question question_of(std::shared_ptr<ExplainedModel> model, Batch batch) {
  Question question;
  question.aim = "the logit of class 1", question.share = "the probability of class 1";
  question.model = model.get();
  question.batch = std::move(batch);
  question.of = [model](const Batch& given) {
    const auto logits = model->logits(given);
    return Aimed{logits.select(1, 1), logits.softmax(1).select(1, 1)};
  };
  return question;
}

inline void name_words(Question& question, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const auto begin = std::ssize(question.shown.text);
    question.shown.text += std::string(1, static_cast<char>('a' + i)) + "w";
    question.shown.tokens.push_back(
        {question.shown.text.substr(static_cast<size_t>(begin)), begin, begin + 2, false});
    question.shown.text += i % 3 == 2 ? "! " : " ";
  }
}

inline Explained explained_text(const std::string& attention, bool first, int64_t length = 7,
                                nn::Norm norm = nn::Norm::pre) {
  torch::manual_seed(5);
  TextEncoderOptions options;
  options.width = 16, options.layers = 2, options.dropout = 0, options.norm = norm;
  options.attention = Attention::parse(attention);
  auto model = std::make_shared<ExplainedModel>(
      std::make_shared<TextEncoderImpl>(options, TextShape{.vocabulary = 40}), first);
  model->to(at::kDouble), model->eval();
  Batch batch{{{"tokens", at::arange(3, 3 + length).unsqueeze(0)},
               {"lengths", at::tensor({length}, at::kLong)}},
              at::zeros({1}, at::kLong)};
  auto question = question_of(model, batch);
  name_words(question, length);
  return {"text " + attention, model, question};
}

inline Explained explained_image() {
  torch::manual_seed(6);
  ImageEncoderOptions options;
  options.width = 16, options.layers = 2, options.patch = 2, options.class_token = true;
  options.attention = Attention::parse("learned; num_heads=2");
  auto encoder = std::make_shared<ImageEncoderImpl>(options, ImageShape{1, 6, 6});
  auto model = std::make_shared<ExplainedModel>(encoder, true);
  model->to(at::kDouble), model->eval();
  auto question = question_of(
      model, {{{"image", at::randn({1, 1, 6, 6}, at::kDouble)}}, at::zeros({1}, at::kLong)});
  question.grid = TokenGrid{.rows = 3, .columns = 3, .class_token = true};
  return {"image", model, question};
}

inline Explained explained_series() {
  torch::manual_seed(7);
  SeriesEncoderOptions options;
  options.width = 16, options.layers = 2, options.patch = 4, options.stride = 4,
  options.dropout = 0;
  options.attention = Attention::parse("learned; num_heads=2");
  auto encoder =
      std::make_shared<SeriesEncoderImpl>(options, SeriesShape{.channels = 2, .past = 12});
  auto model = std::make_shared<ExplainedModel>(encoder, false);
  model->to(at::kDouble), model->eval();
  return {"series", model,
          question_of(model,
                      {{{"past", at::randn({1, 2, 12}, at::kDouble)}}, at::zeros({1}, at::kLong)})};
}

/// log p of a target text, from a source text or as a language model.
inline Explained explained_writer(bool source) {
  torch::manual_seed(8);
  TransformerOptions options;
  options.encoder_layers(source ? 2 : 0)
      .decoder_layers(2)
      .width(16)
      .hidden(32)
      .norm(nn::Norm::pre)
      .dropout(0)
      .activation(nn::Activation::gelu);  // relu has kinks, which integrals feel
  options.encoder_attention(Attention::parse("sinusoidal; num_heads=2"));
  options.decoder_attention(Attention::parse("sinusoidal; num_heads=2"));
  options.cross_attention(Attention::parse("num_heads=2"));
  auto model = std::make_shared<TransformerImpl>(options, 30, source ? 30 : 0);
  model->to(at::kDouble), model->eval();
  Question question;
  question.aim = "log p of the text";
  question.model = model.get();
  question.batch = {
      {{"source", at::arange(4, 9).unsqueeze(0)}, {"source_lengths", at::tensor({5}, at::kLong)}},
      at::zeros({1}, at::kLong)};
  const auto target = at::tensor({1, 7, 9, 8}, at::kLong).unsqueeze(0);
  const auto wanted = at::tensor({7, 9, 8, 2}, at::kLong).view({1, 4, 1});
  question.of = [model, target, wanted, source](const Batch& batch) {
    const int64_t B = batch.size();
    const SourceBatch read =
        source ? SourceBatch{batch.at("source"), batch.at("source_lengths")} : SourceBatch();
    const auto log_p = model->project(model->hidden(read, target.expand({B, -1})))
                           .log_softmax(2)
                           .gather(2, wanted.expand({B, -1, -1}))
                           .squeeze(2);
    return Aimed{log_p.sum(1), log_p.mean(1).exp()};
  };
  for (const char* word : {"<s>", "u", "v", "w"}) question.looked.read.push_back({word});
  if (source) name_words(question, 5);
  return {source ? "translator" : "language model", model, question};
}

inline std::vector<Explained> explained_models() {
  std::vector<Explained> all;
  all.push_back(explained_text("num_heads=2", true));
  all.push_back(explained_text("rope; num_heads=4/2; softcap(5)", false));
  all.push_back(explained_text("relative(4); entmax15; num_heads=2", false, 7, nn::Norm::post));
  all.push_back(explained_text("alibi; causal; num_heads=2", false));
  all.push_back(explained_text("sinusoidal; sum; num_heads=2", true, 7, nn::Norm::sandwich));
  all.push_back(explained_image());
  all.push_back(explained_series());
  all.push_back(explained_writer(true));
  all.push_back(explained_writer(false));
  return all;
}

/// Every attention by the readable formula, its weights a matrix with gradients; the states of each block.
class Dense : public nn::Probe {
 public:
  at::Tensor embedded(const at::Tensor& x) override {
    auto own = x.detach().requires_grad_(true);
    vectors.push_back(own);
    return own;
  }
  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    states = x;
    return x;
  }
  at::Tensor attended(const nn::AttentionCall& call, const at::Tensor&) override {
    at::Tensor weights;
    attend_reference(call.q, call.k, call.v, ops::operator_part(call.how), call.inputs, &weights);
    const auto v = call.v.repeat_interleave(call.q.size(1) / call.v.size(1), 1);
    calls.push_back(call), maps.push_back(weights);
    return at::matmul(weights, v);
  }
  std::vector<nn::AttentionCall> calls;
  std::vector<at::Tensor> maps, vectors;  ///< (B, H, Lq, Lk)
  at::Tensor states;                      ///< of the last block
};

}  // namespace heed::test
