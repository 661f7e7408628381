// The network against its recurrence, told sentence by sentence in float64.
#include "heed/models/query_reduction.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using Vectors = std::vector<at::Tensor>;  // one (M) a sentence

struct Words {
  std::vector<std::vector<int64_t>> story;
  std::vector<int64_t> question;
};

at::Tensor encoded(StoryAnswerer& model, const std::vector<int64_t>& text) {
  const int64_t M = model->encoder->options.width();
  auto sum = torch::zeros({M}, at::kDouble);
  const auto J = static_cast<double>(text.size());
  for (size_t j = 1; j <= text.size(); ++j)
    for (int64_t k = 1; k <= M; ++k) {
      const double part = static_cast<double>(j) / J,
                   channel = static_cast<double>(k) / static_cast<double>(M);
      const double place =
          model->encoder->options.word_order() ? (1 - part) - channel * (1 - 2 * part) : 1;
      sum[k - 1] += place * model->encoder->words->weight[text[j - 1]][k - 1];
    }
  return sum;
}

/// h_t = z_t v_t + (1 - z_t) h_{t-1}, a gate per head, both ways where the layer reads both ways.
Vectors reduced(QueryReductionLayerImpl& layer, const Vectors& x, const Vectors& q) {
  const int64_t M = layer.options.width(), H = layer.options.attention().num_heads;
  const auto repeat = [&](const at::Tensor& a_head) { return a_head.repeat_interleave(M / H); };
  Vectors gates, values;
  for (size_t i = 0; i < x.size(); ++i) {
    const auto g = x[i] * q[i];
    gates.push_back(repeat(torch::sigmoid(layer.gate.matmul(g) + layer.gate_bias)));
    auto v = torch::tanh(layer.candidate->weight.matmul(torch::cat({x[i], q[i]})) +
                         layer.candidate->bias);
    if (layer.reset_gate) {
      v = v * repeat(torch::sigmoid(layer.reset_gate->weight.matmul(g) + layer.reset_gate->bias));
    }
    values.push_back(v);
  }
  Vectors out(x.size());
  auto h = torch::zeros({M}, at::kDouble);
  for (size_t i = 0; i < x.size(); ++i) out[i] = h = gates[i] * values[i] + (1 - gates[i]) * h;
  if (layer.last || !layer.options.bidirectional()) return out;
  h = torch::zeros({M}, at::kDouble);
  for (size_t i = x.size(); i-- > 0;) {
    h = gates[i] * values[i] + (1 - gates[i]) * h;
    out[i] = out[i] + h;
  }
  return out;
}

at::Tensor by_recurrence(StoryAnswerer& model, const Words& words) {
  Vectors x, q;
  for (const auto& sentence : words.story) {
    x.push_back(encoded(model, sentence));
    q.push_back(encoded(model, words.question));
  }
  for (const auto& layer : *model->encoder->layers)
    q = reduced(*layer->as<QueryReductionLayer>(), x, q);
  const auto last =
      q.empty() ? torch::zeros({model->encoder->options.width()}, at::kDouble) : q.back();
  return model->output->weight.matmul(last) + model->output->bias;
}

const std::vector<Words> kWords = {
    {{{2, 3, 4}, {5, 3}, {2, 6, 4, 7}, {5, 3}}, {8, 2}}, {{{5, 3}}, {9, 2, 4}}, {{}, {8, 5}}};

Batch input_of(const std::vector<Words>& all) {
  std::vector<std::vector<int64_t>> sentences = {{}};
  const auto B = static_cast<int64_t>(all.size());
  auto story = torch::zeros({B, 5}, at::kLong);
  auto lengths = torch::zeros({B}, at::kLong);
  auto questions = torch::zeros({B, 4}, at::kLong);
  for (int64_t b = 0; b < B; ++b) {
    const auto& words = all[static_cast<size_t>(b)];
    for (size_t s = 0; s < words.story.size(); ++s) {
      story[b][static_cast<int64_t>(s)] = static_cast<int64_t>(sentences.size());
      sentences.push_back(words.story[s]);
    }
    lengths[b] = static_cast<int64_t>(words.story.size());
    for (size_t j = 0; j < words.question.size(); ++j) {
      questions[b][static_cast<int64_t>(j)] = words.question[j];
    }
  }
  auto texts = torch::zeros({static_cast<int64_t>(sentences.size()), 4}, at::kLong);
  for (size_t u = 0; u < sentences.size(); ++u)
    for (size_t j = 0; j < sentences[u].size(); ++j) {
      texts[static_cast<int64_t>(u)][static_cast<int64_t>(j)] = sentences[u][j];
    }
  return {.tensors = {{"sentences", texts},
                      {"story", story},
                      {"lengths", lengths},
                      {"questions", questions}},
          .records = {}};
}

StoryAnswerer make(const QueryReductionOptions& options) {
  torch::manual_seed(3);
  StoryAnswerer model(options, 10, 5);
  model->to(at::kDouble);
  model->eval();
  return model;
}

TEST(QueryReduction, IsItsRecurrence) {
  const auto plain = QueryReductionOptions().width(6).layers(3).gate_bias(-0.5);
  auto heads = plain;
  heads.attention(Attention::parse("dot; geometric; num_heads=3"));
  auto one_way = plain;
  one_way.bidirectional(false).reset(false).word_order(false).layers(2);
  auto single = plain;
  single.layers(1);
  for (const auto& options : {plain, heads, one_way, single}) {
    auto model = make(options);
    const auto logits = model->forward(input_of(kWords));
    for (size_t b = 0; b < kWords.size(); ++b) {
      const auto expected = by_recurrence(model, kWords[b]);
      EXPECT_TRUE(torch::allclose(logits[static_cast<int64_t>(b)], expected, 1e-9, 1e-11))
          << options.layers() << " layers, question " << b;
    }
  }
}

TEST(QueryReduction, TakesOtherAttentions) {
  for (const char* how :
       {"softmax; alibi", "cosine; sparsemax; num_heads=2", "dot; relative(8, 9)"}) {
    auto model = make(QueryReductionOptions().width(6).attention(Attention::parse(how)));
    const auto all = model->forward(input_of(kWords)), one = model->forward(input_of({kWords[1]}));
    EXPECT_TRUE(torch::allclose(all[1], one[0], 1e-9, 1e-11)) << how;  // padding changes nothing
    all.sum().backward();
    for (const auto& item : model->named_parameters())
      EXPECT_TRUE(item.value().grad().defined()) << how << " " << item.key();
  }
}

TEST(QueryReduction, GivesATokenAStory) {
  auto encoder = make(QueryReductionOptions().width(6))->encoder;
  const auto tokens = encoder->forward(input_of(kWords));
  EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{3, 1, 6}));
  EXPECT_EQ(tokens.states[2].abs().max().item<double>(), 0);  // without sentences
}

TEST(QueryReduction, LeavesAMapOfEachReading) {
  auto model = make(QueryReductionOptions().width(6).layers(2));
  Recording recording(*model);
  model->forward(input_of(kWords));
  ASSERT_EQ(recording.size(), 3u);
  EXPECT_EQ(recording.map(0).name(), "encoder.layers.0.forward");
  EXPECT_EQ(recording.map(1).name(), "encoder.layers.0.backward");
  EXPECT_EQ(recording.map(2).name(), "encoder.layers.1.forward");
  EXPECT_EQ(recording.map(0).queries(), 5);
  EXPECT_EQ(recording.map(2).queries(), 1);
}

TEST(QueryReduction, PaddingStaysZeroInTraining) {
  auto model = make(QueryReductionOptions().width(6));
  model->train();
  model->forward(input_of(kWords)).pow(2).sum().backward();
  EXPECT_EQ(model->encoder->words->weight.grad()[0].abs().sum().item<double>(), 0);
  EXPECT_GT(model->encoder->words->weight.grad()[8].abs().sum().item<double>(), 0);
}

TEST(QueryReduction, RefusesWhatDoesNotFit) {
  const auto with = [](const char* how) {
    return QueryReductionOptions().width(6).attention(Attention::parse(how));
  };
  EXPECT_THROW(make(with("num_heads=4")), ModelError);
  EXPECT_THROW(make(with("causal")), ModelError);
  EXPECT_THROW(make(with("rope")), ModelError);
  EXPECT_THROW(make(with("sum")), ModelError);
  EXPECT_THROW(make(with("num_heads=2/1")), ModelError);
  auto model = make(with("dot; geometric"));
  auto input = input_of(kWords);
  input.tensors["story"] = input.at("story").to(at::kInt);
  EXPECT_THROW(model->forward(input), UsageError);
  input = input_of(kWords);
  input.tensors["questions"] = input.at("questions").narrow(0, 0, 2);
  EXPECT_THROW(model->forward(input), UsageError);
  for (const char* name : {"sentences", "story", "lengths", "questions"}) {
    input = input_of(kWords);
    input.tensors[name].flatten()[0] = 99;
    EXPECT_THROW(model->forward(input), UsageError) << name;
  }
}

}  // namespace
}  // namespace heed
