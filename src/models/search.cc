#include "models/search.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/threads.h"

namespace heed::models {
namespace {

bool stands_before(const Hypothesis& a, const Hypothesis& b) {
  return a.ended != b.ended ? a.ended : a.score > b.score;
}

int64_t ended(const Line& line) {
  return std::count_if(line.done.begin(), line.done.end(),
                       [](const Hypothesis& h) { return h.ended; });
}

}  // namespace

Search::Search(const Ensemble& ensemble, const GenerateOptions& options, std::vector<Line> lines,
               Clock::time_point began)
    : ensemble_(ensemble), options_(options), lines_(std::move(lines)), began_(began) {
  for (auto& line : lines_) line.live.resize(1);
}

void Search::add(const Line& line, Growing& to, int64_t token, double log_probability) {
  to.add(token, log_probability, !is_free(line));
  if (options_.times())
    to.seconds.push_back(std::chrono::duration<double>(Clock::now() - began_).count());
  if (tells_at_once() && options_.on_token() && !options_.is_end(token))
    options_.on_token()(line.number, token);
}

std::span<const int64_t> Search::seen(int64_t row) const {
  return line_of(row).live[static_cast<size_t>(row % width_)].tokens;
}

std::string Search::name(int64_t row) const {
  return text_of("line ", line_of(row).number + 1, ", token ", length_ + 1);
}

NextTokens Search::next(const std::vector<at::Tensor>& hidden, int64_t place) {
  return ensemble_.next(
      hidden, place, [&](int64_t row) { return seen(row); },
      [&](int64_t row) { return name(row); });
}

/// Gives <s> and what all lines are forced to begin with; what may come behind that.
NextTokens Search::read_prefixes() {
  auto shared = static_cast<int64_t>(lines_[0].prefix.size());
  for (const auto& line : lines_)
    shared = std::min(shared, static_cast<int64_t>(line.prefix.size()));
  const auto count = static_cast<int64_t>(lines_.size());
  auto tokens = torch::full({count, shared + 1}, options_.begin(), at::kLong);
  for (int64_t b = 0; b < count; ++b)
    std::copy_n(lines_[static_cast<size_t>(b)].prefix.begin(), shared,
                tokens.data_ptr<int64_t>() + b * (shared + 1) + 1);
  for (int64_t first = 0;; first += kPiece) {
    const int64_t piece = std::min(kPiece, shared + 1 - first);
    const auto hidden = ensemble_.step(states_, tokens.narrow(1, first, piece));
    for (int64_t place = 0; place < piece; ++place) {
      auto after = next(hidden, place);
      if (first + place == shared) return after;
      for (size_t b = 0; b < lines_.size(); ++b)
        force(lines_[b], after, static_cast<int64_t>(b), 1);
      ++length_;
    }
  }
}

/// The next token of the prefix behind every live sequence, of which there are to be `width`.
void Search::force(Line& line, const NextTokens& next, int64_t first, int64_t width) {
  const int64_t token = line.prefix[static_cast<size_t>(length_)];
  const int64_t choice = ensemble_.choices().of(token);
  const auto old = std::move(line.live);
  line.live.clear();
  for (int64_t i = 0; i < width; ++i) {
    const auto parent = std::min(static_cast<size_t>(i), old.size() - 1);
    const auto row = first + static_cast<int64_t>(parent);
    Growing grown = old[parent];
    if (i == 0)
      add(line, grown, token, choice < 0 ? 0 : next.log_probability(row, choice));
    else
      grown = line.live.front(), grown.dead = !options_.sample();
    line.live.push_back(std::move(grown));
    rows_.push_back({row, token});
  }
}

/// What is possible behind each row that is free to go on.
Search::Possible Search::candidates(NextTokens& next) {
  Possible possible(lines_.size() * static_cast<size_t>(width_));
  parallel_for(static_cast<int64_t>(possible.size()), [&](int64_t row) {
    auto& line = lines_[static_cast<size_t>(row / width_)];
    const auto& growing = line.live[static_cast<size_t>(row % width_)];
    if (!is_free(line) || growing.dead || length_ >= line.limit) return;
    const Limits limits{
        .given = static_cast<int64_t>(line.prefix.size()), .least = line.least, .most = line.limit};
    forbid(next, row, growing.tokens, limits, ensemble_.choices(), options_);
    if (!options_.sample()) {
      possible[static_cast<size_t>(row)] = likeliest(next, row, looked_at());
      return;
    }
    // The rows of a line before its draws part stand for all of them.
    for (int64_t i = row % width_; i < (width_ == 1 ? wanted() : row % width_ + 1); ++i)
      possible[static_cast<size_t>(row)].push_back(
          drawn(next, row, options_, line.random[static_cast<size_t>(i)]));
  });
  return possible;
}

bool Search::ends(const Growing& grown) const {
  return options_.is_end(grown.tokens.back()) ||
         (options_.stops() && options_.stops()(grown.tokens));
}

/// Whether the candidate lives on; one that ends is put aside where it `counts`.
bool Search::take(Line& line, std::vector<Growing>& live, int64_t first, const Growing& parent,
                  int64_t row, const Candidate& candidate, bool counts) {
  const int64_t token = ensemble_.choices().token(candidate.choice);
  Growing grown = parent;
  add(line, grown, token, candidate.log_probability);
  if (ends(grown)) {
    if (counts) line.done.push_back(grown.finished(true, options_));
    return false;
  }
  live.push_back(std::move(grown));
  rows_.push_back({first + row, token});
  return true;
}

/// Heed's own rules: who is among the best K and ends is put aside.
void Search::extend_beams(Line& line, const std::vector<Way>& ways, int64_t first,
                          std::vector<Growing>& live) {
  const auto K = options_.beam_size();
  for (int64_t rank = 0; rank < std::ssize(ways); ++rank) {
    const auto& way = ways[static_cast<size_t>(rank)];
    take(line, live, first, line.live[static_cast<size_t>(way.beam)], way.beam, way.candidate,
         rank < K);
    if (std::ssize(live) == K || (options_.early_stop() && ended(line) >= K)) break;
  }
  if (live.empty() && line.done.empty()) cut(line);
}

/// The rules of transformers: what ends among the best K is held against what ended before.
void Search::extend_as_transformers(Line& line, const std::vector<Way>& ways, int64_t first,
                                    std::vector<Growing>& live) {
  const auto K = options_.beam_size();
  const bool last = length_ + 1 >= line.limit;
  for (int64_t rank = 0; rank < std::ssize(ways); ++rank) {
    const auto& way = ways[static_cast<size_t>(rank)];
    const int64_t token = ensemble_.choices().token(way.candidate.choice);
    auto grown = line.live[static_cast<size_t>(way.beam)];
    add(line, grown, token, way.candidate.log_probability);
    const bool stops = ends(grown);
    if (stops || last) {
      if (rank < K) line.done.push_back(grown.finished(stops, options_));
    } else if (std::ssize(live) < K) {
      live.push_back(std::move(grown));
      rows_.push_back({first + way.beam, token});
    }
  }
  std::stable_sort(line.done.begin(), line.done.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  if (std::ssize(line.done) > K) line.done.resize(static_cast<size_t>(K));
  if (live.empty() && line.done.empty()) cut(line);
  close(line, live);
}

/// Whether no live sequence, the best of which stands first, can become one of the best K.
void Search::close(Line& line, const std::vector<Growing>& live) const {
  if (live.empty() || std::ssize(line.done) < options_.beam_size()) return;
  const auto n = length_ + 1 - std::ssize(line.prefix);
  line.closed =
      options_.early_stop() || penalised(live.front().total, n, options_) <= line.done.back().score;
}

/// Beam search: the best of all that is possible behind a line's live sequences.
void Search::extend(Line& line, const Possible& possible, int64_t first) {
  const auto K = options_.beam_size();
  std::vector<Way> ways;
  for (size_t beam = 0; beam < line.live.size(); ++beam)
    for (const auto& c : possible[static_cast<size_t>(first) + beam])
      ways.push_back({static_cast<int64_t>(beam), c, line.live[beam].total + c.log_probability});
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Way& a, const Way& b) { return a.total > b.total; });
  if (std::ssize(ways) > looked_at()) ways.resize(static_cast<size_t>(looked_at()));
  std::vector<Growing> live;
  const size_t rows_before = rows_.size();
  if (as_transformers() && K > 1)
    extend_as_transformers(line, ways, first, live);
  else
    extend_beams(line, ways, first, live);
  line.live = std::move(live);
  for (int64_t i = int64_t(line.live.size()); i < K && !line.live.empty(); ++i) {
    line.live.push_back({});
    line.live.back().dead = true;
    rows_.push_back(rows_[rows_before]);
  }
}

/// Who goes on takes its parent's row, the first of several, and the others those that nobody took:
/// what the states keep of a row that stays need not be copied.
void Search::settle(Line& line, size_t first_row, int64_t first_before) {
  const size_t n = line.live.size();
  std::vector<size_t> place(n, n);  // of each row, who comes there
  std::vector<size_t> homeless;
  for (size_t i = 0; i < n; ++i) {
    const auto home = static_cast<size_t>(rows_[first_row + i].parent - first_before);
    if (home < n && place[home] == n)
      place[home] = i;
    else
      homeless.push_back(i);
  }
  for (auto next = homeless.begin(); size_t & one : place)
    if (one == n) one = *next++;
  std::vector<Growing> live;
  std::vector<Row> rows;
  for (const size_t i : place)
    live.push_back(std::move(line.live[i])), rows.push_back(rows_[first_row + i]);
  line.live = std::move(live);
  std::copy(rows.begin(), rows.end(), rows_.begin() + static_cast<int64_t>(first_row));
}

void Search::draw(Line& line, const Possible& possible, int64_t first, int64_t width) {
  const auto old = std::move(line.live);
  line.live.clear();
  for (int64_t i = 0; i < width; ++i) {
    const auto parent = static_cast<int64_t>(old.size()) == 1 ? 0 : i;
    const auto& from = old[static_cast<size_t>(parent)];
    const auto& drawn = possible[static_cast<size_t>(first + parent)];
    const Candidate* one =
        drawn.empty() ? nullptr : &drawn[drawn.size() == 1 ? 0 : static_cast<size_t>(i)];
    if (one && one->choice >= 0 && take(line, line.live, first, from, parent, *one, true)) continue;
    if (one && one->choice < 0) line.done.push_back(from.finished(false, options_));
    line.live.push_back({});
    line.live.back().dead = true;
    rows_.push_back({first + parent, options_.begin()});
  }
}

bool Search::is_finished(const Line& line) const {
  if (line.closed) return true;
  double most = kNever;
  bool alive = false;
  for (const auto& one : line.live)
    if (!one.dead) most = std::max(most, one.total), alive = true;
  if (!alive) return true;
  if (options_.sample() || !is_free(line)) return false;
  if (as_transformers() && options_.beam_size() > 1) return false;
  if (options_.early_stop()) return ended(line) >= options_.beam_size();
  if (ended(line) < options_.num_hypotheses()) return false;
  std::vector<double> scores;
  for (const auto& one : line.done)
    if (one.ended) scores.push_back(one.score);
  std::sort(scores.rbegin(), scores.rend());
  return scores[static_cast<size_t>(options_.num_hypotheses() - 1)] >=
         penalised(most, line.limit - static_cast<int64_t>(line.prefix.size()), options_);
}

void Search::finish(Line& line) {
  if (!as_transformers() || options_.beam_size() == 1)
    std::stable_sort(line.done.begin(), line.done.end(), stands_before);
  if (static_cast<int64_t>(line.done.size()) > options_.num_hypotheses())
    line.done.resize(static_cast<size_t>(options_.num_hypotheses()));
  if (!tells_at_once() && options_.on_token() && !line.done.empty())
    for (const int64_t token : line.done[0].tokens) options_.on_token()(line.number, token);
  (*results_)[static_cast<size_t>(line.number)] = std::move(line.done);
}

/// Live sequences are hypotheses as they are.
void Search::cut(Line& line) {
  const bool parted = static_cast<int64_t>(line.live.size()) == wanted();
  for (int64_t i = 0; i < (parted || !options_.sample() ? 1 : wanted()); ++i)
    for (const auto& one : line.live)
      if (!one.dead) line.done.push_back(one.finished(false, options_));
  line.live.clear();
}

/// One more token for every line; false when none is left.
bool Search::choose(NextTokens next) {
  rows_.clear();
  const auto possible = candidates(next);
  const bool part =
      std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) { return is_free(line); });
  const int64_t width = part ? wanted() : width_;
  std::vector<Line> on;
  for (size_t b = 0; b < lines_.size(); ++b) {
    auto& line = lines_[b];
    const auto first = static_cast<int64_t>(b) * width_;
    const size_t rows_before = rows_.size();
    if (length_ >= line.limit) {
      cut(line);
    } else if (!is_free(line)) {
      force(line, next, first, width);
    } else if (options_.sample()) {
      draw(line, possible, first, width);
    } else {
      extend(line, possible, first);
    }
    if (length_ + 1 >= line.limit) cut(line);
    if (is_finished(line)) {
      rows_.resize(rows_before);
      finish(line);
    } else {
      settle(line, rows_before, first);
      on.push_back(std::move(line));
    }
  }
  lines_ = std::move(on);
  width_ = width, ++length_;
  return !lines_.empty();
}

void Search::begin(bool read, std::vector<std::vector<Hypothesis>>& results) {
  results_ = &results;
  auto& line = lines_.front();
  rows_ = {{0, options_.begin()}};
  if (!read) return;
  for (const int64_t token : line.prefix) line.live.front().add(token, 0, true);
  length_ = std::ssize(line.prefix);
  if (length_ > 0) rows_.front().token = line.prefix.back();
}

bool Search::advance(at::Tensor logits) {
  return choose(ensemble_.next_of_logits(
      std::move(logits), 0, [&](int64_t row) { return seen(row); },
      [&](int64_t row) { return name(row); }));
}

void Search::run(const SourceBatch& source, std::vector<std::vector<Hypothesis>>& results) {
  results_ = &results;
  states_ = ensemble_.start(source, static_cast<int64_t>(lines_.size()));
  auto after = read_prefixes();
  while (choose(std::move(after))) {
    std::vector<int64_t> parents, tokens;
    for (const auto& row : rows_) parents.push_back(row.parent), tokens.push_back(row.token);
    Ensemble::reorder(states_, parents);
    after = next(ensemble_.step(states_, torch::tensor(tokens, at::kLong).unsqueeze(1)), 0);
  }
}

}  // namespace heed::models
