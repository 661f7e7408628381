#include "models/continuous.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/text.h"
#include "heed/nn/multi_head_attention.h"
#include "models/search.h"

namespace heed::models {
namespace {

constexpr int64_t kLeastReused = 16;  // tokens; fewer are read as fast as copied

template <class... Pieces>
[[noreturn]] void refuse_asked(const Pieces&... pieces) {
  throw UsageError(text_of("generation: ", pieces...));
}

/// Of one token in all layers of a decoder.
int64_t cached_bytes(SequenceModel& model) {
  int64_t numbers = 0;
  for (const auto& module : model.modules())
    if (auto* attention = module->as<nn::MultiHeadAttentionImpl>())
      numbers += attention->key_rows() + attention->value_rows();
  return numbers * static_cast<int64_t>(model.output_weight().element_size());
}

void check_asked(const Asked& asked, const SequenceModel& model) {
  if (asked.prompt.empty()) refuse_asked("prompt: expected at least one token");
  for (const int64_t token : asked.prompt)
    if (token < 0 || token >= model.vocabulary())
      refuse_asked("prompt: expected tokens 0 to ", model.vocabulary() - 1, ", given ", token);
  if (asked.options.beam_size() != 1 || asked.options.num_hypotheses() != 1)
    refuse_asked("beam_size and num_hypotheses: expected 1 of texts that come and go");
  if (!asked.options.shortlist().empty()) refuse_asked("shortlist: expected none");
}

}  // namespace

Continuous::Continuous(SequenceModelPtr model, const ContinuousLimits& limits)
    : model_(std::move(model)),
      limits_(limits),
      choices_(GenerateOptions(), model_->vocabulary()),
      bytes_of_token_(cached_bytes(*model_)) {
  if (model_->has_encoder()) refuse_asked("expected a model without an encoder");
}

int64_t Continuous::join(Asked asked) {
  check_asked(asked, *model_);
  auto& options = asked.options;
  options.early_stop(true);
  Row row;
  row.id = next_id_++;
  row.forced = std::ssize(asked.prompt) - 1;
  row.limit = options.max_new() > 0 ? row.forced + options.max_new() : options.max_length();
  const int64_t positions = model_->max_positions();
  if (positions > 0 && row.forced >= positions)
    refuse_asked("the prompt has ", row.forced + 1, " tokens, and the model has positions for ",
                 positions);
  if (positions > 0) row.limit = std::min(row.limit, positions);
  row.limit = std::max(row.limit, row.forced);
  row.least = options.min_length();
  if (options.min_new() > 0) row.least = std::max(row.least, row.forced + options.min_new());
  row.bytes = bytes_of(row.limit + 1);
  if (row.bytes > limits_.cache_bytes)
    refuse_asked("prompt and answer of ", row.limit + 1, " tokens take ", row.bytes,
                 " bytes of keys and values, and there are ", limits_.cache_bytes);
  if (options.sample())
    row.random.emplace(static_cast<uint64_t>(options.seed()),
                       static_cast<uint32_t>(options.first_line()), uint32_t{0});
  row.pending = asked.prompt;
  for (int64_t i = 1; i <= row.forced; ++i)
    row.growing.add(asked.prompt[static_cast<size_t>(i)], 0, true);
  row.asked = std::move(asked);
  waiting_.push_back(std::move(row));
  return waiting_.back().id;
}

void Continuous::leave(int64_t id) {
  const auto is_it = [id](const Row& row) { return row.id == id; };
  waiting_.remove_if(is_it);
  const auto found = std::find_if(rows_.begin(), rows_.end(), is_it);
  if (found == rows_.end()) return;
  keep(*found);
  rows_.erase(found);
}

/// What is kept for reuse goes, the oldest first, until so many bytes are free.
bool Continuous::make_room(int64_t bytes) {
  while (reserved_ + bytes > limits_.cache_bytes && !kept_.empty()) {
    reserved_ -= kept_.back().bytes;
    kept_.pop_back();
  }
  return reserved_ + bytes <= limits_.cache_bytes;
}

void Continuous::admit() {
  while (!waiting_.empty() && running() < limits_.rows) {
    if (!make_room(waiting_.front().bytes)) return;
    rows_.splice(rows_.end(), waiting_, waiting_.begin());
    begin(rows_.back());
  }
}

void Continuous::begin(Row& row) {
  reserved_ += row.bytes;
  row.state = model_->start({}, 1);
  auto* state = dynamic_cast<TransformerState*>(row.state.get());
  if (!state) return;
  for (auto& cache : state->caches) cache = nn::KeyValueCache(row.limit + 1);
  reuse(row);
}

/// The longest beginning that a kept text shares is copied; at least one token is left to read.
void Continuous::reuse(Row& row) {
  auto* to = dynamic_cast<TransformerState*>(row.state.get());
  const Kept* best = nullptr;
  int64_t most = kLeastReused - 1;
  for (const auto& kept : kept_) {
    const auto last = row.pending.end() - 1;
    const auto [own, other] =
        std::mismatch(row.pending.begin(), last, kept.tokens.begin(), kept.tokens.end());
    if (own - row.pending.begin() > most) best = &kept, most = own - row.pending.begin();
  }
  if (!best) return;
  const auto* from = dynamic_cast<const TransformerState*>(best->state.get());
  if (!from || from->before.defined()) return;
  for (size_t i = 0; i < to->caches.size(); ++i)
    to->caches[i].append(from->caches[i].keys().narrow(2, 0, most),
                         from->caches[i].values().narrow(2, 0, most));
  to->tokens = most;
  row.fed.assign(row.pending.begin(), row.pending.begin() + most);
  row.pending.erase(row.pending.begin(), row.pending.begin() + most);
  reused_ += most;
}

void Continuous::keep(Row& row) {
  if (dynamic_cast<TransformerState*>(row.state.get()) && std::ssize(row.fed) >= kLeastReused) {
    kept_.push_front({std::move(row.fed), std::move(row.state), row.bytes});
    return;
  }
  reserved_ -= row.bytes;
}

/// Reads the first `counts` of what each row has to read: the hidden state of the last of them, (rows, M).
at::Tensor Continuous::read(const std::vector<int64_t>& counts) {
  std::vector<int64_t> tokens, last;
  std::vector<TransformerRows::Row> together;
  std::vector<at::Tensor> apart;
  size_t i = 0;
  for (auto& row : rows_) {
    const int64_t count = counts[i++];
    const auto end = row.pending.begin() + count;
    if (count > 0) {
      if (auto* state = dynamic_cast<TransformerState*>(row.state.get())) {
        tokens.insert(tokens.end(), row.pending.begin(), end);
        together.push_back({state, count});
      } else {
        const auto own = torch::tensor(std::vector<int64_t>(row.pending.begin(), end), at::kLong);
        apart.push_back(model_->step(own.unsqueeze(0), *row.state).select(1, count - 1));
      }
    }
    row.fed.insert(row.fed.end(), row.pending.begin(), end);
    row.pending.erase(row.pending.begin(), end);
    if (count > 0) last.push_back(std::ssize(tokens) - 1);
  }
  if (together.empty()) return at::cat(apart);
  TransformerRows rows(std::move(together));
  const auto hidden = model_->step(torch::tensor(tokens, at::kLong).unsqueeze(0), rows);
  return hidden[0].index_select(0, torch::tensor(last, at::kLong));
}

/// As Ensemble says it of one model.
void Continuous::penalise(const Row& row, at::Tensor& logits) const {
  const auto& options = row.asked.options;
  const double penalty = options.repetition_penalty();
  if (penalty == 1) return;
  std::set<int64_t> seen(row.growing.tokens.begin(), row.growing.tokens.end());
  if (options.rules() == GenerateRules::transformers) seen.insert(options.begin());
  const auto change = [&](auto* x) {
    using T = std::decay_t<decltype(*x)>;
    for (const int64_t token : seen) {
      const auto logit = static_cast<double>(x[token]);
      x[token] = static_cast<T>(logit > 0 ? logit / penalty : logit * penalty);
    }
  };
  logits.scalar_type() == at::kDouble ? change(logits.data_ptr<double>())
                                      : change(logits.data_ptr<float>());
}

/// logits (1, V): what comes behind the row's last token.
Written Continuous::choose(Row& row, at::Tensor logits) {
  Written written{.id = row.id};
  const auto& options = row.asked.options;
  auto& growing = row.growing;
  if (std::ssize(growing.tokens) >= row.limit) return written.is_last = true, written;
  penalise(row, logits);
  NextTokens next(logits);
  if (!std::isfinite(next.shift[0])) {
    written.is_last = true;
    written.error = "the model gives NaN or infinite logits; its weights are not finite";
    return written;
  }
  forbid(next, 0, growing.tokens, {.given = row.forced, .least = row.least, .most = row.limit},
         choices_, options);
  const auto best =
      options.sample() ? std::vector{drawn(next, 0, options, *row.random)} : likeliest(next, 0, 1);
  if (best.empty() || best.front().choice < 0) return written.is_last = true, written;
  const int64_t token = best.front().choice;
  growing.add(token, best.front().log_probability, false);
  written.token = token, written.log_probability = best.front().log_probability;
  written.ended = options.is_end(token) || (options.stops() && options.stops()(growing.tokens));
  written.is_last = written.ended || std::ssize(growing.tokens) >= row.limit;
  row.pending.push_back(token);
  return written;
}

std::vector<Written> Continuous::step() {
  const c10::InferenceMode inference;
  admit();
  if (rows_.empty()) return {};
  std::vector<int64_t> counts;
  int64_t prefill = limits_.prefill;
  for (const auto& row : rows_) {
    const int64_t all = std::ssize(row.pending);
    const int64_t count = all == 1 ? 1 : std::min({all, kPiece, prefill});
    if (all > 1) prefill -= count;
    counts.push_back(count);
  }
  const auto hidden = read(counts);
  std::vector<Row*> ready;
  std::vector<int64_t> numbers;
  int64_t number = 0;
  size_t i = 0;
  for (auto& row : rows_) {
    if (counts[i++] == 0) continue;
    if (row.pending.empty()) ready.push_back(&row), numbers.push_back(number);
    ++number;
  }
  std::vector<Written> all;
  if (ready.empty()) return all;
  auto logits = model_->project(hidden.index_select(0, torch::tensor(numbers, at::kLong)));
  if (logits.scalar_type() != at::kDouble) logits = logits.to(at::kFloat);
  logits = logits.contiguous();
  for (size_t r = 0; r < ready.size(); ++r)
    all.push_back(choose(*ready[r], logits.narrow(0, static_cast<int64_t>(r), 1)));
  for (const auto& written : all)
    if (written.is_last) leave(written.id);
  return all;
}

}  // namespace heed::models
