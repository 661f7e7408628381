// Tokens that were hidden: which were they? What an encoder can learn from texts alone.
#include <algorithm>

#include "heed/core/error.h"
#include "heed/data/json_tokenizer.h"
#include "heed/nn/masking.h"
#include "tasks/heads.h"
#include "tasks/heads/masked_module.h"
#include "tasks/heads/masked_scorer.h"
#include "tasks/heads/token_counts.h"

namespace heed {
namespace {

constexpr const char* kUnigramFile = "unigram.json";
constexpr const char* kMaskedLabels = "labels";
constexpr int64_t kCountedTogether = 256;
constexpr const char* kWordMark = "\xE2\x96\x81";  // U+2581 begins a word of unigram and bpe

struct MaskedHeadOptions : MaskedModuleOptions {
  nn::MaskingOptions mask;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("mask", mask, "");
    MaskedModuleOptions::fields(v);
  }
};

/// What stands for a hidden piece: the mask of a tokenizer.json, as [MASK]; <unk> of other tokenizers. -1: nothing.
int64_t hiding_piece(const data::TokenizerPtr& tokenizer) {
  const auto json = data::json_tokenizer_of(tokenizer);
  const auto mask = json ? json->special_tokens().mask : std::nullopt;
  const auto id = mask ? tokenizer->id(*mask) : -1;
  return id >= 0 ? id : tokenizer->unknown();
}

class MaskedHead : public WithOptions<Head, MaskedHeadOptions> {
 public:
  void learn(const Split& train, const Input& input) override {
    find_tokens(input);
    counts_.assign(static_cast<size_t>(vocabulary_.size), 0);
    for (int64_t first = 0; first < train.size(); first += kCountedTogether) {
      std::vector<int64_t> examples;
      for (int64_t i = first; i < std::min(first + kCountedTogether, train.size()); ++i)
        examples.push_back(i);
      const auto batch = train.batch(examples, {});
      count_tokens(batch.at("tokens"), batch.at("lengths"));
    }
    for (const int64_t special : vocabulary_.special) counts_[static_cast<size_t>(special)] = 0;
  }
  Files files() const override { return {{kUnigramFile, token_counts_file(counts_)}}; }
  void load(const Files& files) override { counts_ = token_counts_of(files, kUnigramFile); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext& context) override {
    if (options.mask.probability() == 0)
      throw ModelError("head.mask.probability: expected above 0, or there is nothing to learn");
    find_tokens(input);
    context_ = context;
    encoder_ = encoder;
    return module_ = std::make_shared<MaskedModule>(*encoder, vocabulary_.size, options);
  }

  /// Hides tokens in the batch, and their features with them.
  void add_targets(const Split&, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    auto& tokens = batch.tensors["tokens"];
    const auto words = options.mask.whole_words() ? words_of(tokens) : at::Tensor();
    const auto masked = nn::mask_tokens(
        tokens, batch.at("lengths"), vocabulary_,
        {draw.seed, static_cast<uint32_t>(draw.epoch), at::tensor(examples, at::kLong)},
        options.mask, words);
    if (batch.has("features"))
      batch.tensors["features"] =
          batch.at("features").masked_fill(masked.tokens.ne(tokens).unsqueeze(2), -1);
    tokens = masked.tokens;
    batch.tensors[in_batch(kMaskedLabels)] = masked.labels;
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->logits(tokens.states);  // (B, L, V)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto found = module_->loss(tokens.states, batch.at(in_batch(kMaskedLabels)),
                                     context_.train.label_smoothing);
    const auto count = std::max<int64_t>(1, found.count);
    return {found.loss / static_cast<double>(count), count};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    return make_masked_scorer(*module_, counts_, in_batch(kMaskedLabels));
  }

  /// Each token hidden by itself: the text's pseudo-log-likelihood (Salazar et al. 2020).
  std::vector<Prediction> predict(const Tokens&, const Batch& batch, const Split&) override {
    std::vector<Prediction> all;
    for (int64_t row = 0; row < batch.size(); ++row)
      all.push_back(
          guessed(guess_tokens(*encoder_, *module_, batch, row, vocabulary_), *tokenizer_));
    return all;
  }
  std::vector<std::vector<TokenLikelihood>> likelihoods(const Tokens&,
                                                        const Batch& batch) override {
    std::vector<std::vector<TokenLikelihood>> all;
    for (int64_t row = 0; row < batch.size(); ++row) {
      auto& text = all.emplace_back();
      for (const auto& guess : guess_tokens(*encoder_, *module_, batch, row, vocabulary_))
        text.push_back({guess.token, guess.log_probability});
    }
    return all;
  }
  /// The maps are of the text as it stands, so the hidden tokens are left out.
  Looked explain(const Tokens& tokens, const Batch&, const Split&,
                 const std::string& target) override {
    if (!target.empty()) throw UsageError("--target is for models that write text");
    const auto length =
        tokens.lengths.defined() ? tokens.lengths[0].item<int64_t>() : tokens.states.size(1);
    return {.prediction = {"", "{\"tokens\": " + std::to_string(length) + "}"}};
  }
  std::string expected(const Split&, int64_t) const override { return ""; }
  void check(const Split&, bool) const override {}
  SelectionMetric selection_metric() const override { return {"loss", false}; }

 private:
  void find_tokens(const Input& input) {
    tokenizer_ = input.tokenizer();
    if (!tokenizer_)
      throw ModelError(
          "head.kind: the head 'masked' hides pieces of a text; it goes with one "
          "input of the kind text");
    const auto hiding = hiding_piece(tokenizer_);
    if (hiding < 0)
      throw ModelError("head.kind: the vocabulary has no <unk>, which stands for hidden pieces");
    vocabulary_ = {tokenizer_->size(), hiding, {}};
    for (const int64_t id : {tokenizer_->padding(), tokenizer_->unknown(), tokenizer_->begin(),
                             tokenizer_->end(), hiding})
      if (id >= 0 && std::find(vocabulary_.special.begin(), vocabulary_.special.end(), id) ==
                         vocabulary_.special.end())
        vocabulary_.special.push_back(id);
    has_words_ = false;
    begins_word_.clear();
    for (int64_t id = 0; id < tokenizer_->size(); ++id) {
      begins_word_.push_back(tokenizer_->piece(id).starts_with(kWordMark));
      has_words_ |= begins_word_.back();
    }
  }

  void count_tokens(const at::Tensor& tokens, const at::Tensor& lengths) {
    const auto ids = tokens.contiguous();
    for (int64_t row = 0; row < ids.size(0); ++row) {
      const auto* first = ids.data_ptr<int64_t>() + row * ids.size(1);
      const auto length = lengths[row].item<int64_t>();
      for (int64_t i = 0; i < length; ++i) ++counts_[static_cast<size_t>(first[i])];
    }
  }

  /// The number of each token's word; tokens without marks of words are one each.
  at::Tensor words_of(const at::Tensor& tokens) const {
    const auto ids = tokens.contiguous();
    auto words = at::empty_like(ids);
    for (int64_t row = 0; row < ids.size(0); ++row) {
      int64_t word = 0;
      for (int64_t i = row * ids.size(1); i < (row + 1) * ids.size(1); ++i) {
        word += !has_words_ || begins_word_[static_cast<size_t>(ids.data_ptr<int64_t>()[i])];
        words.data_ptr<int64_t>()[i] = word;
      }
    }
    return words;
  }

  data::TokenizerPtr tokenizer_;
  nn::MaskingVocabulary vocabulary_;
  std::vector<bool> begins_word_;
  bool has_words_ = false;
  TokenTally counts_;
  HeadContext context_;
  EncoderPtr encoder_;
  std::shared_ptr<MaskedModule> module_;
};

}  // namespace

std::shared_ptr<Head> make_masked_head() { return std::make_shared<MaskedHead>(); }

}  // namespace heed
