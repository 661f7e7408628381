// heed predict: what a model makes of inputs, in their order.
#include <numeric>

#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// Examples that are answered together; results do not depend on it.
constexpr int64_t kTogether = 64;

Json json_of(const std::vector<Prediction>& answers, const std::vector<std::string>& heads) {
  if (answers.size() == 1) return Json::parse(answers.front().json);
  Json all;
  for (size_t i = 0; i < answers.size(); ++i) all[heads[i]] = Json::parse(answers[i].json);
  return all;
}

void print(const Split& examples, int64_t i, const std::vector<Prediction>& answers,
           const std::vector<std::string>& heads, bool json) {
  if (json) {
    const auto shown = examples.show(i);
    Json line = {{"input", shown.text}, {"place", examples.place(i)}};
    line.update(json_of(answers, heads));
    std::cout << one_line(line) << '\n';
    return;
  }
  if (answers.size() == 1 && !answers.front().lines.empty()) {
    for (const auto& line : answers.front().lines) std::cout << printable(line, "\t") << '\n';
    return;
  }
  std::string line = printable(examples.show(i).name);
  for (const auto& answer : answers)
    line += (line.empty() ? "" : "\t") + printable(answer.text, "\t");
  std::cout << line << '\n';
}

void answer(Predictor& predictor, const SplitPtr& examples, bool json) {
  const auto answers = predictor.predict(examples);
  const auto heads = predictor.heads();
  for (int64_t i = 0; i < examples->size(); ++i)
    print(*examples, i, answers[static_cast<size_t>(i)], heads, json);
  std::cout.flush();
}

/// What stands before an example that cannot be read is answered before that is reported.
void answer_readable(Predictor& predictor, const SplitPtr& examples, bool json) {
  try {
    answer(predictor, examples, json);
  } catch (const Error&) {
    const int64_t good = predictor.readable(examples);
    if (good == 0 || good == examples->size()) throw;
    std::vector<int64_t> before(static_cast<size_t>(good));
    std::iota(before.begin(), before.end(), int64_t{0});
    answer(predictor, subset(examples, std::move(before)), json);
    throw;
  }
}

}  // namespace

void run(const PredictFlags& flags) {
  if (flags.top && !flags.json)
    throw UsageError("--top says what --json lists; a line of text has the best alone: add --json");
  refuse_twice("--set", flags.set);
  refuse_twice("--with", flags.with);
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  predictor.answer_by(
      {.top = flags.top, .prefix = flags.prefix, .target = flags.target, .with = flags.with});
  const std::vector<std::string> standard_input = {"-"};
  const auto stream = predictor.stream(flags.inputs.empty() ? standard_input : flags.inputs);
  while (const auto examples = stream->next(kTogether))
    answer_readable(predictor, examples, flags.json);
  const auto note = predictor.finish();
  if (!note.empty()) std::cerr << "heed: note: " << note << '\n';
}

}  // namespace heed::cli
