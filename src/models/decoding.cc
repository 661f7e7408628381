#include "models/decoding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "kernels/log_sum_exp.h"
#include "nn/linear.h"

namespace heed::models {
namespace {

template <class F>
auto with_type(const at::Tensor& t, const F& f) {
  return t.scalar_type() == at::kDouble ? f(t.data_ptr<double>()) : f(t.data_ptr<float>());
}

double penalised_logit(double x, double penalty) { return x > 0 ? x / penalty : x * penalty; }

/// log of the mean of the probabilities.
NextTokens mean_of(const std::vector<NextTokens>& all) {
  const int64_t rows = all[0].values.size(0), n = all[0].choices();
  const auto mean = torch::empty({rows, n}, at::kDouble);
  auto* out = mean.data_ptr<double>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double most = kNever, sum = 0;
      for (const auto& one : all) most = std::max(most, one.log_probability(i, j));
      for (const auto& one : all)
        if (most != kNever) sum += std::exp(one.log_probability(i, j) - most);
      out[i * n + j] = most == kNever ? most : most + std::log(sum / double(all.size()));
    }
  NextTokens next(mean);
  std::fill(next.shift.begin(), next.shift.end(), 0);  // these are logarithms of probabilities
  return next;
}

}  // namespace

NextTokens::NextTokens(const at::Tensor& logits)
    : values(logits.contiguous()), shift(static_cast<size_t>(logits.size(0))) {
  const int64_t rows = values.size(0), n = choices();
  largest =
      torch::empty({rows, (n + kernels::kNeighbours - 1) / kernels::kNeighbours}, values.options());
  with_type(values, [&](const auto* x) {
    using T = std::decay_t<decltype(*x)>;
    kernels::log_sum_exp(x, rows, n, shift.data(), largest.data_ptr<T>());
  });
}

double NextTokens::log_probability(int64_t row, int64_t choice) const {
  return with_type(values, [&](const auto* x) {
    return static_cast<double>(x[row * choices() + choice]) - shift[static_cast<size_t>(row)];
  });
}

void NextTokens::set(int64_t row, int64_t choice, double value) {
  with_type(values, [&](auto* x) {
    using T = std::decay_t<decltype(*x)>;
    T* all = x + row * choices();
    all[choice] = static_cast<T>(value);
    const int64_t block = choice / kernels::kNeighbours, first = block * kernels::kNeighbours;
    largest.data_ptr<T>()[row * largest.size(1) + block] =
        *std::max_element(all + first, all + std::min(first + kernels::kNeighbours, choices()));
  });
}

void NextTokens::force(int64_t row, const std::vector<int64_t>& choices) {
  with_type(values, [&](auto* x) {
    using T = std::decay_t<decltype(*x)>;
    std::fill_n(x + row * values.size(1), values.size(1), static_cast<T>(kNever));
    std::fill_n(largest.data_ptr<T>() + row * largest.size(1), largest.size(1),
                static_cast<T>(kNever));
  });
  for (const int64_t choice : choices)
    if (choice >= 0) set(row, choice, shift[static_cast<size_t>(row)]);
}

Choices::Choices(const GenerateOptions& options, int64_t vocabulary) : ids_(options.shortlist()) {
  std::sort(ids_.begin(), ids_.end());
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  if (ids_.empty()) return;
  if (ids_.front() < 0 || ids_.back() >= vocabulary)
    throw UsageError(text_of("generate: shortlist: expected tokens 0 to ", vocabulary - 1,
                             ", given ", ids_.front() < 0 ? ids_.front() : ids_.back()));
  if (options.end() >= 0 && of(options.end()) < 0)
    throw UsageError(text_of("generate: shortlist: expected the end token ", options.end(),
                             " among the tokens, given none"));
}

int64_t Choices::token(int64_t choice) const {
  return all() ? choice : ids_[static_cast<size_t>(choice)];
}

int64_t Choices::of(int64_t token) const {
  if (all()) return token;
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), token);
  return at != ids_.end() && *at == token ? at - ids_.begin() : -1;
}

Ensemble::Ensemble(const std::vector<SequenceModelPtr>& models, const GenerateOptions& options)
    : models_(models),
      repetition_penalty_(options.repetition_penalty()),
      penalises_probabilities_(options.rules() == GenerateRules::transformers &&
                               options.beam_size() > 1),
      seen_begin_(options.rules() == GenerateRules::transformers ? options.begin() : -1),
      choices_(options, models.front()->vocabulary()) {
  for (const auto& model : models_) {
    if (choices_.all()) break;
    const auto rows = torch::tensor(choices_.ids(), at::kLong).to(model->output_weight().device());
    const auto bias = model->output_bias();
    weights_.push_back(model->output_weight().detach().index_select(0, rows));
    biases_.push_back(bias.defined() ? bias.detach().index_select(0, rows) : bias);
  }
}

int64_t Ensemble::max_positions() const {
  int64_t least = 0;
  for (const auto& model : models_)
    if (model->max_positions() > 0)
      least = least ? std::min(least, model->max_positions()) : model->max_positions();
  return least;
}

Ensemble::States Ensemble::start(const SourceBatch& source, int64_t rows) const {
  const c10::InferenceMode inference;
  States states;
  for (const auto& model : models_) {
    const auto device = model->output_weight().device();
    auto there = source;
    for (auto* part : {&there.tokens, &there.lengths, &there.states})
      if (part->defined()) *part = part->to(device);
    states.push_back(model->start(there, rows));
  }
  return states;
}

void Ensemble::reorder(States& states, const std::vector<int64_t>& index) {
  const c10::InferenceMode inference;
  const auto rows = torch::tensor(index, at::kLong);
  for (const auto& state : states) state->reorder(rows);
}

std::vector<at::Tensor> Ensemble::step(States& states, const at::Tensor& tokens) const {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> hidden;
  for (size_t m = 0; m < models_.size(); ++m)
    hidden.push_back(models_[m]->step(tokens.to(models_[m]->output_weight().device()), *states[m]));
  return hidden;
}

at::Tensor Ensemble::project_to_choices(size_t m, const at::Tensor& hidden) const {
  const nn::RowsAlone alone(packed_);
  return models_[m]->project(hidden, weights_[m], biases_[m]);
}

std::vector<int64_t> Ensemble::choices_seen(std::span<const int64_t> seen) const {
  std::vector<int64_t> tokens(seen.begin(), seen.end());
  if (seen_begin_ >= 0) tokens.push_back(seen_begin_);
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  std::vector<int64_t> found;
  for (const int64_t token : tokens)
    if (const int64_t choice = choices_.of(token); choice >= 0) found.push_back(choice);
  return found;
}

NextTokens Ensemble::of_model(size_t m, const at::Tensor& hidden, const Seen& seen,
                              const Name& name) const {
  const c10::InferenceMode inference;
  return next_of_logits(
      choices_.all() ? models_[m]->project(hidden) : project_to_choices(m, hidden), m, seen, name);
}

NextTokens Ensemble::next_of_logits(at::Tensor logits, size_t m, const Seen& seen,
                                    const Name& name) const {
  if (logits.scalar_type() != at::kDouble) logits = logits.to(at::kFloat);
  logits = logits.to(at::kCPU).contiguous();
  const int64_t rows = logits.size(0), n = logits.size(1);
  if (repetition_penalty_ != 1 && !penalises_probabilities_)
    with_type(logits, [&](auto* x) {
      using T = std::decay_t<decltype(*x)>;
      for (int64_t i = 0; i < rows; ++i)
        for (const int64_t j : choices_seen(seen(i)))
          x[i * n + j] = static_cast<T>(penalised_logit(double(x[i * n + j]), repetition_penalty_));
    });
  NextTokens next(logits);
  for (int64_t i = 0; i < rows && repetition_penalty_ != 1 && penalises_probabilities_; ++i)
    for (const int64_t j : choices_seen(seen(i)))
      next.set(
          i, j,
          next.shift[static_cast<size_t>(i)] + repetition_penalty_ * next.log_probability(i, j));
  for (int64_t i = 0; i < rows; ++i)
    if (!std::isfinite(next.shift[static_cast<size_t>(i)]))
      throw ModelError(text_of("generate: model ", m + 1, " of ", models_.size(),
                               " gives NaN or infinite logits for ", name(i),
                               "; its weights or the input are not finite"));
  return next;
}

NextTokens Ensemble::next(const std::vector<at::Tensor>& hidden, int64_t place, const Seen& seen,
                          const Name& name) const {
  std::vector<NextTokens> all;
  for (size_t m = 0; m < models_.size(); ++m)
    all.push_back(of_model(m, hidden[m].select(1, place), seen, name));
  return all.size() == 1 ? std::move(all[0]) : mean_of(all);
}

int64_t Sources::size() const {
  return given.defined() ? given.lengths.size(0) : std::ssize(tokens);
}

std::vector<int64_t> Sources::lengths() const {
  std::vector<int64_t> all;
  if (given.defined()) {
    const auto lengths = given.lengths.to(at::kCPU).contiguous();
    all.assign(lengths.data_ptr<int64_t>(), lengths.data_ptr<int64_t>() + lengths.numel());
  }
  for (const auto& line : tokens) all.push_back(std::ssize(line));
  return all;
}

SourceBatch Sources::batch(const std::vector<int64_t>& lines) const {
  if (!given.defined()) return batch_of(tokens, lines);
  const auto rows = torch::tensor(lines, at::kLong);
  return {.lengths = given.lengths.index_select(0, rows.to(given.lengths.device())),
          .states = given.states.index_select(0, rows.to(given.states.device()))};
}

SourceBatch batch_of(const std::vector<std::vector<int64_t>>& source,
                     const std::vector<int64_t>& lines) {
  if (source.empty()) return {};
  const auto rows = static_cast<int64_t>(lines.size());
  size_t longest = 0;
  for (const int64_t line : lines) longest = std::max(longest, source[size_t(line)].size());
  const auto width = static_cast<int64_t>(longest);
  SourceBatch batch{torch::zeros({rows, width}, at::kLong), torch::zeros({rows}, at::kLong)};
  for (int64_t b = 0; b < rows; ++b) {
    const auto& line = source[static_cast<size_t>(lines[static_cast<size_t>(b)])];
    std::copy(line.begin(), line.end(), batch.tokens.data_ptr<int64_t>() + b * width);
    batch.lengths.data_ptr<int64_t>()[b] = static_cast<int64_t>(line.size());
  }
  return batch;
}

}  // namespace heed::models
