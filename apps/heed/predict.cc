// heed predict: what a model makes of inputs, in their order.
#include <numeric>

#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/withhold.h"
#include "output.h"
#include "predict_figures.h"
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

/// How answers are printed, and what of them is not.
struct Printer {
  std::vector<std::string> heads;
  bool json;
  std::optional<WithholdFilter> filter;
  std::optional<FileWriter> log;
  int64_t line = 0;  ///< of the answer, from 1

  /// Whether the answer may be seen.
  bool print(const Split& examples, int64_t i, const std::vector<Prediction>& answers);

 private:
  bool withholds(const Split& examples, int64_t i, const std::vector<Prediction>& answers);
};

/// Whether the filter holds the answer back, which is then said in its place.
bool Printer::withholds(const Split& examples, int64_t i, const std::vector<Prediction>& answers) {
  if (!filter) return false;
  std::vector<std::string> texts;
  for (const auto& answer : answers)
    for (auto& text : texts_of_answer(answer)) texts.push_back(std::move(text));
  const auto withheld = filter->judge(texts);
  if (!withheld) return false;
  if (log) log->write(withheld_log_line(*withheld, line, texts, filter->keeps_text()));
  const auto shown = examples.show(i);
  if (json) {
    std::cout << one_line({{"input", shown.text},
                           {"place", examples.place(i)},
                           {"withheld", true},
                           {"by", withheld->by}})
              << '\n';
    return true;
  }
  const auto name = printable(shown.name);
  std::cout << name << (name.empty() ? "" : "\t") << "withheld by " << printable(withheld->by)
            << '\n';
  return true;
}

bool Printer::print(const Split& examples, int64_t i, const std::vector<Prediction>& answers) {
  ++line;
  if (withholds(examples, i, answers)) return false;
  if (json) {
    const auto shown = examples.show(i);
    Json line = {{"input", shown.text}, {"place", examples.place(i)}};
    line.update(json_of(answers, heads));
    std::cout << one_line(line) << '\n';
    return true;
  }
  if (answers.size() == 1 && !answers.front().lines.empty()) {
    for (const auto& line : answers.front().lines) std::cout << printable(line, "\t") << '\n';
    return true;
  }
  std::string line = printable(examples.show(i).name);
  for (const auto& answer : answers)
    line += (line.empty() ? "" : "\t") + printable(answer.text, "\t");
  std::cout << line << '\n';
  return true;
}

void answer(Predictor& predictor, const SplitPtr& examples, Printer& printer,
            PredictFigures& figures) {
  auto answers = predictor.predict(examples);
  for (int64_t i = 0; i < examples->size(); ++i) {
    auto& own = answers[static_cast<size_t>(i)];
    figures.number(own);
    if (printer.print(*examples, i, own)) figures.draw(*examples, i, own);
  }
  std::cout.flush();
}

/// What stands before an example that cannot be read is answered before that is reported.
void answer_readable(Predictor& predictor, const SplitPtr& examples, Printer& printer,
                     PredictFigures& figures) {
  try {
    answer(predictor, examples, printer, figures);
  } catch (const Error&) {
    const int64_t good = predictor.readable(examples);
    if (good == 0 || good == examples->size()) throw;
    std::vector<int64_t> before(static_cast<size_t>(good));
    std::iota(before.begin(), before.end(), int64_t{0});
    answer(predictor, subset(examples, std::move(before)), printer, figures);
    throw;
  }
}

}  // namespace

void run(const PredictFlags& flags) {
  if (flags.top && !flags.json)
    throw UsageError("--top says what --json lists; a line of text has the best alone: add --json");
  refuse_twice("--set", flags.set);
  refuse_twice("--with", flags.with);
  if (!flags.withheld_log.empty() && flags.withhold.empty())
    throw UsageError("--withheld-log has what --withhold holds back; give --withhold, too");
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  PredictFigures figures(flags, predictor);
  predictor.answer_by({.top = flags.top,
                       .refuse = flags.refuse,
                       .prefix = flags.prefix,
                       .target = flags.target,
                       .with = flags.with,
                       .output = flags.output,
                       .keeps_masks = figures.needs_masks()});
  Printer printer{predictor.heads(), flags.json, {}, {}};
  if (!flags.withhold.empty()) printer.filter.emplace(WithholdFilter::read(flags.withhold));
  auto read = flags.inputs;
  read.push_back(flags.withhold);
  check_outputs({flags.withheld_log}, flags.model, read);
  if (!flags.withheld_log.empty())
    printer.log.emplace(flags.withheld_log, FileWriter::Mode::append);
  const std::vector<std::string> standard_input = {"-"};
  const auto inputs = figures.inputs();
  const auto stream = predictor.stream(inputs.empty() ? standard_input : inputs);
  while (const auto examples = stream->next(kTogether))
    answer_readable(predictor, examples, printer, figures);
  const auto note = predictor.finish();
  if (!note.empty()) std::cerr << "heed: note: " << note << '\n';
}

}  // namespace heed::cli
