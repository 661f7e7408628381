#include "lens/audit/compared.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "heed/core/error.h"
#include "heed/lens/heads.h"

namespace heed::lens {
namespace {

const HeadTable& audited_head(const Predictor& predictor, const std::string& of) {
  const auto& heads = predictor.recipe().heads;
  for (const auto& head : heads)
    if (of.empty() || head.name == of) return head;
  return heads.front();  // which ask() refuses by its name
}

/// What must be equal for an answer not to have flipped; nothing where answers are numbers.
std::optional<std::string> answer_of(const Question& question) {
  const auto& prediction = question.looked.prediction;
  if (question.head == "class")
    return nlohmann::json::parse(prediction.json).at("class").get<std::string>();
  if (question.head == "labels" || question.head == "text") return prediction.text;
  return std::nullopt;
}

std::optional<double> share_at(const Aimed& aimed) {
  if (!aimed.share.defined()) return std::nullopt;
  return aimed.share[0].item<double>();
}

/// Values of both sides while each head is left out, (heads) each.
struct WithoutHeads {
  HeadScores before, after;
};

WithoutHeads without_heads(const Compared& compared) {
  auto after = compared.after;
  after.of = compared.before.of;  // the same number of the answer
  return {ablate_heads({compared.before}), ablate_heads({after})};
}

/// Of each head and example what is left of the change.
void add_left(const WithoutHeads& found, std::vector<std::vector<double>>& left) {
  size_t head = 0;
  for (size_t call = 0; call < found.before.values.size(); ++call) {
    const auto changed = (found.after.values[call] + found.after.whole) -
                         (found.before.values[call] + found.before.whole);
    for (int64_t h = 0; h < changed.numel(); ++h, ++head) {
      if (left.size() == head) left.emplace_back();
      left[head].push_back(std::abs(changed[h].item<double>()));
    }
  }
}

Estimate carried_by(const std::vector<double>& whole, const std::vector<double>& left,
                    uint64_t seed) {
  return bootstrapped(
      std::ssize(whole),
      [&](std::span<const uint32_t> drawn) {
        double gone = 0, all = 0;
        for (const auto e : drawn) gone += whole[e] - left[e], all += whole[e];
        return all == 0 ? 0 : gone / all;
      },
      seed);
}

void find_heads(const std::vector<Compared>& chosen, uint64_t seed, GroupAudit& result) {
  std::vector<double> whole;
  std::vector<std::vector<double>> left;
  try {
    for (const auto& compared : chosen) {
      const auto found = without_heads(compared);
      whole.push_back(std::abs(found.after.whole - found.before.whole));
      add_left(found, left);
      if (!result.heads.empty()) continue;
      for (size_t call = 0; call < found.before.layers.size(); ++call)
        for (int64_t h = 0; h < found.before.values[call].numel(); ++h)
          result.heads.push_back({found.before.layers[call], h + 1, {}});
    }
  } catch (const UsageError& error) {
    result.heads.clear(), result.without_heads = error.what();
    return;
  }
  for (size_t i = 0; i < result.heads.size(); ++i)
    result.heads[i].carried = carried_by(whole, left[i], seed);
  std::stable_sort(result.heads.begin(), result.heads.end(),
                   [](const auto& a, const auto& b) { return a.carried.value > b.carried.value; });
  result.head_examples = std::ssize(whole);
}

/// What is known of both answers, where all classes are.
struct RightAnswers {
  std::vector<double> before, after;

  std::optional<AccuracyChange> change(uint64_t seed) const {
    if (before.empty()) return std::nullopt;
    std::vector<double> gaps;
    for (size_t i = 0; i < before.size(); ++i) gaps.push_back(after[i] - before[i]);
    const auto count = [](const std::vector<double>& right) {
      return static_cast<int64_t>(std::accumulate(right.begin(), right.end(), 0.0));
    };
    return AccuracyChange{share_of(count(before), std::ssize(before)),
                          share_of(count(after), std::ssize(after)), mean_of(gaps, seed)};
  }
};

}  // namespace

void check_comparable(const Predictor& predictor, const AuditOptions& options) {
  const auto& head = audited_head(predictor, options.of);
  if (!options.target.empty() && head.kind != "class" && head.kind != "labels")
    throw UsageError("--target is a class or label, and the head '" + head.kind + "' has none");
  static const std::vector<std::string> known = {"class", "labels", "number", "embedding", "text"};
  if (std::find(known.begin(), known.end(), head.kind) == known.end())
    throw UsageError("audit: answers of the head '" + head.kind +
                     "' are not compared; those that are: class, labels, number, embedding, text" +
                     (head.kind == "masked" ? "; --pairs compares how likely sentences are" : ""));
  if (predictor.recipe().inputs.front().kind == "corpus")
    throw UsageError(
        "audit: a model of one text goes on from it and has no answer to it; --pairs compares how "
        "likely sentences are");
}

Compared compare(Predictor& predictor, const SplitPtr& before, const SplitPtr& after,
                 int64_t number, const AuditOptions& options) {
  const at::NoGradGuard no_grad;
  Compared found{predictor.ask(subset(before, {number}), {.target = options.target}, options.of),
                 predictor.ask(subset(after, {number}), {.target = options.target}, options.of),
                 {},
                 {},
                 {}};
  const auto was = found.before.ask(), is = found.before.of(found.after.batch);
  auto& example = found.example;
  example.place = before->place(number);
  example.before = found.before.shown.text, example.after = found.after.shown.text;
  example.answer = found.before.looked.prediction.text;
  example.other_answer = found.after.looked.prediction.text;
  example.value = was.value[0].item<double>(), example.other_value = is.value[0].item<double>();
  example.share = share_at(was), example.other_share = share_at(is);
  const auto answer = answer_of(found.before), other = answer_of(found.after);
  if (answer) example.flips = *answer != *other;
  if (answer) example.answer = *answer, example.other_answer = *other;
  const auto& expected = found.before.looked.expected;
  if (found.before.head == "class" && !expected.empty())
    found.right = *answer == expected, found.other_right = *other == expected;
  return found;
}

AnswerChange change_of(const std::string& name, const std::vector<ChangedExample>& examples,
                       const std::vector<int64_t>& numbers, uint64_t seed) {
  AnswerChange change;
  change.name = name, change.examples = std::ssize(numbers);
  std::vector<double> values, sizes, shares, share_sizes;
  int64_t flips = 0;
  for (const auto number : numbers) {
    const auto& example = examples[static_cast<size_t>(number)];
    values.push_back(example.other_value - example.value);
    sizes.push_back(std::abs(values.back()));
    flips += example.flips.value_or(false);
    if (!example.share) continue;
    shares.push_back(*example.other_share - *example.share);
    share_sizes.push_back(std::abs(shares.back()));
  }
  change.value = mean_of(values, seed), change.absolute_value = mean_of(sizes, seed);
  if (!shares.empty())
    change.share = mean_of(shares, seed), change.absolute_share = mean_of(share_sizes, seed);
  if (!numbers.empty() && examples[static_cast<size_t>(numbers.front())].flips)
    change.flips = share_of(flips, std::ssize(numbers));
  return change;
}

void compare_all(Predictor& predictor, const SplitPtr& before, const SplitPtr& after,
                 const AuditOptions& options, GroupAudit& result) {
  const auto count = before->size();
  const auto kept = std::min(count, options.heads);
  std::vector<Compared> chosen;
  std::vector<int64_t> numbers;
  RightAnswers right;
  for (int64_t i = 0; i < count; ++i) {
    auto compared = compare(predictor, before, after, i, options);
    if (i == 0) result.aim = compared.before.aim, result.share = compared.before.share;
    numbers.push_back(i), result.examples.push_back(compared.example);
    if (compared.right)
      right.before.push_back(*compared.right), right.after.push_back(*compared.other_right);
    if ((i + 1) * kept / count > i * kept / count) chosen.push_back(std::move(compared));
  }
  result.all = change_of(result.name, result.examples, numbers, options.seed);
  if (std::ssize(right.before) == count) result.accuracy = right.change(options.seed);
  if (!chosen.empty()) find_heads(chosen, options.seed, result);
}

}  // namespace heed::lens
