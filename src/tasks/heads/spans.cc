// An answer to a question as a span of a context: each token of it is scored as the first and as
// the last one, and the first token of all as no answer (Devlin et al. 2019, of SQuAD by Rajpurkar
// et al. 2016 and 2018).
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/data/offsets.h"
#include "nn/linear.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/span_scorer.h"

namespace heed {
namespace {

constexpr const char* kSpanTarget = "span";

/// Tokens (B, L, M) -> logits (B, L, 2) of start and end.
class SpansModule : public torch::nn::Module {
 public:
  SpansModule(int64_t width, const SpansHeadOptions& options) {
    dense = make_dense(*this, width, options.dense);
    dropout = register_module("dropout", torch::nn::Dropout(options.dropout));
    linear = register_module("linear", nn::small_linear(width, 2));
  }
  at::Tensor forward(const Tokens& tokens) {
    return nn::affine(linear, dropout->forward(through(dense, tokens.states))).to(at::kFloat);
  }

  std::shared_ptr<Dense> dense;  ///< null where there is none
  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
};

/// Of a part of the data: answers, and what tokens and lengths make of them.
struct SpanCounts {
  int64_t answers = 0, without = 0;
  int64_t cut = 0, long_ones = 0, inside = 0;
  std::string first_cut = "";
};

class SpansHead : public WithOptions<Head, SpansHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.answer, options.start}; }

  void learn(const Split& train, const Input&) override {
    train.text_tokens(0, options.context);  // says where the input has no such tokens
    for (int64_t i = 0; i < train.size(); ++i)
      if (!answers_of(train, i, options).empty()) return;
    throw DataError("the column '" + options.answer +
                    "' of the training data has no answer; expected at least one");
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext& context) override {
    context_ = context;
    return module_ = std::make_shared<SpansModule>(encoder->width(), options);
  }

  /// (B, 4): the context's first token and their number, the answer's first and last one or -1.
  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw&,
                   Batch& batch) const override {
    std::vector<int64_t> all;
    for (const int64_t example : examples) {
      const auto tokens = split.text_tokens(example, options.context);
      const auto [first, last] = target_of(split, example, tokens);
      all.insert(all.end(), {tokens.first, std::ssize(tokens.offsets), first, last});
    }
    batch.tensors[in_batch(kSpanTarget)] =
        at::tensor(all, at::kLong).view({std::ssize(examples), 4});
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, L, 2)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto [sum, examples] =
        summed_loss(output(tokens, batch), batch, context_.train.label_smoothing);
    return {sum / std::max<int64_t>(1, examples), examples};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool) override {
    return make_span_scorer(
        split, options, [this, split](const Tokens& tokens, const Batch& batch) {
          const auto logits = output(tokens, batch);
          const auto [sum, examples] = summed_loss(logits, batch, 0);
          return SpanOutput{decode(logits, batch, *split), sum.item<double>(), examples};
        });
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override {
    const auto found = decode(output(tokens, batch), batch, split);
    std::vector<Prediction> all;
    for (size_t i = 0; i < found.size(); ++i) {
      const auto example = batch.records[static_cast<int64_t>(i)].item<int64_t>();
      all.push_back(prediction_of(found[i], split.value(example, options.context)));
    }
    return all;
  }

  /// Of the answer that it finds; tokens of the encoder.
  Aim aim(const Tokens& tokens, const Batch& batch, const Split& split, const AimOptions& aimed,
          const Looked&) override {
    const auto found = decode(output(tokens, batch), batch, split).front();
    const auto places = split.text_tokens(batch.records[0].item<int64_t>(), options.context);
    const auto bytes = found.none ? std::nullopt : tokens_of_span(places.offsets, found.bytes);
    aimed_number(aimed, 1, "answer");
    const int64_t first = bytes ? places.first + bytes->first : 0;
    const int64_t last = bytes ? places.first + bytes->second : 0;
    return {bytes ? "the logits of the answer's two ends" : "the logits of no answer",
            "the probability of the answer",
            [this, first, last](const Tokens& of, const Batch& copies) {
              const auto logits = output(of, copies);  // (B, L, 2)
              const auto ends = [&](const at::Tensor& x) {
                return std::pair(x.select(1, first).select(1, 0), x.select(1, last).select(1, 1));
              };
              const auto [begin, end] = ends(logits);
              const auto [p_begin, p_end] = ends(logits.softmax(1));
              return Aimed{begin + end, p_begin * p_end};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    if (!split.has(options.answer)) return "";
    const auto answers = answers_of(split, example, options);
    return answers.empty() ? "" : answers.front().text;
  }

  void check(const Split& split, bool training) const override;
  void examine(const data::Records& records, DataReport& report) const override;
  SelectionMetric selection_metric() const override { return {"f1", true}; }
  Metrics stats(const Split& split) const override;

 private:
  struct SummedSpanLoss {
    at::Tensor sum;
    int64_t examples;
  };

  /// Tokens of the encoder; of no answer its first, of one that the tokens do not have -1.
  std::pair<int64_t, int64_t> target_of(const Split& split, int64_t example,
                                        const TextTokens& tokens) const {
    const auto answers = answers_of(split, example, options);
    if (answers.empty()) return options.learns_no_answer() ? std::pair{0, 0} : std::pair{-1, -1};
    const auto found = tokens_of_span(tokens.offsets, answers.front().bytes);
    if (!found) return {-1, -1};
    return {tokens.first + found->first, tokens.first + found->second};
  }

  SummedSpanLoss summed_loss(const at::Tensor& logits, const Batch& batch, double smoothing) const;
  std::vector<FoundSpan> decode(const at::Tensor& logits, const Batch& batch,
                                const Split& split) const;
  Prediction prediction_of(const FoundSpan& found, const std::string& context) const;
  SpanCounts count(const Split& split) const;

  HeadContext context_;
  std::shared_ptr<SpansModule> module_;
};

/// The mean of the cross entropies of start and end over the tokens that may be one, summed over
/// the examples that have a target.
SpansHead::SummedSpanLoss SpansHead::summed_loss(const at::Tensor& all, const Batch& batch,
                                                 double smoothing) const {
  const auto& spans = batch.at(in_batch(kSpanTarget));              // (B, 4)
  const auto rows = spans.select(1, 2).ge(0).nonzero().squeeze(1);  // (R)
  if (rows.numel() == 0) return {all.sum() * 0, 0};
  const auto logits = all.index_select(0, rows);  // (R, L, 2)
  const auto of = spans.index_select(0, rows);
  const auto place = at::arange(logits.size(1), at::kLong).unsqueeze(0);  // (1, L)
  const auto first = of.slice(1, 0, 1), end = first + of.slice(1, 1, 2);  // (R, 1)
  auto possible = place.ge(first).logical_and(place.lt(end));             // (R, L)
  if (options.learns_no_answer()) possible = possible.logical_or(place.eq(0));
  const auto other = possible.logical_not().unsqueeze(2);
  const auto log_p =
      logits.masked_fill(other, -std::numeric_limits<float>::infinity()).log_softmax(1);
  auto nll = -log_p.gather(1, of.slice(1, 2, 4).unsqueeze(1)).squeeze(1);  // (R, 2)
  if (smoothing > 0) {
    const auto even = -log_p.masked_fill(other, 0).sum(1) / possible.sum(1).unsqueeze(1);
    nll = nll * (1 - smoothing) + even * smoothing;
  }
  return {nll.mean(1).sum(), rows.numel()};
}

std::vector<FoundSpan> SpansHead::decode(const at::Tensor& logits, const Batch& batch,
                                         const Split& split) const {
  std::vector<FoundSpan> all;
  for (int64_t row = 0; row < logits.size(0); ++row) {
    const auto example = batch.records[row].item<int64_t>();
    all.push_back(best_span(logits[row], split.text_tokens(example, options.context),
                            split.value(example, options.context), options));
  }
  return all;
}

Prediction SpansHead::prediction_of(const FoundSpan& found, const std::string& context) const {
  nlohmann::ordered_json json{{"answer", found.text}};
  const data::TextOffsets offsets(context);
  if (found.none) {
    for (const char* key : {"begin", "end", "begin_byte", "end_byte"}) json[key] = nullptr;
  } else {
    json["begin"] = offsets.character_of(found.bytes.begin);
    json["end"] = offsets.character_of(found.bytes.end);
    json["begin_byte"] = found.bytes.begin, json["end_byte"] = found.bytes.end;
  }
  json["score"] = found.score;
  if (options.learns_no_answer()) json["no_answer_score"] = found.no_answer_score;
  char score[32];
  std::snprintf(score, sizeof score, "\t%.4f", found.none ? found.no_answer_score : found.score);
  return {found.text + score, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

SpanCounts SpansHead::count(const Split& split) const {
  SpanCounts counts;
  for (int64_t i = 0; i < split.size(); ++i) {
    const auto answers = answers_of(split, i, options);
    if (answers.empty()) {
      ++counts.without;
      continue;
    }
    ++counts.answers;
    const auto tokens = split.text_tokens(i, options.context);
    const auto found = tokens_of_span(tokens.offsets, answers.front().bytes);
    if (!found) {
      if (counts.cut++ == 0) counts.first_cut = name_of_question(split, i);
      continue;
    }
    const auto [first, last] = *found;
    counts.long_ones += last - first >= options.max_answer_length ? 1 : 0;
    counts.inside += span_of_tokens(tokens.offsets, split.value(i, options.context), first, last) !=
                             answers.front().bytes
                         ? 1
                         : 0;
  }
  return counts;
}

void SpansHead::check(const Split& split, bool training) const {
  int64_t wrong = 0, without = 0;
  std::string first_wrong, first_without;
  for (int64_t i = 0; i < split.size(); ++i) {
    try {
      if (answers_of(split, i, options).empty() && without++ == 0)
        first_without = name_of_question(split, i);
    } catch (const DataError& error) {
      if (wrong++ == 0) first_wrong = error.what();
    }
  }
  const auto more = [](int64_t all, const char* verb) {
    return all > 1 ? ", nor " + (verb + (" " + std::to_string(all - 1))) + " more questions" : "";
  };
  if (wrong > 0)
    throw DataError(first_wrong + (wrong > 1 ? "; " + std::to_string(wrong - 1) +
                                                   " more questions have a wrong answer, too, "
                                                   "which heed check names"
                                             : ""));
  if (without > 0 && !options.learns_no_answer())
    throw DataError(first_without + " has no answer in the column '" + options.answer + "'" +
                    more(without, "have") +
                    "; give one, leave them out, or set head.no_answer = \"learn\"");
  if (!training) return;
  const auto counts = count(split);
  if (counts.cut > 0)
    throw DataError(counts.first_cut +
                    ": the answer is not in the tokens that input.max_length leaves" +
                    more(counts.cut, "are those of") + "; raise it, or leave them out");
}

Metrics SpansHead::stats(const Split& split) const {
  const auto counts = count(split);
  Metrics stats{{"answers", static_cast<double>(counts.answers)}};
  const auto add = [&](const char* what, int64_t number) {
    if (number > 0) stats.emplace_back(what, static_cast<double>(number));
  };
  add("questions without an answer", counts.without);
  add("answers that are cut off", counts.cut);
  add("answers of more than max_answer_length tokens", counts.long_ones);
  add("answers that begin or end inside a token", counts.inside);
  return stats;
}

/// Answers are counted and measured, and wrong ones named.
void SpansHead::examine(const data::Records& records, DataReport& report) const {
  constexpr int64_t kMostProblems = 20;
  const auto column = [&](const std::string& name) { return records.column(name); };
  const auto context = column(options.context), answer = column(options.answer),
             start = column(options.start);
  const auto cells = [&](int64_t record, int64_t of) {
    std::vector<std::string> all;
    if (records.columns()[static_cast<size_t>(of)].is_list) {
      for (const auto item : records.list(record, of)) all.emplace_back(item);
    } else if (!records.text(record, of).empty()) {
      all.emplace_back(records.text(record, of));
    }
    return all;
  };
  std::vector<int64_t> lengths;
  int64_t without = 0;
  const auto add_problem = [&](int64_t record, const std::string& what) {
    if (report.problem_count++ < kMostProblems)
      report.problems.push_back(records.place(record) + ": " + what);
  };
  for (int64_t i = 0; i < records.size(); ++i) {
    try {
      const auto found =
          find_answers(records.text(i, context), cells(i, answer), cells(i, start), options);
      for (const auto& each : found) lengths.push_back(data::TextOffsets(each.text).characters());
      if (!found.empty()) continue;
      ++without;
      if (!options.learns_no_answer())
        add_problem(i, "the column '" + options.answer +
                           "' has no answer; give one, or set head.no_answer = \"learn\"");
    } catch (const DataError& error) {
      add_problem(i, error.what());
    }
  }
  std::sort(lengths.begin(), lengths.end());
  std::string line = std::to_string(lengths.size()) + " answers";
  if (!lengths.empty())
    line += " of " + std::to_string(lengths.front()) + " .. " + std::to_string(lengths.back()) +
            " characters, median " + std::to_string(lengths[lengths.size() / 2]);
  if (without > 0) line += "; " + std::to_string(without) + " questions without one";
  report.lines.push_back(line);
}

}  // namespace

std::shared_ptr<Head> make_spans_head() { return std::make_shared<SpansHead>(); }

}  // namespace heed
