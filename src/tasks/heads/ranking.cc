// What comes next: every item has a score, the product of the last token and the item's own vector.
#include <array>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/models/items_encoder.h"
#include "heed/nn/sampled_softmax.h"
#include "heed/ops/cross_entropy.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/ranking_scorer.h"

namespace heed {
namespace {

constexpr const char* kPopularityFile = "popularity.json";
constexpr const char* kStepTarget = "step";

enum class RankingLoss { softmax, sampled_softmax, gbce };
constexpr std::array<const char*, 3> words(RankingLoss) {
  return {"softmax", "sampled_softmax", "gbce"};
}

enum class RankingMetric { ndcg, hr, mrr, loss };
constexpr std::array<const char*, 4> words(RankingMetric) { return {"ndcg", "hr", "mrr", "loss"}; }

enum class SeenItems { leave_out, rank };
constexpr std::array<const char*, 2> words(SeenItems) { return {"leave_out", "rank"}; }

struct RankingHeadOptions {
  RankingLoss loss = RankingLoss::softmax;
  nn::NegativeSamplerOptions sampler;
  double calibration = 0.75;
  int64_t k = 10;
  RankingMetric metric = RankingMetric::ndcg;
  SeenItems seen = SeenItems::leave_out;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("loss", loss,
      "softmax: over all items; sampled_softmax: over the next item and a few others; gbce: a "
      "binary one for each of these");
    if (loss != RankingLoss::softmax) v("sampler", sampler, "");
    if (loss == RankingLoss::gbce)
      v("calibration", calibration, "0: binary cross entropy; 1: scores become probabilities",
        Bounds{0, 1});
    v("k", k, "of HR@k and NDCG@k", between(1, kMostCount));
    v("metric", metric, "by which the best model is chosen, the first two at k");
    v("seen", seen, "items of the history: left out of what is ranked, or ranked like the others");
  }
};

/// Without weights: the items' vectors are the encoder's.
class RankingModule : public torch::nn::Module {};

class RankingHead : public WithOptions<Head, RankingHeadOptions> {
 public:
  void learn(const Split& train, const Input&) override {
    const auto names = train.categories("items");
    if (names.empty())
      throw ModelError(
          "head.kind: the head 'ranking' ranks the items of the input 'items', and "
          "this input has none");
    Classes numbers(names, {});
    std::vector<int64_t> counts(names.size());
    for (int64_t i = 0; i < train.size(); ++i)
      for (const auto& item : train.values(i, "items"))
        ++counts[static_cast<size_t>(numbers.number(item))];
    items_ = Classes(names, std::move(counts));
  }
  Files files() const override { return {{kPopularityFile, items_.file()}}; }
  void load(const Files& files) override { items_ = Classes::from_file(files, kPopularityFile); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext& context) override {
    encoder_ = std::dynamic_pointer_cast<ItemsEncoderImpl>(encoder);
    if (!encoder_)
      throw ModelError(
          "encoder.kind: the head 'ranking' ranks items by the table of the encoder "
          "'items'; choose that");
    if (encoder_->items != items_.size())
      throw ModelError(std::string(kPopularityFile) + ": expected the encoder's " +
                       std::to_string(encoder_->items) + " items, given " +
                       std::to_string(items_.size()));
    context_ = context;
    make_sampler();
    return std::make_shared<RankingModule>();
  }

  void add_targets(const Split&, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    // An example comes once an epoch, so this names the step, whatever was done before.
    if (draw.training)
      batch.tensors[in_batch(kStepTarget)] =
          at::scalar_tensor((draw.epoch << 32) + examples.front(), at::kLong);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    const auto last = tokens.lengths - 1;  // (B)
    const auto states =
        tokens.states.gather(1, last.view({-1, 1, 1}).expand({-1, 1, tokens.states.size(2)}));
    const auto& table = encoder_->item_embedding();
    return at::matmul(states.squeeze(1).to(table.scalar_type()), table.t()).to(at::kFloat);
  }

  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto next = batch.at("next").flatten();     // (B L)
    const auto states = tokens.states.flatten(0, 1);  // (B L, M)
    const auto& table = encoder_->item_embedding();
    at::Tensor sum;
    int64_t count = 0;
    if (options.loss == RankingLoss::softmax) {
      const auto found = linear_cross_entropy(states, table, {}, next,
                                              {.label_smoothing = context_.train.label_smoothing});
      sum = found.loss, count = found.count;
    } else {
      const auto step = batch.at(in_batch(kStepTarget)).item<int64_t>();
      const auto negatives = sampler_->draw(context_.seed, static_cast<uint64_t>(step));
      const auto found = options.loss == RankingLoss::gbce
                             ? nn::gbce(states, table, {}, next, negatives, options.calibration)
                             : nn::sampled_softmax(states, table, {}, next, negatives, *sampler_);
      sum = found.loss, count = found.count;
    }
    return {sum / static_cast<double>(count), count};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool quick) override {
    return make_ranking_scorer(
        items_, [this](const Tokens& tokens, const Batch& batch) { return output(tokens, batch); },
        {options.k, options.seen == SeenItems::leave_out, quick});
  }

  void answer_by(const AnswerOptions& answer) override {
    top_ = answer.top.value_or(options.k);
    auto rest = answer;
    rest.top.reset();
    Head::answer_by(rest);
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    auto scores = output(tokens, batch).contiguous();
    if (options.seen == SeenItems::leave_out) leave_seen_out(scores, batch.at("seen"));
    std::vector<Prediction> all;
    for (const auto& best : best_items(scores, top_.value_or(options.k))) {
      Prediction prediction;
      auto items = nlohmann::ordered_json::array();
      for (const auto& [item, score] : best) {
        prediction.text += (prediction.text.empty() ? "" : "\t") + items_.name(item);
        items.push_back({{"item", items_.name(item)}, {"score", score}});
      }
      prediction.json = nlohmann::ordered_json{{"items", items}}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace);
      all.push_back(std::move(prediction));
    }
    return all;
  }

  Aim aim(const Tokens& tokens, const Batch& batch, const Split&, const AimOptions& aimed,
          const Looked&) override {
    auto scores = output(tokens, batch).contiguous();
    if (options.seen == SeenItems::leave_out) leave_seen_out(scores, batch.at("seen"));
    const auto best = scores[0].argmax().item<int64_t>();
    const auto chosen = aimed_class(items_, aimed, best, "item");
    const auto name = "'" + items_.name(chosen) + "'";
    return {"the score of " + name, "the probability of " + name,
            [this, chosen](const Tokens& of, const Batch& copies) {
              const auto all = output(of, copies);
              return Aimed{all.select(1, chosen), all.softmax(1).select(1, chosen)};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    return split.has("target") ? split.value(example, "target") : "";
  }
  void check(const Split& split, bool) const override {
    if (!split.has("target"))
      throw DataError(split.place(0) + ": histories have no item that comes next");
  }
  SelectionMetric selection_metric() const override {
    const bool at_k = options.metric == RankingMetric::ndcg || options.metric == RankingMetric::hr;
    return {word_of(options.metric) + (at_k ? "@" + std::to_string(options.k) : ""),
            options.metric != RankingMetric::loss};
  }

 private:
  void make_sampler() {
    if (options.loss == RankingLoss::softmax) return;
    if (context_.train.label_smoothing > 0)
      throw ModelError(std::string("train.label_smoothing: expected 0 with head.loss = \"") +
                       word_of(options.loss) + "\"; only softmax takes it");
    if (options.loss == RankingLoss::gbce &&
        options.sampler.distribution() != nn::NegativeDistribution::uniform)
      throw ModelError(
          "head.sampler.distribution: expected uniform with head.loss = \"gbce\", "
          "given " +
          std::string(word_of(options.sampler.distribution())));
    try {
      sampler_.emplace(items_.size(), options.sampler, items_.counts());
    } catch (const ModelError& error) {
      throw ModelError(std::string("head.sampler.") + error.what());
    }
  }

  Classes items_;
  HeadContext context_;
  std::shared_ptr<ItemsEncoderImpl> encoder_;
  std::optional<nn::NegativeSampler> sampler_;
  std::optional<int64_t> top_;
};

}  // namespace

std::shared_ptr<Head> make_ranking_head() { return std::make_shared<RankingHead>(); }

}  // namespace heed
