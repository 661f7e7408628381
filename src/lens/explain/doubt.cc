#include "heed/lens/doubt.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/lens/heat.h"
#include "heed/metrics/correlation.h"
#include "lens/explain/reader.h"
#include "lens/explain/shuffled.h"
#include "lens/explain/units.h"

namespace heed::lens {
namespace {

constexpr double kFractions[] = {0.05, 0.1, 0.2, 0.5};
constexpr double kLevel = 0.05, kMostShuffled = 0.7, kMostGap = 0.05, kLeastEffect = 0.05;
constexpr double Faithfulness::*kTests[] = {
    &Faithfulness::comprehensiveness, &Faithfulness::sufficiency,
    &Faithfulness::soft_comprehensiveness, &Faithfulness::soft_sufficiency};
constexpr const char* kTestNames[] = {"comprehensiveness", "sufficiency", "soft comprehensiveness",
                                      "soft sufficiency"};
const double kNothing = std::numeric_limits<double>::quiet_NaN();

/// The parts of an example, taken out in orders.
class Removal {
 public:
  Removal(const Reader& reader, const DoubtOptions& options)
      : reader_(reader), options_(options), groups_(groups_of(reader, Unit::word)) {
    parts_ = groups_.empty() ? 0 : *std::max_element(groups_.begin(), groups_.end()) + 1;
    const auto part = at::tensor(groups_, at::kLong);
    at_ = at::where(part < 0, parts_, part);
    const auto ends = reader_.answers(
        of_tokens(at::stack({at::ones({parts_}, at::kDouble), at::zeros({parts_}, at::kDouble)})));
    whole = ends.share[0].item<double>(), empty = ends.share[1].item<double>();
  }

  int64_t parts() const { return parts_; }

  /// Parts by the sum of their tokens' numbers, largest first; equal ones in the text's order.
  std::vector<int64_t> order_by(const at::Tensor& values) const {
    const auto sums = at::zeros({parts_ + 1}, at::kDouble).index_add_(0, at_, values);
    std::vector<int64_t> order(static_cast<size_t>(parts_));
    std::iota(order.begin(), order.end(), int64_t{0});
    const auto* sum = sums.data_ptr<double>();
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return sum[a] > sum[b]; });
    return order;
  }

  /// Of an order by numbers of two signs, or of sizes alone. What speaks for the answer raises it, whatever the whole input does
  /// to it beside the empty one; what is only large moves it the way that the whole input does.
  Faithfulness of(const std::vector<int64_t>& order, bool is_signed) const {
    std::vector<at::Tensor> sets;
    for (const double fraction : kFractions) {
      const auto k = std::max<int64_t>(1, std::llround(fraction * double(parts_)));
      auto first = at::zeros({parts_}, at::kDouble);
      for (int64_t i = 0; i < k; ++i) first[order[static_cast<size_t>(i)]] = 1;
      sets.push_back(1 - first), sets.push_back(first);
    }
    const auto p = reader_.answers(of_tokens(at::stack(sets))).share.view({-1, 2}).mean(0);
    auto rank = at::empty({parts_}, at::kDouble);  // 1 of the first, 0 of the last
    for (int64_t i = 0; i < parts_; ++i)
      rank[order[static_cast<size_t>(i)]] = 1 - double(i) / double(parts_ - 1);
    const auto soft = at::stack({1 - rank, rank}).repeat({options_.draws, 1});
    const auto q =
        reader_.drawn_answers(of_tokens(soft), options_.seed).share.view({-1, 2}).mean(0);
    const double effect = is_signed ? std::abs(whole - empty) : whole - empty;
    return {(whole - p[0].item<double>()) / effect, (p[1].item<double>() - empty) / effect,
            (whole - q[0].item<double>()) / effect, (q[1].item<double>() - empty) / effect};
  }

  double whole = 0, empty = 0;

 private:
  /// (N, parts) -> (N, tokens); special tokens stay.
  at::Tensor of_tokens(const at::Tensor& sets) const {
    return at::cat({sets, at::ones({sets.size(0), 1}, at::kDouble)}, 1).index_select(1, at_);
  }

  const Reader& reader_;
  const DoubtOptions& options_;
  std::vector<int64_t> groups_;
  int64_t parts_ = 0;
  at::Tensor at_;
};

std::vector<int64_t> drawn_order(int64_t parts, uint64_t seed, int64_t number) {
  std::vector<int64_t> order(static_cast<size_t>(parts));
  std::iota(order.begin(), order.end(), int64_t{0});
  Random random(seed, static_cast<uint32_t>(number), 1);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<uint32_t>(i))]);
  return order;
}

void compare_with_random(const Removal& removal, const DoubtOptions& options, bool is_signed,
                         Doubt& result) {
  for (int64_t i = 0; i < options.orders; ++i) {
    const auto random = removal.of(drawn_order(removal.parts(), options.seed, i), is_signed);
    for (const auto test : kTests) {
      result.random.*test += random.*test / double(options.orders);
      result.p_value.*test += random.*test >= result.own.*test - 1e-9 ? 1 : 0;
    }
  }
  for (const auto test : kTests)
    result.p_value.*test = (1 + result.p_value.*test) / double(1 + options.orders);
}

std::vector<double> numbers_of(const at::Tensor& values, const std::vector<TokenPlace>& tokens) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < values.numel(); ++i)
    if (!tokens[static_cast<size_t>(i)].special) numbers.push_back(values[i].item<double>());
  return numbers;
}

double likeness_to_shuffled(const Question& question, const ExplainOptions& explained,
                            const Attribution& attribution, uint64_t seed) {
  const Shuffled shuffled(*question.model, seed);
  try {
    const auto other = explain(question, explained);
    return spearman(numbers_of(attribution.values, attribution.tokens),
                    numbers_of(other.values, attribution.tokens));
  } catch (const Error&) {  // the shuffled model's numbers overflow, or nothing moves it
    return kNothing;
  }
}

Faithfulness of_weights(const Question& question, const Removal& removal) {
  try {
    return removal.of(removal.order_by(explain(question, {.method = Method::raw}).values), false);
  } catch (const UsageError&) {  // there are none that could be followed
    return {kNothing, kNothing, kNothing, kNothing};
  }
}

/// How many orders of n parts the tests can tell apart: those that take out other parts first.
double distinct_orders(int64_t parts) {
  double count = std::lgamma(double(parts) + 1);
  int64_t taken = 0;
  for (const double fraction : kFractions) {
    const auto k = std::max<int64_t>(1, std::llround(fraction * double(parts)));
    count -= std::lgamma(double(k - taken) + 1), taken = k;
  }
  return std::exp(count - std::lgamma(double(parts - taken) + 1));
}

/// Why no order could be told from chance; empty: it could.
std::string untested_reason(const Doubt& result, int64_t orders) {
  if (result.parts < 2 || 1 / distinct_orders(result.parts) + 1 / double(orders + 1) > kLevel)
    return text_of(result.parts, result.parts == 1 ? " part is" : " parts are",
                   " too few to tell an order from chance");
  const double larger = std::max(std::abs(result.whole), std::abs(result.empty));
  if (std::abs(result.whole - result.empty) >= kLeastEffect * larger) return "";
  return text_of(result.share, " is ", number(result.whole), " with the input and ",
                 number(result.empty), " without it, so that no test of it says anything");
}

/// A correlation of so many numbers that chance has in 5 of 100 cases is none.
double most_likeness(int64_t numbers) {
  return std::max(kMostShuffled, 1.645 / std::sqrt(std::max<double>(1, double(numbers - 1))));
}

void judge(Doubt& result, int64_t numbers) {
  auto& failures = result.failures;
  for (size_t i = 0; i < 2; ++i) {  // the soft ones are reported
    const auto test = kTests[i];
    if (result.p_value.*test > kLevel)
      failures.push_back(text_of(kTestNames[i], " ", number(result.own.*test),
                                 " is no better than chance: random orders have ",
                                 number(result.random.*test), ", and ",
                                 number(100 * result.p_value.*test), " % of them do as well"));
  }
  if (result.shuffled >= most_likeness(numbers))
    failures.push_back(text_of("it says nearly the same (correlation ", number(result.shuffled),
                               ") of a model whose weights were shuffled"));
  if (result.gap > kMostGap)
    failures.push_back(text_of("its numbers miss what they should add up to by ",
                               number(100 * result.gap),
                               " %; --baseline mean or more --steps may mend that"));
}

void conclude(Doubt& result) {
  if (!result.failures.empty()) {
    result.verdict = "FAILS: ";
    for (size_t i = 0; i < result.failures.size(); ++i)
      result.verdict.append(i ? "; " : "").append(result.failures[i]);
  } else if (!result.untested.empty()) {
    result.verdict = "NOT TESTED: " + result.untested;
  } else {
    result.verdict =
        "passes: taking out what it names changes the answer more than chance, what it names alone "
        "keeps it, and it depends on what the model learned";
  }
}

}  // namespace

Doubt doubt(const Question& question, const ExplainOptions& explained,
            const Attribution& attribution, const DoubtOptions& options) {
  if (options.orders < 19 || options.orders > 1000)
    throw UsageError(text_of(
        "--orders: expected 19 to 1000 (fewer than 19 could not show a chance of 5 %), given ",
        options.orders));
  const Reader reader(question, explained.baseline);
  const Removal removal(reader, options);
  Doubt result;
  result.share = question.share.empty() ? question.aim : question.share;
  result.whole = removal.whole, result.empty = removal.empty;
  result.parts = removal.parts(), result.gap = attribution.gap;
  result.shuffled = likeness_to_shuffled(question, explained, attribution, options.seed);
  result.untested = untested_reason(result, options.orders);
  if (!result.untested.empty()) {
    result.own = result.random = result.weights =
        result.p_value = {kNothing, kNothing, kNothing, kNothing};
  } else {
    result.own = removal.of(removal.order_by(attribution.values), attribution.is_signed);
    result.weights = of_weights(question, removal);
    compare_with_random(removal, options, attribution.is_signed, result);
  }
  judge(result, std::ssize(numbers_of(attribution.values, attribution.tokens)));
  conclude(result);
  return result;
}

}  // namespace heed::lens
