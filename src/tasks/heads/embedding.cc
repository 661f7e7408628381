// A vector of an example, near to that of what belongs to it.
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/models/joint_encoder.h"
#include "heed/nn/contrastive.h"
#include "heed/nn/cosent.h"
#include "heed/nn/pooling.h"
#include "nn/linear.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/dense.h"
#include "tasks/heads/number_cell.h"
#include "tasks/heads/pair_scorer.h"
#include "tasks/heads/similarity_scorer.h"
#include "tasks/inputs/text_split.h"

namespace heed {
namespace {

constexpr const char* kScoreTarget = "score";

struct EmbeddingHeadOptions {
  nn::PoolingOptions pool;
  int64_t width = 0;
  bool bias = false;
  DenseActivation activation = DenseActivation::none;
  bool normalize = true;
  std::vector<std::string> inputs;
  std::string score;
  nn::ContrastiveOptions loss{.symmetric = true};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("pool", pool, "");
    v("width", width, "numbers of a vector; 0: as many as the encoder's",
      between(0, kMostChannels));
    if (width > 0) {
      v("bias", bias, "whether the layer that makes them has one");
      v("activation", activation, "of that layer");
    }
    v("normalize", normalize, "whether vectors have length 1; cosines are learned anyway");
    v("inputs", inputs,
      "names of two inputs, joined apart: the first one's vectors learn to find the second's, and "
      "are what is answered; empty: a text finds its pair");
    if (inputs.empty())
      v("score", score,
        "column of how alike a pair is, with which cosines learn to rise and fall (CoSENT); none: "
        "each text learns to find its pair among the batch's");
    v("temperature", loss.temperature, "by which cosines are divided", between(1e-4, 1e4));
    if (score.empty()) v("symmetric", loss.symmetric, "also from the pair to the example");
  }
  void check() const {
    if (!inputs.empty() && (inputs.size() != 2 || inputs[0] == inputs[1]))
      throw ModelError("inputs: expected the names of two inputs, given " +
                       std::to_string(inputs.size()));
  }
};

at::Tensor of_length_one(const at::Tensor& y) { return y / y.norm(2, {1}, true).clamp_min(1e-12); }

/// tokens (B, L, M) -> vectors (B, W), of length 1 where the options say so: pool(tokens), with a width of
/// their own act(pool(tokens) A + a).
class EmbeddingModule : public torch::nn::Module {
 public:
  EmbeddingModule(int64_t width, const EmbeddingHeadOptions& given) : options(given) {
    pool = register_module("pool", nn::Pooling(width, options.pool));
    if (options.width > 0)
      linear = register_module("linear", nn::xavier_linear(width, options.width, options.bias));
  }
  at::Tensor forward(const Tokens& tokens) {
    const auto y = any_length(tokens);
    return options.normalize ? of_length_one(y) : y;
  }
  at::Tensor any_length(const Tokens& tokens) {
    const auto y = pool->forward(tokens.states, tokens.lengths).to(at::kFloat);
    return linear ? activated(options.activation, nn::affine(linear, y)) : y;
  }

  EmbeddingHeadOptions options;

  nn::Pooling pool{nullptr};
  torch::nn::Linear linear{nullptr};
};

/// The tensors whose names begin with a prefix as a batch of their own.
Batch batch_behind(const Batch& batch, const std::string& prefix) {
  Batch part{{}, batch.records};
  for (const auto& [name, tensor] : batch.tensors)
    if (name.starts_with(prefix)) part.tensors[name.substr(prefix.size())] = tensor;
  return part;
}

/// The pairs' texts.
Batch pair_batch(const Batch& batch) {
  auto pairs = batch_behind(batch, kPairPrefix);
  if (pairs.tensors.empty())
    throw DataError(
        "the head 'embedding' learns from pairs; name the column of the texts that belong to the "
        "others by input.pair, or two inputs by head.inputs");
  return pairs;
}

/// An input of an encoder that joins them apart.
struct Tower {
  std::string name;
  int64_t number;
};

/// The tokens of one input alone.
Tokens tokens_of(const Tokens& all, const Tower& tower) {
  auto is_own = all.extra.at("input").eq(tower.number);  // (B, L)
  if (all.lengths.defined())
    is_own = is_own.logical_and(
        at::arange(is_own.size(1), all.lengths.options()).lt(all.lengths.unsqueeze(1)));
  const auto lengths = is_own.sum(1);
  const auto others = is_own.logical_not().to(at::kByte);
  const auto order = std::get<1>(at::sort(others, /*stable=*/true, 1, /*descending=*/false))
                         .narrow(1, 0, lengths.max().item<int64_t>());
  return {.states = all.states.gather(1, order.unsqueeze(2).expand({-1, -1, all.states.size(2)})),
          .lengths = lengths};
}

std::vector<Tower> towers_of(const EncoderPtr& encoder, const std::vector<std::string>& names) {
  const auto joint = std::dynamic_pointer_cast<JointEncoderImpl>(encoder);
  if (!joint || joint->options.join != JoinType::apart)
    throw ModelError(
        "head.inputs: inputs are compared that an encoder reads apart; write encoder = { kind = "
        "\"joint\", join = \"apart\" }");
  std::vector<Tower> towers;
  for (const auto& name : names) {
    const auto found = std::find_if(joint->inputs.begin(), joint->inputs.end(),
                                    [&](const auto& input) { return input.first == name; });
    if (found == joint->inputs.end())
      throw ModelError("head.inputs: no input is called '" + name + "'");
    towers.push_back({name, found - joint->inputs.begin()});
  }
  return towers;
}

class EmbeddingHead : public WithOptions<Head, EmbeddingHeadOptions> {
 public:
  std::vector<std::string> columns() const override {
    return options.score.empty() ? std::vector<std::string>() : std::vector{options.score};
  }
  void learn(const Split& train, const Input&) override {
    if (options.inputs.empty()) pair_batch(train.batch({0}, {}));
    if (options.score.empty()) return;
    const double first = score(train, 0);
    for (int64_t i = 1; i < train.size(); ++i)
      if (score(train, i) != first) return;
    throw DataError("the column '" + options.score + "' of the training data is " +
                    train.value(0, options.score) +
                    " in every record; there is nothing to learn from its order");
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext&) override {
    encoder_ = encoder;
    if (options.inputs.empty())
      return module_ = other_ = std::make_shared<EmbeddingModule>(encoder->width(), options);
    towers_ = towers_of(encoder, options.inputs);
    const auto both = std::make_shared<torch::nn::Module>();
    for (const auto& [name, number] : towers_)
      both->register_module(name, std::make_shared<EmbeddingModule>(encoder->width(), options));
    const auto named = both->named_children();
    module_ = std::dynamic_pointer_cast<EmbeddingModule>(named[towers_[0].name]);
    other_ = std::dynamic_pointer_cast<EmbeddingModule>(named[towers_[1].name]);
    return both;
  }
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    if (options.score.empty()) return;
    std::vector<double> scores;
    for (const int64_t example : examples) scores.push_back(score(split, example, draw));
    batch.tensors[in_batch(kScoreTarget)] = at::tensor(scores, at::kDouble);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(answered(tokens));  // (B, W)
  }
  bool gives_vectors() const override { return true; }
  /// What a batch has not beside a pair it cannot learn to tell from it: of texts sorted by length none of another length.
  bool compares_examples() const override { return options.score.empty(); }
  std::string answered_input() const override {
    return options.inputs.empty() ? "" : options.inputs[0];
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    if (options.score.empty()) {
      const auto [queries, targets, of, texts] = vectors(tokens, batch);
      TextNumbers numbers;
      return {nn::contrastive_loss(queries, targets, options.loss, numbers.of(texts)),
              batch.size()};
    }
    const auto both = unit_vectors(tokens, batch);
    const auto cosines = (both.queries * both.targets).sum(1);
    const auto scores = batch.at(in_batch(kScoreTarget)).to(cosines.device());
    return {nn::cosent_loss(cosines, scores, options.loss.temperature), batch.size()};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    const auto both = [this](const Tokens& tokens, const Batch& batch) {
      return unit_vectors(tokens, batch);
    };
    return options.score.empty() ? make_pair_scorer(both)
                                 : make_similarity_scorer(both, in_batch(kScoreTarget));
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    const auto vectors = output(tokens, batch).contiguous();
    std::vector<Prediction> all;
    for (int64_t row = 0; row < vectors.size(0); ++row) {
      const auto* first = vectors.data_ptr<float>() + row * vectors.size(1);
      const std::vector<float> numbers(first, first + vectors.size(1));
      Prediction prediction;
      for (const float x : numbers) {
        char text[24];
        std::snprintf(text, sizeof text, "%.6g", static_cast<double>(x));
        if (!prediction.text.empty()) prediction.text += ' ';
        prediction.text += text;
      }
      prediction.title = "a vector of " + std::to_string(numbers.size()) + " numbers";
      prediction.json = nlohmann::json{{"vector", numbers}}.dump();
      all.push_back(std::move(prediction));
    }
    return all;
  }

  /// Of the vector before it is brought to length 1, where the whole input would be a maximum without a gradient.
  Aim aim(const Tokens& tokens, const Batch&, const Split&, const AimOptions& aimed,
          const Looked&) override {
    aimed_number(aimed, 1, "vector");
    const auto whole = of_length_one(module_->any_length(answered(tokens)).detach())[0];  // (W)
    return {"the part along the whole input's vector", "the cosine with the whole input's vector",
            [this, whole](const Tokens& of, const Batch&) {
              const auto vectors = module_->any_length(answered(of));
              return Aimed{at::matmul(vectors, whole), at::matmul(of_length_one(vectors), whole)};
            }};
  }

  std::string expected(const Split&, int64_t) const override { return ""; }
  void check(const Split& split, bool) const override {
    if (!options.score.empty())
      for (int64_t i = 0; i < split.size(); ++i) score(split, i);
    if (split.size() < 2)
      throw DataError(split.place(0) +
                      ": one pair alone; expected at least two, which are compared");
  }
  SelectionMetric selection_metric() const override {
    return {options.score.empty() ? "mrr" : "spearman", true};
  }

 private:
  double score(const Split& split, int64_t example, const Draw& draw = {}) const {
    return number_cell(split, example, options.score, draw);
  }
  Tokens answered(const Tokens& tokens) const {
    return towers_.empty() ? tokens : tokens_of(tokens, towers_[0]);
  }
  /// Both sides of a batch.
  PairOutput vectors(const Tokens& tokens, const Batch& batch) {
    const auto queries = output(tokens, batch);
    if (towers_.empty()) {
      auto pairs = pair_batch(batch);
      return {queries, other_->forward(encoder_->forward(pairs)), batch, pairs};
    }
    return {queries, other_->forward(tokens_of(tokens, towers_[1])),
            batch_behind(batch, towers_[0].name + "."), batch_behind(batch, towers_[1].name + ".")};
  }
  PairOutput unit_vectors(const Tokens& tokens, const Batch& batch) {
    auto both = vectors(tokens, batch);
    both.queries = of_length_one(both.queries), both.targets = of_length_one(both.targets);
    return both;
  }

  EncoderPtr encoder_;
  std::shared_ptr<EmbeddingModule> module_, other_;  // of what is answered and of its pair
  std::vector<Tower> towers_;                        // empty: both sides are texts of one input
};

}  // namespace

std::shared_ptr<Head> make_embedding_head() { return std::make_shared<EmbeddingHead>(); }

}  // namespace heed
