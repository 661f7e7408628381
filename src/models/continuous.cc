#include "models/continuous.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "core/text.h"
#include "heed/models/transformer.h"

namespace heed::models {
namespace {

constexpr int64_t kLeastReused = 16;  // tokens; fewer are read as fast as looked for
constexpr size_t kMostKept = 512;     // texts whose pages are kept

template <class... Pieces>
[[noreturn]] void refuse_asked(const Pieces&... pieces) {
  throw UsageError(text_of("generation: ", pieces...));
}

void check_prompt(const Asked& asked, const SequenceModel& model) {
  if (asked.source.defined()) refuse_asked("source: the model reads none");
  if (asked.prompt.empty()) refuse_asked("prompt: expected at least one token");
  for (const int64_t token : asked.prompt)
    if (token < 0 || token >= model.vocabulary())
      refuse_asked("prompt: expected tokens 0 to ", model.vocabulary() - 1, ", given ", token);
}

void check_source_line(const Asked& asked, const SequenceModel& model) {
  const auto& [tokens, lengths, states] = asked.source;
  if (!asked.source.defined()) refuse_asked("source: the model writes from one, given none");
  if (!asked.prompt.empty())
    refuse_asked("prompt: of a model with a source it is options.prefixes");
  if (!lengths.defined() || lengths.numel() != 1) refuse_asked("source: expected one line");
  if (!tokens.defined()) return;
  const auto ids = tokens.contiguous().view(-1);
  for (int64_t i = 0; i < lengths.item<int64_t>(); ++i)
    if (const auto id = ids[i].item<int64_t>(); id < 0 || id >= model.source_vocabulary())
      refuse_asked("source: expected tokens 0 to ", model.source_vocabulary() - 1, ", given ", id);
}

/// Sequences that a text is written by at a time.
int64_t rows_of_text(const GenerateOptions& options) {
  return options.sample() ? options.num_hypotheses() : options.beam_size();
}

/// Lines of one kind, padded with zeros behind their lengths.
SourceBatch padded(const std::vector<SourceBatch>& lines) {
  if (lines.size() == 1) return lines.front();
  SourceBatch all;
  std::vector<at::Tensor> lengths;
  int64_t longest = 0;
  for (const auto& line : lines) {
    lengths.push_back(line.lengths);
    longest = std::max(longest, (line.states.defined() ? line.states : line.tokens).size(1));
  }
  const auto together = [&](at::Tensor SourceBatch::*part) {
    std::vector<at::Tensor> rows;
    for (const auto& line : lines) {
      const auto& own = line.*part;
      auto sizes = own.sizes().vec();
      sizes[1] = longest;
      rows.push_back(at::zeros(sizes, own.options()));
      rows.back().narrow(1, 0, own.size(1)).copy_(own);
    }
    return at::cat(rows);
  };
  all.lengths = at::cat(lengths);
  if (lines.front().states.defined())
    all.states = together(&SourceBatch::states);
  else
    all.tokens = together(&SourceBatch::tokens);
  return all;
}

int64_t source_length(const Asked& asked) {
  return asked.source.defined() ? asked.source.lengths.item<int64_t>() : 0;
}

bool looks_back(SequenceModel& model) {
  const auto* transformer = dynamic_cast<TransformerImpl*>(&model);
  return transformer && !transformer->options.lookback().empty();
}

}  // namespace

Continuous::Continuous(SequenceModelPtr model, const ContinuousLimits& limits)
    : model_(std::move(model)), limits_(limits), pool_(pages_for(*model_, limits.cache_bytes)) {}

int64_t Continuous::join(Asked asked) {
  auto& options = asked.options;
  if (model_->has_encoder()) {
    check_source_line(asked, *model_);
  } else {
    check_prompt(asked, *model_);
    options.begin(asked.prompt.front());
    options.prefixes({{asked.prompt.begin() + 1, asked.prompt.end()}});
  }
  if (options.rules() == GenerateRules::transformers && options.beam_size() == 1)
    options.early_stop(true);
  check_writing({model_}, options);
  if (!options.shortlist().empty()) refuse_asked("shortlist: expected none");
  if (options.prefixes().size() > 1) refuse_asked("prefixes: expected one line");
  Text text;
  text.asked = std::move(asked);
  const auto& own = text.asked.options;
  const auto reads =
      model_->has_encoder() ? std::vector{source_length(text.asked)} : std::vector<int64_t>();
  auto line = line_of(0, reads, own, model_->max_positions());
  const int64_t tokens = std::max<int64_t>(1, line.limit);
  text.worst = nn::PagePool::pages_of(source_length(text.asked)) +
               rows_of_text(own) * nn::PagePool::pages_of(tokens);
  if (pool_ && text.worst > pool_->most())
    refuse_asked("prompt and answer of ", tokens, " tokens take ", text.worst,
                 " pages of keys and values, and there are ", pool_->most());
  text.told = line.prefix.size();
  Texts one;
  one.push_back(std::move(text));
  // What follows names the options and the results, which stay where they are.
  auto& joined = one.back();
  joined.results.resize(1);
  joined.ensemble = std::make_unique<Ensemble>(std::vector{model_}, joined.asked.options);
  std::vector<Line> lines;
  lines.push_back(std::move(line));
  joined.search = std::make_unique<Search>(*joined.ensemble, joined.asked.options, std::move(lines),
                                           Clock::now());
  begin(joined);
  joined.id = next_id_++;
  waiting_.splice(waiting_.end(), one);
  return joined.id;
}

void Continuous::begin(Text& text) {
  text.search->begin(!model_->has_encoder(), text.results);
  text.rows.resize(1);
  auto& row = text.rows.front();
  if (pool_) row.text.own = nn::PageTable(pool_, pool_->own());
  row.pending = model_->has_encoder() ? std::vector{text.asked.options.begin()} : text.asked.prompt;
  asked_tokens_ += std::ssize(text.asked.prompt);
}

void Continuous::leave(int64_t id) {
  const auto is_it = [id](const Text& text) { return text.id == id; };
  waiting_.remove_if(is_it), preempted_.remove_if(is_it);
  const auto found = std::find_if(running_.begin(), running_.end(), is_it);
  if (found == running_.end()) return;
  keep(*found);
  running_.erase(found);
}

/// What it has read stays for others who begin with it.
void Continuous::keep(Text& text) {
  if (!pool_ || model_->has_encoder() || looks_back(*model_)) return;
  auto& row = text.rows.front();
  if (std::ssize(row.read) < kLeastReused || row.text.own.tokens() != std::ssize(row.read)) return;
  std::erase_if(kept_, [&](const Kept& one) {
    return one.tokens.size() <= row.read.size() &&
           std::equal(one.tokens.begin(), one.tokens.end(), row.read.begin());
  });
  kept_.push_front({std::move(row.read), row.text.own.beginning(row.text.own.tokens())});
  if (kept_.size() > kMostKept) kept_.pop_back();
}

/// What is kept goes, the oldest first, until so many pages are free.
bool Continuous::make_room(int64_t pages) {
  if (!pool_) return true;
  while (pool_->free() < pages && !kept_.empty()) kept_.pop_back();
  return pool_->free() >= pages;
}

/// Of the client of whom the fewest texts are written, the first.
Continuous::Texts::iterator Continuous::next_waiting() {
  if (!preempted_.empty()) return preempted_.begin();
  std::map<std::string, int64_t> written;
  for (const auto& text : running_) ++written[text.asked.client];
  auto best = waiting_.begin();
  for (auto one = waiting_.begin(); one != waiting_.end(); ++one)
    if (written[one->asked.client] < written[best->asked.client]) best = one;
  return best;
}

void Continuous::admit() {
  std::vector<Text*> joined;
  int64_t rows = 0, read = 0, sources = 0;  // pages that encode() takes
  for (const auto& text : running_) rows += rows_of_text(text.asked.options);
  while ((!waiting_.empty() || !preempted_.empty()) && rows < limits_.rows) {
    const auto next = next_waiting();
    const int64_t own = rows_of_text(next->asked.options), length = source_length(next->asked);
    const int64_t pages =
        nn::PagePool::pages_of(length) +
        std::ssize(next->rows) * nn::PagePool::pages_of(std::ssize(next->rows.front().pending));
    if (!running_.empty() && (rows + own > limits_.rows || !make_room(sources + pages + rows)))
      break;
    if (!joined.empty() && read + length > limits_.prefill) break;
    make_room(pages);
    running_.splice(running_.end(), preempted_.empty() ? waiting_ : preempted_, next);
    joined.push_back(&running_.back());
    rows += own, read += length, sources += nn::PagePool::pages_of(length);
  }
  try {
    encode(joined);
  } catch (const std::exception&) {
    encode_each(joined);
  }
}

/// Where sources cannot be read together: who cannot be read alone ends.
void Continuous::encode_each(const std::vector<Text*>& joined) {
  for (auto* text : joined) {
    Written ended{.id = text->id, .is_last = true};
    try {
      encode({text});
      continue;
    } catch (const Error& error) {
      ended.error = error.what(), ended.is_refused = error.why() != Failure::memory;
    } catch (const std::exception& error) {
      ended.error = error.what();
    }
    ended_.push_back(std::move(ended));
    running_.remove_if([text](const Text& one) { return &one == text; });
  }
}

/// Sources of those who join are read together, each with the bits that it has alone.
void Continuous::encode(const std::vector<Text*>& joined) {
  if (joined.empty()) return;
  if (!pool_) {
    for (auto* text : joined) text->state = model_->start(text->asked.source, 1);
    return;
  }
  if (!model_->has_encoder()) {
    for (auto* text : joined)
      if (text->rows.size() == 1) reuse(text->rows.front());
    return;
  }
  std::vector<SourceBatch> sources;
  for (const auto* text : joined) sources.push_back(text->asked.source);
  const auto started = model_->start(padded(sources));
  const auto& state = dynamic_cast<const TransformerState&>(*started);
  std::vector<std::shared_ptr<const nn::PageTable>> tables;
  for (size_t i = 0; i < joined.size(); ++i)
    tables.push_back(
        std::make_shared<const nn::PageTable>(source_pages(pool_, state, static_cast<int64_t>(i))));
  for (size_t i = 0; i < joined.size(); ++i) {
    joined[i]->source = tables[i];
    for (auto& row : joined[i]->rows) row.text.source = tables[i];
  }
}

/// The longest beginning that another has read is shared; at least one token is left to read.
void Continuous::reuse(Sequence& row) {
  if (looks_back(*model_) || !row.read.empty()) return;
  const nn::PageTable* best = nullptr;
  int64_t most = kLeastReused - 1;
  const auto look_at = [&](const std::vector<int64_t>& tokens, const nn::PageTable& pages) {
    const auto end = std::mismatch(row.pending.begin(), row.pending.end() - 1, tokens.begin(),
                                   tokens.begin() + std::min(std::ssize(tokens), pages.tokens()));
    const int64_t alike = end.first - row.pending.begin();
    if (alike > most) best = &pages, most = alike;
  };
  for (const auto& kept : kept_) look_at(kept.tokens, kept.pages);
  for (const auto& text : running_) look_at(text.rows.front().read, text.rows.front().text.own);
  if (!best) return;
  row.text.own = best->beginning(most);
  row.read.assign(row.pending.begin(), row.pending.begin() + most);
  row.pending.erase(row.pending.begin(), row.pending.begin() + most);
  reused_tokens_ += most;
}

/// The text that came last, behind the given one, gives back what it has.
bool Continuous::preempt_behind(const Text& text) {
  auto last = std::prev(running_.end());
  if (&*last == &text) return false;
  for (auto& row : last->rows) {
    row.read.insert(row.read.end(), row.pending.begin(), row.pending.end());
    row.pending = std::move(row.read);
    row.read.clear();
    row.text = {nn::PageTable(pool_, pool_->own()), {}, {}};
  }
  last->source.reset(), last->count = 0;
  preempted_.splice(preempted_.begin(), running_, last);
  ++preemptions_;
  return true;
}

/// How much each text reads in this step, and the pages for it.
void Continuous::plan() {
  int64_t prefill = limits_.prefill;
  for (auto text = running_.begin(); text != running_.end(); ++text) {
    const int64_t all = std::ssize(text->rows.front().pending), rows = std::ssize(text->rows);
    const bool is_first = prefill == limits_.prefill;  // who goes on, however many rows it has
    text->count =
        all == 1 ? 1 : std::min({all, kPiece, std::max<int64_t>(is_first, prefill / rows)});
    if (all > 1) prefill -= text->count * rows;
    if (!pool_) continue;
    for (auto& row : text->rows) {
      auto& own = row.text.own;
      while (own.wanted(text->count) > pool_->free()) {
        if (!kept_.empty()) {
          kept_.pop_back();
        } else if (!preempt_behind(*text)) {  // those before it have what is left
          text->count = 0;
          break;
        }
      }
      if (text->count == 0) break;
      own.make_room(text->count);
    }
  }
}

/// Logits (rows, V) behind the last token of each row of texts that then have read all, in their order.
at::Tensor Continuous::read() { return pool_ ? read_together() : read_apart(); }

at::Tensor Continuous::read_together() {
  std::vector<int64_t> tokens, last;
  std::vector<TransformerRows::Row> together;
  std::map<const Sequence*, int64_t> ends;
  for (const bool single : {true, false})
    for (auto& text : running_) {
      if (text.count == 0 || (text.count == 1) != single) continue;
      for (auto& row : text.rows) {
        tokens.insert(tokens.end(), row.pending.begin(), row.pending.begin() + text.count);
        together.push_back({&row.text, text.count});
        ends[&row] = std::ssize(tokens) - 1;
      }
    }
  if (together.empty()) return {};
  for (const auto& text : running_)
    for (const auto& row : text.rows)
      if (has_all(text)) last.push_back(ends.at(&row));
  std::vector<at::Tensor> before;
  for (const auto& row : together) before.push_back(row.text->before);
  TransformerRows rows(std::move(together));
  const auto hidden = model_->step(torch::tensor(tokens, at::kLong).unsqueeze(0), rows);
  try {
    return logits_of(hidden[0].index_select(0, torch::tensor(last, at::kLong)));
  } catch (...) {
    for (size_t i = 0; i < before.size(); ++i) {
      rows.rows[i].text->before = before[i];
      rows.rows[i].text->own.advance(-rows.rows[i].tokens);
    }
    throw;
  }
}

at::Tensor Continuous::read_apart() {
  std::vector<at::Tensor> all;
  for (auto& text : running_) {
    if (text.count == 0) continue;
    std::vector<at::Tensor> rows;
    for (const auto& row : text.rows)
      rows.push_back(torch::tensor(
          std::vector<int64_t>(row.pending.begin(), row.pending.begin() + text.count), at::kLong));
    const auto hidden = model_->step(torch::stack(rows), *text.state);
    if (has_all(text)) all.push_back(hidden.select(1, text.count - 1));
  }
  return logits_of(all.empty() ? at::Tensor() : at::cat(all));
}

at::Tensor Continuous::logits_of(const at::Tensor& hidden) {
  return hidden.defined() && hidden.size(0) > 0 ? model_->project(hidden) : at::Tensor();
}

/// Who goes on has what its parent read.
void Continuous::move_rows(Text& text) {
  const auto& next = text.search->rows();
  std::vector<int64_t> parents, uses(text.rows.size());
  for (const auto& row : next)
    parents.push_back(row.parent), ++uses[static_cast<size_t>(row.parent)];
  std::vector<Sequence> rows;
  for (const auto& row : next) {
    auto& parent = text.rows[static_cast<size_t>(row.parent)];
    if (--uses[static_cast<size_t>(row.parent)] == 0)
      rows.push_back(std::move(parent));
    else
      rows.push_back(parent);
    rows.back().pending = {row.token};
  }
  text.rows = std::move(rows);
  if (text.state) text.state->reorder(torch::tensor(parents, at::kLong));
}

/// logits (rows, V): what comes behind the text's last tokens.
Written Continuous::advance(Text& text, const at::Tensor& logits) {
  Written written{.id = text.id};
  const auto tell = [&](const std::vector<int64_t>& tokens, const std::vector<double>& numbers) {
    written.tokens.assign(tokens.begin() + static_cast<int64_t>(text.told), tokens.end());
    written.log_probabilities.assign(numbers.begin() + static_cast<int64_t>(text.told),
                                     numbers.end());
    text.told = tokens.size();
  };
  try {
    if (text.search->advance(logits)) {
      move_rows(text);
      const auto& live = text.search->line().live.front();
      if (text.search->tells_at_once() && live.tokens.size() > text.told)
        tell(live.tokens, live.log_probabilities);
      return written;
    }
    written.found = std::move(text.results.front());
    if (!written.found.empty())
      tell(written.found.front().tokens, written.found.front().log_probabilities);
  } catch (const std::exception& error) {
    written.error = error.what();
  }
  return written.is_last = true, written;
}

std::vector<Written> Continuous::step() {
  const c10::InferenceMode inference;
  admit();
  plan();
  const auto logits = read();
  std::vector<Written> all;
  int64_t first = 0;
  for (auto& text : running_) {
    const bool goes_on = has_all(text);
    for (auto& row : text.rows) {
      const auto end = row.pending.begin() + text.count;
      row.read.insert(row.read.end(), row.pending.begin(), end);
      row.pending.erase(row.pending.begin(), end);
    }
    if (!goes_on) continue;
    const auto rows = std::ssize(text.rows);
    auto written = advance(text, logits.narrow(0, first, rows));
    first += rows;
    if (!written.tokens.empty() || written.is_last) all.push_back(std::move(written));
  }
  for (const auto& written : all)
    if (written.is_last) leave(written.id);
  std::move(ended_.begin(), ended_.end(), std::back_inserter(all));
  ended_.clear();
  return all;
}

}  // namespace heed::models
