// A tag a word: a linear layer over tokens, and each word by itself or a conditional random field.
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include "heed/core/error.h"
#include "heed/data/sequence_loader.h"
#include "heed/nn/crf.h"
#include "nn/linear.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/classes.h"
#include "tasks/heads/tag_lines.h"
#include "tasks/heads/tag_scorer.h"

namespace heed {
namespace {

constexpr const char* kTagsFile = "tags.json";
constexpr const char* kTagBaselineFile = "tags_baseline.json";
constexpr const char* kTagsTarget = "tags";

/// Of words that are read as pieces the first pieces.
Tokens at_words(const Tokens& tokens, const Batch& batch) {
  if (!batch.has("word_pieces")) return tokens;
  const auto& pieces = batch.at("word_pieces");  // (B, W)
  const auto places = pieces.unsqueeze(2).expand({-1, -1, tokens.states.size(2)});
  return {.states = tokens.states.gather(1, places), .lengths = batch.at("word_lengths")};
}

/// Tokens (B, L, M) -> scores of tags (B, L, K); a CRF beside it where there is one.
class TagsModule : public torch::nn::Module {
 public:
  TagsModule(int64_t width, int64_t tags, const TagsHeadOptions& options,
             const nn::TagConstraints& constraints) {
    dense = make_dense(*this, width, options.dense);
    dropout = register_module("dropout", torch::nn::Dropout(options.dropout));
    linear = register_module("linear", nn::small_linear(width, tags));
    if (options.decoder == TagDecoder::crf)
      crf = register_module("crf", nn::Crf(nn::CrfOptions(tags).constraints(constraints)));
  }
  at::Tensor forward(const Tokens& tokens) {
    return nn::affine(linear, dropout->forward(through(dense, tokens.states))).to(at::kFloat);
  }

  std::shared_ptr<Dense> dense;  ///< null where there is none
  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
  nn::Crf crf{nullptr};
};

class TagsHead : public WithOptions<Head, TagsHeadOptions> {
 public:
  void learn(const Split& train, const Input&) override {
    std::map<std::string, int64_t> counts;
    baseline_ = TagBaseline(options);
    for (int64_t i = 0; i < train.size(); ++i) {
      const auto sentence = tagged_sentence(train, i, options);
      const auto tags = tags_of(train, i, options, sentence.words.size());
      check_form(train, i, tags);
      for (const auto& tag : tags) ++counts[tag];
      baseline_.learn(sentence, tags);
    }
    if (counts.size() < 2)
      throw DataError(
          "the column '" + options.column + "' of the training data has " +
          (counts.empty() ? "no tags" : "one tag only, '" + counts.begin()->first + "'") +
          "; expected at least two");
    std::vector<std::string> names;
    std::vector<int64_t> of_names;
    for (const auto& [name, count] : counts) names.push_back(name), of_names.push_back(count);
    tags_ = Classes(std::move(names), std::move(of_names));
    baseline_.finish();
    find_constraints();
  }
  Files files() const override {
    return {{kTagsFile, tags_.file()}, {kTagBaselineFile, baseline_.file()}};
  }
  void load(const Files& files) override {
    tags_ = Classes::from_file(files, kTagsFile);
    baseline_ = TagBaseline::from_file(files, kTagBaselineFile, options);
    find_constraints();
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext& context) override {
    context_ = context;
    return module_ =
               std::make_shared<TagsModule>(encoder->width(), tags_.size(), options, constraints_);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw&,
                   Batch& batch) const override {
    std::vector<std::vector<int64_t>> targets;
    for (const int64_t example : examples) {
      auto& own = targets.emplace_back();
      for (const auto& tag : tags_of(split, example, options, split.show(example).tokens.size()))
        own.push_back(tags_.number(tag));
    }
    auto padded = data::pad_sequences(targets, -1).first;  // (B, L); -1: no tag of training
    if (padded.size(1) == 0) padded = at::full({padded.size(0), 1}, -1, at::kLong);
    batch.tensors[in_batch(kTagsTarget)] = padded;
  }

  at::Tensor output(const Tokens& tokens, const Batch& batch) override {
    return module_->forward(at_words(tokens, batch));  // (B, L, K)
  }

  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto [sum, words] = summed_loss(tokens, batch, context_.train.label_smoothing);
    return {sum / std::max<int64_t>(1, words), words};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool) override {
    return make_tag_scorer(
        split, options, baseline_, [this, split](const Tokens& tokens, const Batch& batch) {
          const auto [sum, words] = summed_loss(tokens, batch, 0);
          return TagOutput{decode(tokens, batch, *split), sum.item<double>(), words};
        });
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override {
    const auto tags = decode(tokens, batch, split);
    std::vector<Prediction> all;
    for (size_t i = 0; i < tags.size(); ++i) {
      const auto example = batch.records[static_cast<int64_t>(i)].item<int64_t>();
      const auto sentence = tagged_sentence(split, example, options);
      all.push_back(
          {tagged_text(options, sentence, tags[i]), tagged_json(options, sentence, tags[i])});
    }
    return all;
  }

  /// The tag of a word: of the first one whose tag is not the most frequent one, unless the target says which.
  Aim aim(const Tokens& tokens, const Batch& batch, const Split& split, const AimOptions& aimed,
          const Looked&) override {
    const auto tags = decode(tokens, batch, split).front();
    auto word = aimed_number(aimed, std::ssize(tags), "word") - 1;
    for (int64_t i = 0; word < 0 && i < std::ssize(tags); ++i)
      if (tags_.number(tags[static_cast<size_t>(i)]) != tags_.most_frequent()) word = i;
    word = std::max<int64_t>(word, 0);
    const auto& name = tags.at(static_cast<size_t>(word));
    const auto tag = std::max<int64_t>(tags_.number(name), 0);
    const auto what = "the tag '" + tags_.name(tag) + "' of word " + std::to_string(word + 1);
    return {"the score of " + what, "the probability of " + what,
            [this, word, tag](const Tokens& of, const Batch& copies) {
              const auto scores = output(of, copies).select(1, word);  // (B, K)
              return Aimed{scores.select(1, tag), scores.softmax(1).select(1, tag)};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    if (!split.has(options.column)) return "";
    const auto sentence = tagged_sentence(split, example, options);
    return tagged_text(options, sentence, tags_of(split, example, options, sentence.words.size()));
  }

  void check(const Split& split, bool training) const override;
  std::vector<std::string> columns() const override { return {options.column}; }
  SelectionMetric selection_metric() const override {
    return {options.scheme == TagsScheme::none ? "accuracy" : "f1", true};
  }
  Metrics stats(const Split& split) const override;

 private:
  struct SummedLoss {
    at::Tensor sum;
    int64_t words;
  };

  void find_constraints() {
    constraints_ = {};
    if (options.has_spans())
      constraints_ = nn::span_constraints(tags_.names(), options.scheme == TagsScheme::iob2
                                                             ? nn::SpanScheme::iob2
                                                             : nn::SpanScheme::iobes);
  }
  /// Throws DataError with the place of a tag that is none of the scheme.
  void check_form(const Split& split, int64_t example, const std::vector<std::string>& tags) const {
    if (!options.has_spans()) return;
    try {
      spans_of_tags(tags, tag_scheme(word_of(options.scheme)));
    } catch (const DataError& error) {
      throw DataError(split.place(example) + ": the column '" + options.column +
                      "': " + error.what());
    }
  }

  SummedLoss summed_loss(const Tokens& tokens, const Batch& batch, double smoothing);
  SummedLoss crf_loss(const at::Tensor& scores, const Tokens& tokens, const at::Tensor& targets);
  int64_t first_forbidden(const int64_t* tags, int64_t count) const;
  std::vector<std::vector<std::string>> decode(const Tokens& tokens, const Batch& batch,
                                               const Split& split);

  Classes tags_;
  TagBaseline baseline_;
  nn::TagConstraints constraints_;
  HeadContext context_;
  std::shared_ptr<TagsModule> module_;
};

TagsHead::SummedLoss TagsHead::summed_loss(const Tokens& tokens, const Batch& batch,
                                           double smoothing) {
  const auto scores = output(tokens, batch);
  const auto& targets = batch.at(in_batch(kTagsTarget));
  if (module_->crf) return crf_loss(scores, at_words(tokens, batch), targets);
  return {at::cross_entropy_loss(scores.flatten(0, 1), targets.flatten(), {}, at::Reduction::Sum,
                                 -1, smoothing),
          targets.ge(0).sum().item<int64_t>()};
}

/// Of the sentences whose tags have a probability.
TagsHead::SummedLoss TagsHead::crf_loss(const at::Tensor& scores, const Tokens& tokens,
                                        const at::Tensor& targets) {
  std::vector<int64_t> rows;
  int64_t words = 0;
  for (int64_t row = 0; row < targets.size(0); ++row) {
    const auto length = tokens.lengths[row].item<int64_t>();
    if (first_forbidden(targets[row].data_ptr<int64_t>(), length) >= 0) continue;
    rows.push_back(row), words += length;
  }
  const auto kept = at::tensor(rows, at::kLong);
  if (rows.empty()) return {scores.sum() * 0, 0};
  const auto nll =
      module_->crf->forward(scores.index_select(0, kept), targets.index_select(0, kept),
                            tokens.lengths.index_select(0, kept));
  return {nll.sum(), words};
}

/// The first word whose tag is unknown or may not stand there; -1: none.
int64_t TagsHead::first_forbidden(const int64_t* tags, int64_t count) const {
  const auto allowed = [](const at::Tensor& of, int64_t i) {
    return !of.defined() || of.data_ptr<bool>()[i];
  };
  for (int64_t i = 0; i < count; ++i) {
    if (tags[i] < 0) return i;
    if (i == 0 && !allowed(constraints_.start, tags[i])) return i;
    if (i > 0 && !allowed(constraints_.transitions, tags[i - 1] * tags_.size() + tags[i])) return i;
    if (i + 1 == count && !allowed(constraints_.end, tags[i])) return i;
  }
  return -1;
}

std::vector<std::vector<std::string>> TagsHead::decode(const Tokens& tokens, const Batch& batch,
                                                       const Split& split) {
  const auto scores = output(tokens, batch);
  const auto best = module_->crf
                        ? module_->crf->decode(scores, at_words(tokens, batch).lengths).tags
                        : scores.argmax(2);
  std::vector<std::vector<std::string>> all;
  for (int64_t row = 0; row < best.size(0); ++row) {
    const auto example = batch.records[row].item<int64_t>();
    const auto words = std::ssize(split.show(example).tokens);
    auto& own = all.emplace_back();
    const bool none = options.has_roles() && tagged_sentence(split, example, options).predicate < 0;
    for (int64_t i = 0; i < words; ++i)
      own.push_back(none ? "_" : tags_.name(best[row][i].item<int64_t>()));
  }
  return all;
}

void TagsHead::check(const Split& split, bool training) const {
  int64_t unknown = 0, forbidden = 0;
  std::string first_unknown, first_forbidden_tag;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto tags = tags_of(split, i, options, split.show(i).tokens.size());
    check_form(split, i, tags);
    std::vector<int64_t> numbers;
    for (size_t w = 0; w < tags.size(); ++w) {
      numbers.push_back(tags_.number(tags[w]));
      if (numbers.back() >= 0 || unknown++ > 0) continue;
      first_unknown =
          split.place(i) + ": word " + std::to_string(w + 1) + ": the tag '" + tags[w] + "'";
    }
    const auto word = first_forbidden(numbers.data(), std::ssize(numbers));
    if (word < 0 || numbers[static_cast<size_t>(word)] < 0 || forbidden++ > 0) continue;
    first_forbidden_tag = split.place(i) + ": word " + std::to_string(word + 1) + ": the tag '" +
                          tags[static_cast<size_t>(word)] + "'";
  }
  if (unknown > 0 && (training || options.unseen == Unseen::refuse))
    throw DataError(
        first_unknown + " is none of the training data's" + nor_are_others(unknown, "word") +
        "; correct them, leave them out, or count them as wrong by head.unseen = \"wrong\"");
  if (forbidden > 0 && training && options.decoder == TagDecoder::crf)
    throw DataError(first_forbidden_tag + " may not stand there by the scheme " +
                    word_of(options.scheme) + nor_are_others(forbidden, "sentence") +
                    "; correct them, or set head.decoder = \"softmax\"");
}

Metrics TagsHead::stats(const Split& split) const {
  int64_t words = 0;
  std::vector<int64_t> counts(static_cast<size_t>(tags_.size()));
  for (int64_t i = 0; i < split.size(); ++i) {
    for (const auto& tag : tags_of(split, i, options, split.show(i).tokens.size())) {
      const auto number = tags_.number(tag);
      ++words;
      if (number >= 0) ++counts[static_cast<size_t>(number)];
    }
  }
  Metrics stats{{"words", static_cast<double>(words)}};
  for (int64_t i = 0; i < tags_.size(); ++i)
    stats.emplace_back("of the tag " + tags_.name(i),
                       static_cast<double>(counts[static_cast<size_t>(i)]));
  return stats;
}

}  // namespace

std::shared_ptr<Head> make_tags_head() { return std::make_shared<TagsHead>(); }

}  // namespace heed
