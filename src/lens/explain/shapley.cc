// Shapley's and Owen's values: the mean over orders of what a part adds to those before it.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "lens/explain/methods.h"
#include "lens/explain/units.h"

namespace heed::lens {
namespace {

using Order = std::vector<int64_t>;

/// Orders in which the parts of one union stand together: unions in a drawn order, parts in one each.
class Orders {
 public:
  Orders(std::vector<int64_t> union_of, uint64_t seed) : seed_(seed) {
    for (size_t part = 0; part < union_of.size(); ++part) {
      const auto number = static_cast<size_t>(union_of[part]);
      if (unions_.size() <= number) unions_.resize(number + 1);
      unions_[number].push_back(static_cast<int64_t>(part));
    }
    std::erase_if(unions_, [](const Order& parts) { return parts.empty(); });
  }

  Order draw(int64_t number) const {
    Random random(seed_, static_cast<uint32_t>(number));
    auto unions = unions_;
    shuffle(unions, random);
    Order all;
    for (auto& parts : unions) {
      shuffle(parts, random);
      all.insert(all.end(), parts.begin(), parts.end());
    }
    return all;
  }

 private:
  template <class Items>
  static void shuffle(Items& items, Random& random) {
    for (size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[random.below(static_cast<uint32_t>(i))]);
  }

  std::vector<Order> unions_;
  uint64_t seed_;
};

/// Asks about sets of parts, each of them once at most where they are few.
class Game {
 public:
  Game(const Reader& reader, std::vector<int64_t> groups)
      : reader_(reader), groups_(std::move(groups)) {
    parts_ = groups_.empty() ? 0 : *std::max_element(groups_.begin(), groups_.end()) + 1;
  }
  int64_t parts() const { return parts_; }

  /// Values of sets, each of which says which parts are there: (N, parts) -> (N) float64.
  at::Tensor values(const at::Tensor& sets) const {
    const auto number = at::tensor(groups_, at::kLong);
    const auto padded = at::cat({sets, at::ones({sets.size(0), 1}, at::kDouble)}, 1);
    return reader_.answers(padded.index_select(1, at::where(number < 0, parts_, number))).value;
  }

 private:
  const Reader& reader_;
  std::vector<int64_t> groups_;
  int64_t parts_;
};

/// What each part adds in an order: (orders, parts).
at::Tensor added(const Game& game, const std::vector<Order>& orders, double empty, double whole) {
  const int64_t P = game.parts();
  std::vector<at::Tensor> sets;
  for (const auto& order : orders) {
    auto steps = at::zeros({P - 1, P}, at::kDouble);
    for (int64_t i = 0; i + 1 < P; ++i)
      steps.narrow(0, i, P - 1 - i).select(1, order[static_cast<size_t>(i)]).fill_(1);
    sets.push_back(steps);
  }
  const auto values = game.values(at::cat(sets)).view({std::ssize(orders), P - 1});
  const auto column = at::ones({std::ssize(orders), 1}, at::kDouble);
  const auto along = at::cat({column * empty, values, column * whole}, 1);
  const auto steps = along.narrow(1, 1, P) - along.narrow(1, 0, P);
  auto by_part = at::empty_like(steps);
  for (int64_t o = 0; o < std::ssize(orders); ++o)
    by_part[o].index_copy_(0, at::tensor(orders[static_cast<size_t>(o)], at::kLong), steps[o]);
  return by_part;
}

/// All sets of the parts, weighted: exact.
at::Tensor exact_values(const Game& game) {
  const int64_t P = game.parts(), count = int64_t{1} << P;
  auto sets = at::zeros({count, P}, at::kDouble);
  for (int64_t p = 0; p < P; ++p)
    sets.select(1, p).copy_(at::arange(count, at::kLong).__rshift__(p).bitwise_and(1));
  const auto values = game.values(sets);
  const auto* v = values.data_ptr<double>();
  auto result = at::zeros({P}, at::kDouble);
  std::vector<double> weight(static_cast<size_t>(P));  // of sets of so many other parts
  for (int64_t s = 0; s < P; ++s)
    weight[static_cast<size_t>(s)] = std::exp(
        std::lgamma(double(s + 1)) + std::lgamma(double(P - s)) - std::lgamma(double(P + 1)));
  for (int64_t p = 0; p < P; ++p) {
    double sum = 0;
    for (int64_t set = 0; set < count; ++set)
      if (!(set >> p & 1))
        sum += weight[static_cast<size_t>(__builtin_popcountll(static_cast<uint64_t>(set)))] *
               (v[set | (int64_t{1} << p)] - v[set]);
    result[p] = sum;
  }
  return result;
}

struct Found {
  at::Tensor values, errors;  ///< (parts)
};

/// Each order and its reverse, which are one draw of two (Mitchell et al. 2022, antithetic sampling).
Found drawn_values(const Game& game, const Orders& orders, int64_t budget, double empty,
                   double whole) {
  const int64_t P = game.parts(), pairs = std::max<int64_t>(2, (budget - 2) / (2 * (P - 1)));
  auto sum = at::zeros({P}, at::kDouble), squares = sum.clone();
  constexpr int64_t kPairsTogether = 8;
  for (int64_t first = 0; first < pairs; first += kPairsTogether) {
    std::vector<Order> both;
    for (int64_t i = first; i < std::min(first + kPairsTogether, pairs); ++i) {
      both.push_back(orders.draw(i));
      both.emplace_back(both.back().rbegin(), both.back().rend());
    }
    const auto means = added(game, both, empty, whole).view({-1, 2, P}).mean(1);
    sum += means.sum(0), squares += means.square().sum(0);
  }
  const auto n = static_cast<double>(pairs);
  const auto mean = sum / n;
  const auto variance = ((squares / n - mean.square()) * n / (n - 1)).clamp_min(0);
  return {mean, (variance / n).sqrt()};
}

/// Of parts the union that each lies in.
std::vector<int64_t> unions_of(const Reader& reader, const std::vector<int64_t>& groups,
                               const ExplainOptions& options, int64_t parts) {
  std::vector<int64_t> all(static_cast<size_t>(parts));
  if (options.method == Method::shapley) return all;
  const auto sentences = groups_of(reader, Unit::sentence);
  for (size_t i = 0; i < groups.size(); ++i)
    if (groups[i] >= 0) all[static_cast<size_t>(groups[i])] = std::max<int64_t>(0, sentences[i]);
  return all;
}

}  // namespace

void shapley(const Reader& reader, const ExplainOptions& options, Attribution& result) {
  const auto groups = groups_of(reader, options.unit);
  const Game game(reader, groups);
  const int64_t P = game.parts();
  if (P < 2)
    throw UsageError(
        text_of("explain: expected at least 2 parts that can be taken out, found ", P));
  const int64_t least = 2 + 4 * (P - 1);
  if (options.budget < least)
    throw UsageError(text_of("--budget: two orders of ", P, " parts and their reverses ask about ",
                             least, " inputs; give that or more, or a larger --unit; given ",
                             options.budget));
  const auto ends =
      game.values(at::stack({at::ones({P}, at::kDouble), at::zeros({P}, at::kDouble)}));
  const double whole = ends[0].item<double>(), empty = ends[1].item<double>();
  Found found;
  if (options.method == Method::shapley && P < 24 && (int64_t{1} << P) <= options.budget)
    found.values = exact_values(game), found.errors = at::zeros({P}, at::kDouble);
  else
    found = drawn_values(game, Orders(unions_of(reader, groups, options, P), options.seed),
                         options.budget, empty, whole);
  const auto part = at::tensor(groups, at::kLong);
  const auto at = at::where(part < 0, P, part);  // special tokens behind the parts
  const auto of_tokens = [&](const at::Tensor& of_parts) {
    const auto counts =
        at::zeros({P + 1}, at::kDouble).index_add_(0, at, at::ones({reader.size()}, at::kDouble));
    const auto each = at::cat({of_parts, at::zeros({1}, at::kDouble)}) / counts.clamp_min(1);
    return each.index_select(0, at);
  };
  result.values = of_tokens(found.values), result.errors = of_tokens(found.errors);
  result.group_of = groups;
  complete(whole, empty, result);
}

}  // namespace heed::lens
