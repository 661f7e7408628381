// A vector of a text, near to that of the text that belongs to it.
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
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
    v("score", score,
      "column of how alike a pair is, with which cosines learn to rise and fall (CoSENT); none: "
      "each text learns to find its pair among the batch's");
    v("temperature", loss.temperature, "by which cosines are divided", between(1e-4, 1e4));
    if (score.empty()) v("symmetric", loss.symmetric, "also from the pair's text to the text");
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
    return linear ? activated(options.activation, linear->forward(y)) : y;
  }

  EmbeddingHeadOptions options;

  nn::Pooling pool{nullptr};
  torch::nn::Linear linear{nullptr};
};

/// The pairs' texts as a batch of their own.
Batch pair_batch(const Batch& batch) {
  Batch pairs{{}, batch.records};
  for (const auto& [name, tensor] : batch.tensors)
    if (name.starts_with(kPairPrefix))
      pairs.tensors[name.substr(std::string(kPairPrefix).size())] = tensor;
  if (pairs.tensors.empty())
    throw DataError(
        "the head 'embedding' learns from pairs of texts; name the column of the texts "
        "that belong to the others by input.pair");
  return pairs;
}

class EmbeddingHead : public WithOptions<Head, EmbeddingHeadOptions> {
 public:
  std::vector<std::string> columns() const override {
    return options.score.empty() ? std::vector<std::string>() : std::vector{options.score};
  }
  void learn(const Split& train, const Input&) override {
    pair_batch(train.batch({0}, {}));
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
    return module_ = std::make_shared<EmbeddingModule>(encoder->width(), options);
  }
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    if (options.score.empty()) return;
    std::vector<double> scores;
    for (const int64_t example : examples) scores.push_back(score(split, example, draw));
    batch.tensors[in_batch(kScoreTarget)] = at::tensor(scores, at::kDouble);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, W)
  }
  bool gives_vectors() const override { return true; }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    if (options.score.empty()) {
      const auto queries = output(tokens, batch);
      const auto pairs = pair_batch(batch);
      TextNumbers numbers;
      return {nn::contrastive_loss(queries, vectors(pairs), options.loss, numbers.of(pairs)),
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
    const auto whole = of_length_one(module_->any_length(tokens).detach())[0];  // (W)
    return {"the part along the whole input's vector", "the cosine with the whole input's vector",
            [this, whole](const Tokens& of, const Batch&) {
              const auto vectors = module_->any_length(of);
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
  at::Tensor vectors(const Batch& texts) { return output(encoder_->forward(texts), texts); }
  PairOutput unit_vectors(const Tokens& tokens, const Batch& batch) {
    const auto pairs = pair_batch(batch);
    return {of_length_one(output(tokens, batch)), of_length_one(vectors(pairs)), pairs};
  }

  EncoderPtr encoder_;
  std::shared_ptr<EmbeddingModule> module_;
};

}  // namespace

std::shared_ptr<Head> make_embedding_head() { return std::make_shared<EmbeddingHead>(); }

}  // namespace heed
