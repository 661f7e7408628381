#include "heed/models/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text.h"
#include "models/search.h"

namespace heed {
namespace {

using models::Ensemble, models::Search, models::Sources;

using Lines = std::vector<std::vector<int64_t>>;

template <class... Pieces>
[[noreturn]] void refuse_generate(const Pieces&... pieces) {
  throw UsageError(text_of("generate: ", pieces...));
}

void check_models(const std::vector<SequenceModelPtr>& models) {
  if (models.empty()) refuse_generate("models: expected at least one, given none");
  for (const auto& model : models) {
    const auto& first = *models.front();
    if (!model) refuse_generate("models: expected models, given a null pointer");
    if (model->is_training())
      refuse_generate("models: expected them in eval(), given one in train()");
    if (model->vocabulary() != first.vocabulary() ||
        model->source_vocabulary() != first.source_vocabulary())
      refuse_generate("models: expected the vocabularies of the first, ", first.source_vocabulary(),
                      " and ", first.vocabulary(), " tokens, given ", model->source_vocabulary(),
                      " and ", model->vocabulary());
  }
}

void check_token(int64_t token, int64_t vocabulary, const char* name) {
  if (token < 0 || token >= vocabulary)
    refuse_generate(name, ": expected tokens 0 to ", vocabulary - 1, ", given ", token);
}

void check_tokens(const GenerateOptions& options, int64_t vocabulary) {
  check_token(options.begin(), vocabulary, "begin");
  if (options.end() != -1) check_token(options.end(), vocabulary, "end");
  for (const int64_t token : options.more_ends()) check_token(token, vocabulary, "more_ends");
  for (const int64_t token : options.suppressed()) check_token(token, vocabulary, "suppressed");
  for (const int64_t token : options.first_suppressed())
    check_token(token, vocabulary, "first_suppressed");
  if (options.first() != -1) check_token(options.first(), vocabulary, "first");
  for (const int64_t token : options.last()) check_token(token, vocabulary, "last");
  for (const auto& sequence : options.suppressed_sequences()) {
    if (sequence.empty()) refuse_generate("suppressed_sequences: expected tokens, given none");
    for (const int64_t token : sequence) check_token(token, vocabulary, "suppressed_sequences");
  }
  for (const auto& prefix : options.prefixes())
    for (const int64_t token : prefix) check_token(token, vocabulary, "prefixes");
}

void check_options(GenerateOptions options) {
  options.fields(BoundsCheck([](const char* field, const Bounds& bounds, const auto& value) {
    refuse_generate(field, ": expected ", bounds.text(), ", given ", value);
  }));
  try {
    options.check();
  } catch (const UsageError& error) {
    refuse_generate(error.what());
  }
}

/// How many lines there are.
int64_t check_lines(const Ensemble& ensemble, const Sources& source, const Lines& prefixes) {
  if (!ensemble.has_encoder()) {
    if (!source.empty()) refuse_generate("source: expected none, as there is no encoder");
    return static_cast<int64_t>(prefixes.size());
  }
  if (!prefixes.empty() && std::ssize(prefixes) != source.size())
    refuse_generate("prefixes: expected none or ", source.size(), ", one per line, given ",
                    prefixes.size());
  return source.size();
}

/// Lines of like length beside each other, long ones first, cut into batches.
Lines batches_of(int64_t count, const std::vector<int64_t>& lengths, int64_t size) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (!lengths.empty())
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
    });
  Lines batches;
  for (int64_t first = 0; first < count; first += size)
    batches.emplace_back(order.begin() + first, order.begin() + std::min(first + size, count));
  return batches;
}

at::Tensor targets_of(const Lines& target, const std::vector<int64_t>& lines, int64_t begin) {
  size_t longest = 0;
  for (const int64_t line : lines)
    longest = std::max(longest, target[static_cast<size_t>(line)].size());
  const auto width = static_cast<int64_t>(longest) + 1;
  auto tokens = torch::full({static_cast<int64_t>(lines.size()), width}, begin, at::kLong);
  for (size_t b = 0; b < lines.size(); ++b) {
    const auto& line = target[static_cast<size_t>(lines[b])];
    std::copy(line.begin(), line.end(),
              tokens.data_ptr<int64_t>() + static_cast<int64_t>(b) * width + 1);
  }
  return tokens;
}

void score_batch(const Ensemble& ensemble, const Sources& source, const Lines& target,
                 const std::vector<int64_t>& lines, const GenerateOptions& options,
                 std::vector<std::vector<double>>& results) {
  const auto tokens = targets_of(target, lines, options.begin());
  auto states = ensemble.start(source.batch(lines), static_cast<int64_t>(lines.size()));
  for (int64_t first = 0; first < tokens.size(1); first += models::kPiece) {
    const int64_t piece = std::min(models::kPiece, tokens.size(1) - first);
    const auto hidden = ensemble.step(states, tokens.narrow(1, first, piece));
    for (int64_t place = 0; place < piece; ++place) {
      const auto next = ensemble.next(
          hidden, place, [](int64_t) { return std::span<const int64_t>(); },
          [&](int64_t row) {
            return text_of("line ", lines[static_cast<size_t>(row)] + 1, ", token ",
                           first + place + 1);
          });
      for (size_t b = 0; b < lines.size(); ++b) {
        const auto line = static_cast<size_t>(lines[b]);
        const auto at = static_cast<size_t>(first + place), n = target[line].size();
        if (at > n || (at == n && options.end() < 0)) continue;
        const int64_t token = at == n ? options.end() : target[line][at];
        results[line].push_back(next.log_probability(static_cast<int64_t>(b), token));
      }
    }
  }
}

}  // namespace

namespace models {

void check_writing(const std::vector<SequenceModelPtr>& models, const GenerateOptions& options) {
  check_options(options);
  check_models(models);
  check_tokens(options, models.front()->vocabulary());
}

Line line_of(int64_t number, const std::vector<int64_t>& read, const GenerateOptions& options,
             int64_t longest) {
  Line line;
  line.number = number;
  const auto i = static_cast<size_t>(number);
  if (!options.prefixes().empty()) line.prefix = options.prefixes()[i];
  const auto forced = static_cast<int64_t>(line.prefix.size());
  const auto reads = read.empty() ? 0.0 : static_cast<double>(read[i]);
  line.limit = options.max_new() > 0 ? forced + options.max_new() : options.max_length();
  if (options.max_ratio() > 0 && !read.empty())
    line.limit =
        std::min<int64_t>(line.limit, std::max(1.0, std::ceil(options.max_ratio() * reads)));
  if (longest > 0) line.limit = std::min(line.limit, longest);
  if (longest > 0 && forced >= longest)
    refuse_generate("prefixes: expected less than ", longest,
                    " tokens, the longest target of the model, given ", forced, " in line ",
                    options.first_line() + number + 1);
  line.limit = std::max(line.limit, forced);
  line.least =
      std::max(options.min_length(), static_cast<int64_t>(std::ceil(options.min_ratio() * reads)));
  if (options.min_new() > 0) line.least = std::max(line.least, forced + options.min_new());
  for (int64_t draw = 0; options.sample() && draw < options.num_hypotheses(); ++draw)
    line.random.emplace_back(static_cast<uint64_t>(options.seed()),
                             static_cast<uint32_t>(options.first_line() + number),
                             static_cast<uint32_t>(draw));
  return line;
}

}  // namespace models

void GenerateOptions::check() const {
  const auto refuse = [](const auto&... pieces) { throw UsageError(text_of(pieces...)); };
  if (!sample() && num_hypotheses() > beam_size())
    refuse("num_hypotheses: expected at most beam_size = ", beam_size(), ", given ",
           num_hypotheses());
  if (sample() && beam_size() != 1)
    refuse("beam_size: expected 1 with sample, given ", beam_size());
  const auto of_drawing = [&](const char* name, auto given, auto without) {
    if (!sample() && given != without)
      refuse(name, " says how tokens are drawn, and sample = false draws none: expected ", without,
             " (or sample = true), given ", given);
  };
  of_drawing("temperature", temperature(), 1.0);
  of_drawing("top_k", top_k(), int64_t{0});
  of_drawing("top_p", top_p(), 1.0);
  if (max_new() == 0 && min_length() > max_length())
    refuse("min_length: expected at most max_length = ", max_length(), ", given ", min_length());
  if (max_ratio() > 0 && min_ratio() > max_ratio())
    refuse("min_ratio: expected at most max_ratio = ", max_ratio(), ", given ", min_ratio());
  for (const auto& text : stop())
    if (text.empty()) refuse("stop: expected texts behind which writing ends, given an empty one");
  if (max_new() > 0 && min_new() > max_new())
    refuse("min_new: expected at most max_new = ", max_new(), ", given ", min_new());
}

bool GenerateOptions::is_end(int64_t token) const {
  if (token == end()) return true;
  return std::find(more_ends().begin(), more_ends().end(), token) != more_ends().end();
}

double penalised(double log_probability, int64_t n, const GenerateOptions& options) {
  if (options.length_penalty() == 0 || n == 0) return log_probability;
  const auto length = static_cast<double>(n);
  const double base =
      options.length_penalty_type() == LengthPenaltyType::wu ? (5 + length) / 6 : length;
  return log_probability / std::pow(base, options.length_penalty());
}

namespace {

std::vector<std::vector<Hypothesis>> generate_all(const std::vector<SequenceModelPtr>& models,
                                                  const Sources& source,
                                                  const GenerateOptions& given) {
  const auto began = models::Clock::now();
  const torch::NoGradGuard no_gradient;
  auto options = given;
  // One beam of transformers is greedy search, which has no stopping of its own.
  if (options.rules() == GenerateRules::transformers && options.beam_size() == 1)
    options.early_stop(true);
  models::check_writing(models, options);
  const Ensemble ensemble(models, options);
  const int64_t count = check_lines(ensemble, source, options.prefixes());
  std::vector<std::vector<Hypothesis>> results(static_cast<size_t>(count));
  const auto read = source.lengths();
  const auto lengths = source.empty() ? Sources{options.prefixes()}.lengths() : read;
  for (const auto& numbers : batches_of(count, lengths, options.batch())) {
    std::vector<models::Line> lines;
    for (const int64_t number : numbers)
      lines.push_back(models::line_of(number, read, options, ensemble.max_positions()));
    Search(ensemble, options, std::move(lines), began).run(source.batch(numbers), results);
  }
  return results;
}

std::vector<std::vector<double>> score_all(const std::vector<SequenceModelPtr>& models,
                                           const Sources& source, const Lines& target,
                                           const GenerateOptions& given) {
  const torch::NoGradGuard no_gradient;
  const auto options =
      GenerateOptions().begin(given.begin()).end(given.end()).batch(given.batch()).prefixes(target);
  models::check_writing(models, options);
  const Ensemble ensemble(models, options);
  const int64_t count = check_lines(ensemble, source, target);
  if (static_cast<int64_t>(target.size()) != count)
    refuse_generate("target: expected ", count, " lines, those of the source, given ",
                    target.size());
  std::vector<std::vector<double>> results(static_cast<size_t>(count));
  for (const auto& lines : batches_of(count, Sources{target}.lengths(), options.batch()))
    score_batch(ensemble, source, target, lines, options, results);
  return results;
}

/// Of tensors that fit each other; which they must be is said where a model starts.
Sources given_states(const SourceBatch& source) {
  if (!source.states.defined() || !source.lengths.defined() || source.states.dim() != 3 ||
      source.lengths.dim() != 1 || source.states.size(0) != source.lengths.size(0))
    refuse_generate("source: expected states (B, Ls, M) and lengths (B) of an encoder");
  return {.given = source};
}

}  // namespace

std::vector<std::vector<Hypothesis>> generate(const std::vector<SequenceModelPtr>& models,
                                              const Lines& source, const GenerateOptions& options) {
  return generate_all(models, {.tokens = source}, options);
}

std::vector<std::vector<Hypothesis>> generate_from_states(
    const std::vector<SequenceModelPtr>& models, const SourceBatch& source,
    const GenerateOptions& options) {
  return generate_all(models, given_states(source), options);
}

std::vector<std::vector<double>> score(const std::vector<SequenceModelPtr>& models,
                                       const Lines& source, const Lines& target,
                                       const GenerateOptions& options) {
  return score_all(models, {.tokens = source}, target, options);
}

std::vector<std::vector<double>> score_from_states(const std::vector<SequenceModelPtr>& models,
                                                   const SourceBatch& source, const Lines& target,
                                                   const GenerateOptions& options) {
  return score_all(models, given_states(source), target, options);
}

}  // namespace heed
