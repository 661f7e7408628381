// A transcript: tokens in time order to a shorter text, by connectionist temporal classification.
#include <ATen/ops/ctc_loss.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/text.h"
#include "heed/core/error.h"
#include "heed/data/sequence_loader.h"
#include "heed/models/ctc.h"
#include "nn/linear.h"
#include "tasks/heads.h"
#include "tasks/heads/transcript_language.h"
#include "tasks/heads/transcript_scorer.h"
#include "tasks/heads/written_column.h"

namespace heed {
namespace {

constexpr const char* kFrequentFile = "frequent_transcript.txt";
constexpr const char *kTranscript = "transcript", *kTranscriptLengths = "transcript_lengths";

struct TranscriptHeadOptions {
  WrittenOptions written;
  double dropout = 0;
  int64_t beam_size = 1;
  TranscriptLanguageOptions language;
  bool times = false;

  TranscriptHeadOptions() { written.tokenizer.kind = data::TokenizerKind::characters; }

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", written.column, "of the transcript");
    v("tokenizer", written.tokenizer, "of the transcripts");
    v("dropout", dropout, "of the encoder's tokens", from_to_below(0, 1));
    v("beam_size", beam_size,
      "texts that are kept while one is searched for; 1: that of the likeliest path",
      between(1, 10000));
    v("language", language, "");
    v("times", times, "print a line a word: where it begins and ends, in seconds, and the word");
  }
  void check() const {
    if (!language.file.empty() && beam_size == 1)
      throw ModelError(
          "language.file: the likeliest path listens to no model of language; expected a beam_size "
          "of at least 2, as --set head.beam_size=16");
    if (language.file.empty() && !language.is_default())
      throw ModelError(
          "language: says how a model of language is listened to, and language.file names none");
  }
};

/// tokens (B, L, M) -> logits (B, L, V), V with the blank: drop(tokens) W + b, b zero at first.
class TranscriptModule : public torch::nn::Module {
 public:
  TranscriptModule(int64_t width, int64_t tokens, double drop) {
    dropout = register_module("dropout", torch::nn::Dropout(drop));
    linear = register_module("linear", nn::small_linear(width, tokens));
  }
  at::Tensor forward(const at::Tensor& tokens) {
    return nn::affine(linear, dropout->forward(tokens)).to(at::kFloat);
  }

  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
};

/// Where a word stands in a recording, in tokens of the encoder.
struct WordSpan {
  std::string word;
  FrameSpan frames;
};

class TranscriptHead : public WithOptions<Head, TranscriptHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.written.column}; }

  void learn(const Split& train, const Input&) override {
    written_.learn(options.written, train);
    std::map<std::string, int64_t> counts;
    int64_t most = 0;
    for (int64_t i = 0; i < train.size(); ++i) ++counts[train.value(i, options.written.column)];
    for (const auto& [text, count] : counts)
      if (count > most) most = count, frequent_ = text;
    find_language();
  }
  Files files() const override {
    auto files = written_.files();
    files.emplace(kFrequentFile, frequent_);
    return files;
  }
  void load(const Files& files) override {
    written_.load(options.written, files);
    const auto found = files.find(kFrequentFile);
    if (found == files.end())
      throw ModelError(
          std::string("the model folder lacks its most frequent transcript, the file ") +
          kFrequentFile);
    frequent_ = found->second;
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext&) override {
    if (encoder->parameters().empty())
      throw ModelError(
          "encoder.kind: the head 'transcript' reads what an encoder gives; choose another than "
          "\"none\"");
    const auto& tokenizer = *written_.tokenizer();
    frames_ = encoder->frames();
    if (frames_ && frames_->class_token)
      throw ModelError("encoder.class_token: a transcript reads the frames alone; expected false");
    blank_ = tokenizer.padding() >= 0 ? tokenizer.padding() : tokenizer.size();
    return module_ = std::make_shared<TranscriptModule>(
               encoder->width(), std::max(tokenizer.size(), blank_ + 1), options.dropout);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    std::vector<std::vector<int64_t>> targets;
    std::vector<int64_t> lengths;
    for (const int64_t example : examples) {
      targets.push_back(written_.encoded(split, example, draw));
      lengths.push_back(std::ssize(targets.back()));
    }
    batch.tensors[in_batch(kTranscript)] = padded(targets);
    batch.tensors[in_batch(kTranscriptLengths)] = at::tensor(lengths, at::kLong);
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens.states);  // (B, L, V)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto [sum, count] = summed_loss(tokens, batch);
    return {sum / std::max<int64_t>(1, count), count};
  }
  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) override;
  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override;
  Aim aim(const Tokens& tokens, const Batch& batch, const Split& split, const AimOptions& aimed,
          const Looked& looked) override;

  std::string expected(const Split& split, int64_t example) const override {
    const auto& column = options.written.column;
    return split.has(column) ? split.value(example, column) : "";
  }
  void check(const Split& split, bool) const override { written_.check(split); }
  void check_made(const Split& split) const override;
  SelectionMetric selection_metric() const override { return {"wer", false}; }

 private:
  struct SummedLoss {
    at::Tensor sum;
    int64_t tokens;
  };

  /// (B, U), U at least 1: empty texts, too, have a place in a batch.
  at::Tensor padded(const std::vector<std::vector<int64_t>>& texts) const {
    const auto all = data::pad_sequences(texts, blank_).first;
    return all.size(1) > 0 ? all : at::full({all.size(0), 1}, blank_, at::kLong);
  }
  void find_language() {
    if (!options.language.file.empty() && !language_)
      language_ = make_transcript_language(options.language, written_.tokenizer(),
                                           options.written.tokenizer.kind);
  }
  at::Tensor lengths_of(const Tokens& tokens) const {
    const auto& states = tokens.states;
    return tokens.lengths.defined() ? tokens.lengths
                                    : at::full({states.size(0)}, states.size(1), at::kLong);
  }
  /// -ln p (B) of the targets (B, U), each of as many tokens as its length says; 0 where there are too few frames.
  at::Tensor surprise(const Tokens& tokens, const Batch& batch, const at::Tensor& targets,
                      const at::Tensor& target_lengths) {
    const auto log_p = output(tokens, batch).log_softmax(2).transpose(0, 1);  // (L, B, V)
    return at::ctc_loss(log_p, targets, lengths_of(tokens), target_lengths, blank_,
                        at::Reduction::None, true);
  }
  SummedLoss summed_loss(const Tokens& tokens, const Batch& batch);
  /// ln p (L, V) of each example's tokens, of what is written: no begin and no end.
  std::vector<at::Tensor> heard(const Tokens& tokens, const Batch& batch);
  std::vector<int64_t> decode(const at::Tensor& log_p, bool greedily) const;
  std::string text_of_tokens(const std::vector<int64_t>& tokens) const {
    return written_.tokenizer()->decode(tokens);
  }
  std::vector<WordSpan> words_of(const std::vector<int64_t>& tokens, const at::Tensor& log_p) const;
  /// The encoder's tokens of an example; none where they are not known beforehand.
  std::vector<TokenPlace> tokens_of(const Split& split, int64_t example) const {
    return frames_ ? split.frame_tokens(example, *frames_) : split.show(example).tokens;
  }
  Prediction predicted(const at::Tensor& log_p, const Split& split, int64_t example) const;

  WrittenColumn written_;
  std::string frequent_;  // of training
  int64_t blank_ = 0;
  std::optional<TokenFrames> frames_;  // of the encoder
  std::shared_ptr<const CtcLanguage> language_;
  std::shared_ptr<TranscriptModule> module_;
};

/// Examples that have become too short for their transcripts, as by a change of their speed, count as none: of the data as
/// they stand check_made() has refused them.
TranscriptHead::SummedLoss TranscriptHead::summed_loss(const Tokens& tokens, const Batch& batch) {
  const auto& targets = batch.at(in_batch(kTranscript));
  const auto& target_lengths = batch.at(in_batch(kTranscriptLengths));
  const auto repeats = targets.slice(1, 1).eq(targets.slice(1, 0, -1));  // (B, U - 1)
  const auto inside =
      at::arange(1, repeats.size(1) + 1).unsqueeze(0).lt(target_lengths.unsqueeze(1));
  const auto needed = target_lengths + repeats.logical_and(inside).sum(1);
  const auto fits = needed.le(lengths_of(tokens));
  return {surprise(tokens, batch, targets, target_lengths).sum(),
          target_lengths.masked_select(fits).sum().item<int64_t>()};
}

std::vector<at::Tensor> TranscriptHead::heard(const Tokens& tokens, const Batch& batch) {
  const at::NoGradGuard no_gradient;
  const auto log_p = output(tokens, batch).to(at::kDouble).log_softmax(2);  // (B, L, V)
  for (const int64_t token : {written_.tokenizer()->begin(), written_.tokenizer()->end()})
    if (token >= 0 && token != blank_) log_p.select(2, token).fill_(-INFINITY);
  const auto lengths = lengths_of(tokens);
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < log_p.size(0); ++i)
    all.push_back(log_p[i].narrow(0, 0, lengths[i].item<int64_t>()));
  return all;
}

std::vector<int64_t> TranscriptHead::decode(const at::Tensor& log_p, bool greedily) const {
  if (greedily || options.beam_size == 1) return ctc_greedy(log_p, blank_);
  return ctc_search(log_p, {blank_, options.beam_size, language_.get()}).front().tokens;
}

std::unique_ptr<Scorer> TranscriptHead::scorer(const SplitPtr& split, bool quick) {
  if (!quick) find_language();
  return make_transcript_scorer(split, options.written.column, frequent_,
                                [this, quick](const Tokens& tokens, const Batch& batch) {
                                  const auto [sum, count] = summed_loss(tokens, batch);
                                  TranscriptOutput found{sum.item<double>(), count, {}};
                                  for (const auto& log_p : heard(tokens, batch))
                                    found.texts.push_back(text_of_tokens(decode(log_p, quick)));
                                  return found;
                                });
}

/// Tokens belong to the last word of the text that they end, white space to none.
std::vector<WordSpan> TranscriptHead::words_of(const std::vector<int64_t>& tokens,
                                               const at::Tensor& log_p) const {
  const auto spans = ctc_alignment(log_p, tokens, blank_);
  std::vector<WordSpan> all;
  std::string before;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto text =
        text_of_tokens({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1});
    const auto words = data::split_at_space(text);
    const bool grew = text.size() != before.size() && !words.empty() &&
                      words.back().data() + words.back().size() == text.data() + text.size();
    if (grew) {
      if (words.size() > all.size()) all.push_back({"", spans[i]});
      all.back().word = words.back();
      all.back().frames.end = spans[i].end;
    }
    before = text;
  }
  return all;
}

Prediction TranscriptHead::predicted(const at::Tensor& log_p, const Split& split,
                                     int64_t example) const {
  const auto tokens = decode(log_p, false);
  const auto text = text_of_tokens(tokens);
  nlohmann::ordered_json json = {{"output", text},
                                 {"log_probability", ctc_log_probability(log_p, tokens, blank_)}};
  Prediction prediction{text, ""};
  const auto places = tokens_of(split, example);
  if (std::ssize(places) >= log_p.size(0) && !places.empty() && places[0].seconds >= 0) {
    const double step = places.size() > 1 ? places[1].seconds - places[0].seconds : 0;
    const auto begin_of = [&](int64_t i) { return places[0].seconds + double(i) * step; };
    json["words"] = nlohmann::ordered_json::array();
    for (const auto& [word, frames] : words_of(tokens, log_p)) {
      json["words"].push_back(
          {{"word", word}, {"start", begin_of(frames.begin)}, {"end", begin_of(frames.end)}});
      char times[64];
      std::snprintf(times, sizeof times, "%.2f\t%.2f\t", begin_of(frames.begin),
                    begin_of(frames.end));
      if (options.times) prediction.lines.push_back(times + word);
    }
  } else if (options.times) {
    throw UsageError("head.times: what is read here has no times; leave it out");
  }
  prediction.json = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return prediction;
}

std::vector<Prediction> TranscriptHead::predict(const Tokens& tokens, const Batch& batch,
                                                const Split& split) {
  find_language();
  const auto* records = batch.records.data_ptr<int64_t>();
  std::vector<Prediction> all;
  for (const auto& log_p : heard(tokens, batch)) all.push_back(predicted(log_p, split, *records++));
  return all;
}

/// ln p of the transcript that is given, or of what is answered, by all of its paths.
Aim TranscriptHead::aim(const Tokens& tokens, const Batch& batch, const Split&,
                        const AimOptions& aimed, const Looked&) {
  if (aimed.first != 0 || aimed.last != 0)
    throw UsageError("--tokens is of texts that a decoder writes; a transcript is explained whole");
  find_language();
  const auto log_p = heard(tokens, batch).front();
  const auto wanted =
      aimed.target.empty() ? decode(log_p, false) : written_.tokenizer()->encode(aimed.target);
  const auto unknown = written_.tokenizer()->unknown();
  if (!aimed.target.empty() && unknown >= 0 &&
      std::find(wanted.begin(), wanted.end(), unknown) != wanted.end())
    throw UsageError("--target: the model has no piece for some of '" + aimed.target +
                     "'; expected text as the transcripts of training have it");
  if (ctc_frames(wanted) > log_p.size(0))
    throw UsageError(text_of("--target: the transcript needs ", ctc_frames(wanted),
                             " tokens of the encoder, and there are ", log_p.size(0)));
  const auto what = "the transcript '" + text_of_tokens(wanted) + "'";
  const auto U = std::ssize(wanted);
  const auto target = padded({wanted});  // (1, U)
  return {"log p of " + what, "p of " + what + ", the geometric mean a token",
          [this, target, U](const Tokens& of, const Batch& copies) {
            const auto B = copies.size();
            const auto log_p = -surprise(of, copies, target.expand({B, -1}).contiguous(),
                                         at::full({B}, U, at::kLong));  // (B)
            return Aimed{log_p, (log_p / std::max<int64_t>(U, 1)).exp()};
          }};
}

void TranscriptHead::check_made(const Split& split) const {
  int64_t bad = 0;
  std::string first;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto needed = ctc_frames(written_.encoded(split, i));
    // By its header a recording is long enough; those that may not be are read.
    if (frames_ && split.length(i) / frames_->per_token > needed + 1) continue;
    const auto tokens = std::ssize(tokens_of(split, i));
    if (tokens == 0 && split.show(i).image)
      throw ModelError(
          "head.kind: 'transcript' reads tokens in the order of time, and those of an image lie on "
          "a grid; choose another head");
    if (tokens == 0 || needed <= tokens || bad++ > 0) continue;
    first = text_of(
        split.place(i), ": the transcript in column '", options.written.column, "' needs ", needed,
        " tokens of the encoder (one a piece, and one between two that are equal), and there are ",
        tokens);
  }
  if (bad > 0)
    throw DataError(first + (bad > 1 ? text_of("; ", bad - 1, " more are too long, too") : "") +
                    "; leave these out, take larger pieces (head.tokenizer), or an encoder that "
                    "joins fewer frames");
}

}  // namespace

std::shared_ptr<Head> make_transcript_head() { return std::make_shared<TranscriptHead>(); }

}  // namespace heed
