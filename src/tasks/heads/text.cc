// A text, written by a model of sequences that reads the source by itself.
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "nn/sequence_part.h"
#include "tasks/heads.h"
#include "tasks/heads/text_answers.h"
#include "tasks/heads/text_model.h"
#include "tasks/heads/text_references.h"
#include "tasks/heads/text_scorer.h"
#include "tasks/heads/writes.h"
#include "tasks/heads/written_column.h"
#include "tasks/heads/written_scorer.h"
#include "tasks/sequence_parts.h"

namespace heed {
namespace {

constexpr const char* kCountsFile = "token_counts.json";
/// Tokens of an example's text, for `heed summary`.
constexpr int64_t kTextTokens = 16;

/// Without an encoder the model goes on from a text: it draws, and the loss measures it. With
/// from_encoder it writes the text of a column.
struct TextHeadOptions {
  TextModelOptions model;
  WrittenOptions written;
  std::string references;
  GenerateOptions generate;
  TextMetricOptions metric;

  template <class Visitor>
  void fields(Visitor&& v) {
    model.fields(v);
    if (model.from_encoder()) {
      written.fields(v);
      v("references", references,
        "column whose equal values are one source with several right texts, as the image of "
        "captions: each is learned; what is measured is written once and compared with all of "
        "them; empty: each record by itself");
    }
    constexpr bool reads = std::is_same_v<std::remove_cvref_t<Visitor>, FieldReader>;
    if (reads && !model.has_source()) generate.sample(true);
    v("generate", generate, "");
    if (model.has_source()) v("metric", metric, "");
  }
};

std::shared_ptr<const CorpusSplit> as_corpus(const SplitPtr& split) {
  return std::dynamic_pointer_cast<const CorpusSplit>(split);
}

class TextHead : public WithOptions<Head, TextHeadOptions>, public Writes {
 public:
  const TextWriter& writer() const override { return answers_.writer(); }
  std::vector<TextToWrite> to_write(const Tokens& tokens, const Batch& batch,
                                    const Split& split) const override {
    return answers_.to_write(states_of(tokens), batch, split);
  }
  std::vector<std::string> columns() const override {
    return from_encoder() ? std::vector{options.written.column} : std::vector<std::string>();
  }
  void learn(const Split& train, const Input& input) override {
    if (from_encoder()) return learn_written(train);
    const auto* corpus = dynamic_cast<const CorpusSplit*>(&train);
    if (!corpus) return;
    counts_.assign(static_cast<size_t>(input.target_tokenizer()->size()), 0);
    for (const int32_t token : *corpus->tokens()) ++counts_.at(static_cast<size_t>(token));
  }
  Files files() const override {
    if (from_encoder()) {
      auto files = written_.files();
      files.merge(baselines_.files());
      return files;
    }
    if (options.model.has_source()) return {};
    return {{kCountsFile, nlohmann::json(counts_).dump() + "\n"}};
  }
  void load(const Files& files) override;

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext& context) override;

  /// The input's batches hold what is to be written, unless it is a column's text.
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    if (!from_encoder()) return;
    std::tie(batch.tensors[in_batch("tokens")], batch.tensors[in_batch("labels")]) =
        written_.targets(split, examples, draw, answers_.writer());
  }

  at::Tensor output(const Tokens& tokens, const Batch& batch) override;
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override;
  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) override;

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override {
    return answers_.predict(states_of(tokens), batch, split);
  }
  Looked explain(const Tokens& tokens, const Batch& batch, const Split& split,
                 const std::string& target) override {
    const auto place = split.place(batch.records[0].item<int64_t>());
    return answers_.explain(states_of(tokens), batch, place, target);
  }
  bool writes_text() const override { return true; }
  Aim aim(const Tokens&, const Batch&, const Split&, const AimOptions& aimed,
          const Looked& looked) override {
    return answers_.aim(aimed, looked, [this](const Tokens& tokens, const Batch& batch) {
      if (from_encoder()) return source_of(tokens);
      return batch.has("source") ? heed::source_of(batch) : SourceBatch();
    });
  }
  std::vector<std::vector<TokenLikelihood>> likelihoods(const Tokens& tokens,
                                                        const Batch& batch) override {
    if (from_encoder() || batch.has("source")) return Head::likelihoods(tokens, batch);
    return answers_.likelihoods(batch);
  }
  void answer_by(const AnswerOptions& answer) override { answers_.answer_by(answer); }
  void finish() override { answers_.finish(); }

  std::string expected(const Split& split, int64_t example) const override {
    const auto column = from_encoder() ? options.written.column : "target";
    return split.has(column) ? split.value(example, column) : "";
  }
  /// The input's check reads the targets, too, unless they are a column's texts.
  void check(const Split& split, bool training) const override {
    if (!from_encoder()) return;
    written_.check(split);
    if (!training) learned_.check(split);
  }
  SelectionMetric selection_metric() const override {
    if (!options.model.has_source()) return {"loss", false};
    return text_selection_metric(options.metric);
  }
  void part_sequences(Ring& ring) override;
  bool is_stateful() const override { return model_->is_stateful(); }
  void reset_state() override { model_->reset_state(); }

 private:
  bool from_encoder() const { return options.model.from_encoder(); }
  SourceBatch states_of(const Tokens& tokens) const {
    return from_encoder() ? source_of(tokens) : SourceBatch();
  }
  TextBatch texts_of(const Tokens& tokens, const Batch& batch) const;
  void learn_written(const Split& train);
  void check_fit(const Sizes& sizes) const;
  void check_encoder(const Encoder& encoder) const;

  WrittenColumn written_;
  LearnedSources learned_;
  WrittenBaselines baselines_;
  TokenCounts counts_;  // of the training text
  HeadContext context_;
  SequenceModelPtr model_;
  data::TokenizerPtr tokenizer_;
  TextAnswers answers_;
  int64_t window_ = 0;  // tokens of a text that training reads; 0: not known
  Ring* ring_ = nullptr;
};

void TextHead::learn_written(const Split& train) {
  written_.learn(options.written, train);
  learned_.learn(train, options.references);
  baselines_.learn(train, options.written.column, first_of_sources(train, options.references),
                   {.tokenize = options.metric.tokenize, .lowercase = options.metric.lowercase});
}

void TextHead::load(const Files& files) {
  if (from_encoder()) {
    baselines_.load(files);
    return written_.load(options.written, files);
  }
  if (options.model.has_source()) return;
  const auto found = files.find(kCountsFile);
  if (found == files.end())
    throw ModelError(std::string("the model folder lacks its counts of tokens, the file ") +
                     kCountsFile);
  counts_ = json_integers(found->second, kCountsFile, between(0, kMostSeed));
}

/// Of a model that writes from what the encoder gives, and of one that does not.
void TextHead::check_encoder(const Encoder& encoder) const {
  const bool reads = !encoder.parameters().empty();
  if (reads && !from_encoder())
    throw ModelError(
        "encoder.kind: the head 'text' has an encoder of its own and would leave this one unused; "
        "expected \"none\", or head.from_encoder = true with encoder_layers = 0");
  if (!from_encoder()) return;
  if (!reads)
    throw ModelError(
        "head.from_encoder: the encoder gives no states to write from; choose another encoder.kind "
        "than \"none\"");
  if (encoder.width() != options.model.transformer.width())
    throw ModelError("head.width: expected that of the encoder, " +
                     std::to_string(encoder.width()) + ", given " +
                     std::to_string(options.model.transformer.width()));
}

void TextHead::check_fit(const Sizes& sizes) const {
  if (from_encoder()) return;
  const bool source = sizes.contains("source_vocabulary");
  if (!tokenizer_)
    throw ModelError(
        "head.kind: 'text' writes what an input of the kind parallel or corpus has as text; choose "
        "another head or input");
  if (source && !options.model.has_source())
    throw ModelError(
        "head.encoder_layers is 0, but a source needs an encoder; for text alone: input.kind = "
        "\"corpus\"");
  if (!source && options.model.model != TextModelKind::transformer)
    throw ModelError(std::string("head.model: a model of one text is a transformer, given ") +
                     word_of(options.model.model));
  if (!source && options.model.has_source())
    throw ModelError(
        "head.encoder_layers: a model of one text reads no source; expected 0, as "
        "preset = \"gpt\" has it, given " +
        std::to_string(options.model.transformer.encoder_layers()));
}

std::shared_ptr<torch::nn::Module> TextHead::make(const EncoderPtr& encoder, const Input& input,
                                                  const HeadContext& context) {
  check_encoder(*encoder);
  const auto sizes = input.sizes();
  tokenizer_ = from_encoder() ? written_.tokenizer() : input.target_tokenizer();
  check_fit(sizes);
  context_ = context;
  const auto source = sizes.find("source_vocabulary");
  model_ = make_text_model(options.model, tokenizer_->size(),
                           source == sizes.end() ? 0 : source->second.front());
  const int64_t positions = model_->max_positions();
  const auto window = sizes.find("context");
  if (window != sizes.end()) window_ = window->second.front();
  if (positions > 0 && window != sizes.end() && positions < window->second.front())
    throw ModelError("input.context is " + std::to_string(window->second.front()) +
                     ", but the model has positions for " + std::to_string(positions) +
                     " tokens; raise these, or lower input.context");
  answers_ = TextAnswers({{model_},
                          tokenizer_,
                          options.generate,
                          from_encoder(),
                          from_encoder() ? tokenizer_->begin() : input.target_begin()},
                         from_encoder() ? std::string(word_of(options.written.tokenizer.kind))
                                        : input.target_tokenizer_kind(),
                         input.files());
  return model_;
}

TextBatch TextHead::texts_of(const Tokens& tokens, const Batch& batch) const {
  if (!from_encoder()) return {heed::source_of(batch), batch.at("target"), batch.at("labels")};
  return {source_of(tokens), batch.at(in_batch("tokens")), batch.at(in_batch("labels"))};
}

at::Tensor TextHead::output(const Tokens& tokens, const Batch& batch) {
  if (from_encoder()) {
    const auto name = in_batch("tokens");
    const int64_t most = model_->max_positions();
    const auto length = most > 0 ? std::min(most, kTextTokens) : kTextTokens;
    const auto target =
        batch.has(name) ? batch.at(name) : at::zeros({batch.size(), length}, at::kLong);
    return model_->project(model_->hidden(source_of(tokens), target));  // (B, Lt, V)
  }
  auto source = source_of(batch);
  auto target = batch.at("target");
  const int64_t most = model_->max_positions();
  if (most > 0 && target.size(1) > most) target = target.narrow(1, 0, most);
  if (most > 0 && source.defined() && source.tokens.size(1) > most)
    source = {source.tokens.narrow(1, 0, most), source.lengths.clamp_max(most)};
  return model_->project(model_->hidden(source, target));  // (B, Lt, V)
}

void TextHead::part_sequences(Ring& ring) {
  if (from_encoder() || options.model.model != TextModelKind::transformer)
    return Head::part_sequences(ring);
  check_parts(options.model.transformer);
  if (window_ > 0 && window_ < 2 * ring.count())
    throw ModelError("train.sequence_parallel: expected an input.context of at least " +
                     std::to_string(2 * ring.count()) + " tokens, two for each process, given " +
                     std::to_string(window_));
  ring_ = &ring;
}

HeadLoss TextHead::loss(const Tokens& tokens, const Batch& batch) {
  auto texts = texts_of(tokens, batch);
  const int64_t length = texts.target.size(1);
  const bool reads = ring_ && texts.source.defined();
  const nn::SequencePart here(ring_, length, reads ? texts.source.tokens.size(1) : 0);
  if (ring_) {
    const auto part = nn::SequencePart::here().part(length);
    texts.target = part.of(texts.target, 1), texts.labels = part.of(texts.labels, 1);
  }
  const auto found = text_loss(*model_, texts, context_.train.label_smoothing);
  // A part may have padding alone.
  HeadLoss result{found.sum / static_cast<double>(std::max<int64_t>(found.count, 1)), found.count};
  if (batch.has("source")) {
    const auto& source = batch.at("source");
    result.sizes = {{"pairs", source.size(0)},
                    {"source_length", source.size(1)},
                    {"source_tokens", batch.at("source_lengths").sum().item<int64_t>()},
                    {"target_length", batch.at("target").size(1)},
                    {"target_tokens", found.count}};
  }
  return result;
}

/// While it trains, texts are written greedily: a metric to compare epochs by.
std::unique_ptr<Scorer> TextHead::scorer(const SplitPtr& split, bool quick) {
  if (auto corpus = as_corpus(split)) return make_corpus_scorer(model_, counts_, std::move(corpus));
  auto writer = answers_.writer();
  if (quick)
    writer.options.beam_size(1).num_hypotheses(1).sample(false).temperature(1).top_k(0).top_p(1);
  const bool writes = !quick || options.metric.kind != TextMetric::loss;
  const auto batch_of = [this](const Tokens& tokens, const Batch& batch) {
    return texts_of(tokens, batch);
  };
  if (!from_encoder())
    return make_text_scorer(std::move(writer), options.metric, split, writes, batch_of);
  return make_written_scorer(std::move(writer), options.metric, split, writes, batch_of,
                             {options.written.column, options.references}, baselines_);
}

}  // namespace

std::shared_ptr<Head> make_text_head() { return std::make_shared<TextHead>(); }

}  // namespace heed
