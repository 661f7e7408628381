#include "models/choosing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/log_sum_exp.h"

namespace heed::models {
namespace {

bool better(const Candidate& a, const Candidate& b) {
  if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
  return a.choice < b.choice;
}

bool ends_with(const std::vector<int64_t>& tokens, const int64_t* first, size_t count) {
  return tokens.size() >= count && std::equal(tokens.end() - count, tokens.end(), first);
}

/// Below what `count` numbers certainly reach: that many blocks have one.
template <class T>
T below_the_best(std::span<const T> blocks, int64_t count) {
  const T least = -std::numeric_limits<T>::infinity();
  if (count < 1 || static_cast<int64_t>(blocks.size()) < count) return least;
  std::vector<T> best(static_cast<size_t>(count));
  std::partial_sort_copy(blocks.begin(), blocks.end(), best.begin(), best.end(), std::greater<T>());
  return std::nextafter(best.back(), least);
}

/// `blocks`: the largest of each kNeighbours numbers.
template <class T>
std::vector<Candidate> scan(std::span<const T> x, std::span<const T> blocks, double shift,
                            int64_t count) {
  std::vector<Candidate> heap;  // the worst in front
  T worst = below_the_best(blocks, count);
  const auto see = [&](size_t j) {
    if (!(x[j] > worst)) return;  // an equal one stands behind those before it
    heap.push_back({static_cast<int64_t>(j), static_cast<double>(x[j]) - shift});
    std::push_heap(heap.begin(), heap.end(), better);
    if (static_cast<int64_t>(heap.size()) > count) {
      std::pop_heap(heap.begin(), heap.end(), better);
      heap.pop_back();
    }
    if (static_cast<int64_t>(heap.size()) == count)
      worst = x[static_cast<size_t>(heap.front().choice)];
  };
  constexpr size_t n = kernels::kNeighbours;
  for (size_t block = 0; block < blocks.size(); ++block) {
    if (!(blocks[block] > worst)) continue;
    for (size_t j = block * n; j < std::min(x.size(), (block + 1) * n); ++j) see(j);
  }
  std::sort(heap.begin(), heap.end(), better);
  return heap;
}

/// Uniform in [0, 1), 53 bits.
double uniform(Random& random) {
  const uint64_t high = random.bits() >> 5, low = random.bits() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

/// Weights of the candidates at a temperature, the first one's 1.
std::vector<double> weights_of(const std::vector<Candidate>& candidates, double temperature) {
  std::vector<double> weights;
  for (const auto& c : candidates)
    weights.push_back(std::exp((c.log_probability - candidates[0].log_probability) / temperature));
  return weights;
}

/// How many of the first have the probability p together; all where p is 1.
size_t nucleus(const std::vector<double>& weights, double p) {
  double all = 0, some = 0;
  for (const double w : weights) all += w;
  if (p >= 1) return weights.size();
  size_t count = 0;
  while (count < weights.size() && some < p * all) some += weights[count++];
  return std::max<size_t>(count, 1);
}

}  // namespace

void Growing::add(int64_t token, double log_probability, bool is_forced) {
  tokens.push_back(token);
  log_probabilities.push_back(log_probability);
  (is_forced ? given : total) += log_probability;
  forced += is_forced;
}

Hypothesis Growing::finished(bool ended, const GenerateOptions& options) const {
  Hypothesis result{.tokens = tokens,
                    .score = 0,
                    .log_probability = given + total,
                    .log_probabilities = log_probabilities,
                    .seconds = seconds,
                    .ended = ended};
  if (ended && options.is_end(tokens.back())) result.tokens.pop_back();
  result.score = penalised(total, static_cast<int64_t>(tokens.size()) - forced, options);
  return result;
}

void forbid(NextTokens& next, int64_t row, const std::vector<int64_t>& tokens, const Limits& limits,
            const Choices& choices, const GenerateOptions& options) {
  const auto never = [&](int64_t token) {
    const int64_t choice = token < 0 ? -1 : choices.of(token);
    if (choice >= 0) next.forbid(row, choice);
  };
  const bool own = options.rules() == GenerateRules::own;
  const auto count = std::ssize(tokens);
  if (own && options.end() >= 0 && options.begin() != options.end()) never(options.begin());
  if (count < limits.least) {
    never(options.end());
    for (const int64_t token : options.more_ends()) never(token);
  }
  auto seen = tokens;
  if (!own) seen.insert(seen.begin(), options.begin());
  for (const auto& sequence : options.suppressed_sequences())
    if (ends_with(seen, sequence.data(), sequence.size() - 1)) never(sequence.back());
  const auto n = static_cast<size_t>(options.no_repeat_ngram());
  for (size_t i = 0; n > 0 && i + n <= seen.size(); ++i)
    if (ends_with(seen, seen.data() + i, n - 1)) never(seen[i + n - 1]);
  if (tokens.empty() && options.first() >= 0) next.force(row, {choices.of(options.first())});
  if (!options.last().empty() && count + 1 == limits.most) {
    std::vector<int64_t> last;
    for (const int64_t token : options.last()) last.push_back(choices.of(token));
    next.force(row, last);
  }
  for (const int64_t token : options.suppressed()) never(token);
  // A token that is forced to be the first has its place before what is written first.
  if (count == std::max<int64_t>(limits.given, options.first() >= 0 ? 1 : 0))
    for (const int64_t token : options.first_suppressed()) never(token);
}

std::vector<Candidate> likeliest(const NextTokens& next, int64_t row, int64_t count) {
  const double shift = next.shift[static_cast<size_t>(row)];
  const auto of = [&](auto type) {
    using T = decltype(type);
    const auto numbers = [&](const at::Tensor& t) {
      return std::span<const T>(t.data_ptr<T>() + row * t.size(1), static_cast<size_t>(t.size(1)));
    };
    return scan(numbers(next.values), numbers(next.largest), shift, count);
  };
  return next.values.scalar_type() == at::kDouble ? of(double()) : of(float());
}

Candidate drawn(const NextTokens& next, int64_t row, const GenerateOptions& options,
                Random& random) {
  const int64_t all = next.choices();
  auto candidates = likeliest(next, row, options.top_k() ? std::min(options.top_k(), all) : all);
  if (candidates.empty()) return {-1, kNever};
  auto weights = weights_of(candidates, options.temperature());
  weights.resize(nucleus(weights, options.top_p()));
  double sum = 0, passed = 0;
  for (const double w : weights) sum += w;
  const double point = uniform(random) * sum;
  for (size_t i = 0; i < weights.size(); ++i)
    if ((passed += weights[i]) > point) return candidates[i];
  return candidates[weights.size() - 1];
}

}  // namespace heed::models
