#include "heed/models/query_reduction.h"

#include "core/text.h"
#include "models/encoder_check.h"
#include "nn/learned.h"
#include "nn/linear.h"
#include "nn/model_memory.h"

namespace heed {
namespace {

using models::Dtype, models::taken;

constexpr double kWordDeviation = 0.3;
constexpr double kGateDeviation = 0.3;

/// The attention with one mask more, which the model sets and the recipe need not.
Attention masked_by(Attention how, const char* mask) {
  const auto part = Attention::parse(mask).masks.at(0);
  if (!how.has_mask(part.name)) how.masks.push_back(part);
  return how;
}

Attention forward_part(const Attention& how) { return masked_by(how, "causal"); }
Attention backward_part(const Attention& how) { return masked_by(how, "window(0, -1)"); }

void check_options(const QueryReductionOptions& options) {
  const auto& how = options.attention();
  how.check();
  if (options.width() % how.num_heads != 0) {
    throw ModelError(text_of("width: expected a multiple of attention.num_heads = ", how.num_heads,
                             ", given ", options.width()));
  }
  if (!how.masks.empty()) {
    throw ModelError("attention.masks: a story is read in its order; expected no masks");
  }
  if (how.num_kv_heads || how.merge.name != "concat") {
    throw ModelError(
        "attention: expected heads that are side by side, each with values of its own");
  }
  if (how.position.name != "none" && how.position.name != "alibi" &&
      how.position.name != "relative") {
    throw ModelError("attention.position: expected none, alibi or relative, given " +
                     how.position.name);
  }
}

}  // namespace

QueryReductionOptions::QueryReductionOptions() : attention_(Attention::parse("dot; geometric")) {}

QueryReductionLayerImpl::QueryReductionLayerImpl(const QueryReductionOptions& options, bool last)
    : options(options), last(last) {
  reset();
}

void QueryReductionLayerImpl::reset() {
  const auto& how = options.attention();
  const int64_t M = options.width(), H = how.num_heads;
  gate = register_parameter("gate", torch::randn({H, M}) * kGateDeviation);
  gate_bias = register_parameter("gate_bias", torch::full({H}, options.gate_bias()));
  candidate = register_module("candidate", nn::xavier_linear(2 * M, M));
  if (options.reset()) reset_gate = register_module("reset_gate", nn::xavier_linear(M, H));
  learned = nn::register_learned(*this, how, H, H, M + 1);
  forward_ = register_module("forward", models::Reading());
  backward_ = register_module("backward", models::Reading());
}

at::Tensor QueryReductionLayerImpl::forward(const at::Tensor& x, const at::Tensor& q,
                                            const at::Tensor& lengths) {
  const auto& how = options.attention();
  const int64_t B = x.size(0), S = x.size(1), M = options.width(), H = how.num_heads;
  const auto g = x * q;
  // A channel of ones carries the bias of the scores.
  const auto k = torch::cat({g, torch::ones({B, S, 1}, g.options())}, 2);     // (B, S, M + 1)
  const auto z = torch::cat({gate, gate_bias.unsqueeze(1)}, 1).unsqueeze(1);  // (H, 1, M + 1)
  auto v = torch::tanh(nn::affine(candidate, torch::cat({x, q}, 2)));         // (B, S, M)
  v = v.view({B, S, H, M / H});
  if (reset_gate) v = v * torch::sigmoid(nn::affine(reset_gate, g)).unsqueeze(3);
  const auto keys = k.unsqueeze(1).expand({B, H, S, M + 1}), values = v.transpose(1, 2);
  AttendInputs inputs;
  inputs.key_lengths = lengths;
  inputs.parameters = learned;
  inputs.training = is_training();
  const auto seen = [&](const models::Reading& direction, const Attention& own, int64_t rows) {
    return direction->attend(z.unsqueeze(0).expand({B, H, rows, M + 1}), keys, values, own, inputs);
  };
  // The last query sees what the query at a story's own end sees: padding is hidden.
  auto h = seen(forward_, forward_part(how), last ? std::min<int64_t>(S, 1) : S);
  if (!last && options.bidirectional()) h = h + seen(backward_, backward_part(how), S);
  return h.transpose(1, 2).flatten(2);  // (B, S or 1, M)
}

QueryReductionImpl::QueryReductionImpl(const QueryReductionOptions& given, int64_t vocabulary)
    : options(given), vocabulary(vocabulary) {
  check_options(options);
  const int64_t M = options.width();
  words = register_module(
      "words", torch::nn::Embedding(torch::nn::EmbeddingOptions(vocabulary, M).padding_idx(0)));
  {
    const torch::NoGradGuard no_gradient;
    words->weight.normal_(0, kWordDeviation);
    words->weight[0].zero_();
  }
  layers = register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.layers(); ++i) {
    layers->push_back(QueryReductionLayer(options, i + 1 == options.layers()));
    if (i == 0) nn::check_repeated(*layers, options.layers());
  }
  dropout = register_module("dropout", torch::nn::Dropout(options.dropout()));
}

at::Tensor QueryReductionImpl::encode(const at::Tensor& texts) {
  auto vectors = words->forward(texts);  // (N, W, M)
  if (!options.word_order()) return vectors.sum(1);
  const int64_t M = options.width();
  const auto real = vectors.options().requires_grad(false);
  const auto counts = (texts > 0).sum(1).clamp_min(1).to(real.dtype());  // (N)
  const auto j = torch::arange(1, texts.size(1) + 1, real).unsqueeze(0) / counts.unsqueeze(1);
  const auto k = torch::arange(1, M + 1, real) / static_cast<double>(M);
  const auto place = j.unsqueeze(2);                            // (N, W, 1)
  return (vectors * (1 - place - k * (1 - 2 * place))).sum(1);  // (N, M)
}

Tokens QueryReductionImpl::forward(const Batch& batch) {
  const auto& sentences = taken(batch, "sentences", {{"U"}, {"W"}}, Dtype::int64);
  const auto& story = taken(batch, "story", {{"B"}, {"S"}}, Dtype::int64);
  const int64_t B = story.size(0), S = story.size(1), M = options.width();
  const auto& lengths = models::taken_lengths(batch, B, S);
  const auto& questions = taken(batch, "questions", {{"B", B}, {"Wq"}}, Dtype::int64);
  models::check_ids("sentences", sentences, 0, vocabulary - 1);
  models::check_ids("questions", questions, 0, vocabulary - 1);
  models::check_ids("story", story, 0, sentences.size(0) - 1);
  const auto x = encode(sentences).index_select(0, story.flatten()).view({B, S, M});
  auto h = encode(questions).unsqueeze(1).expand({B, S, M});  // what is asked
  for (const auto& layer : *layers)
    h = layer->as<QueryReductionLayer>()->forward(x, dropout->forward(h), lengths);
  return {.states = h.sum(1, /*keepdim=*/true)};  // of one row, or none where S is 0
}

StoryAnswererImpl::StoryAnswererImpl(const QueryReductionOptions& options, int64_t vocabulary,
                                     int64_t answers) {
  encoder = register_module("encoder", QueryReduction(options, vocabulary));
  output = register_module("output", nn::xavier_linear(options.width(), answers));
}

at::Tensor StoryAnswererImpl::forward(const Batch& batch) {
  return output->forward(encoder->forward(batch).states.squeeze(1));  // (B, K)
}

}  // namespace heed
