// heed predict: what a model makes of inputs, in their order.
#include <numeric>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// Examples that are answered together; results do not depend on it.
constexpr int64_t kTogether = 64;

struct PredictFlags {
  std::string model;
  std::vector<std::string> inputs, set;
  AnswerOptions answer;
  bool json = false;
};

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

void predict(const PredictFlags& flags) {
  if (flags.answer.top && !flags.json)
    throw UsageError("--top says what --json lists; a line of text has the best alone: add --json");
  refuse_twice("--set", flags.set);
  refuse_twice("--with", flags.answer.with);
  auto predictor = Predictor::load(flags.model, flags.set);
  predictor.answer_by(flags.answer);
  const auto stream = predictor.stream(flags.inputs);
  while (const auto examples = stream->next(kTogether))
    answer_readable(predictor, examples, flags.json);
  const auto note = predictor.finish();
  if (!note.empty()) std::cerr << "heed: note: " << note << '\n';
}

}  // namespace

void add_predict(CLI::App& app) {
  auto* verb = app.add_subcommand("predict", "Answer inputs: a line in, a line out, in order");
  auto flags = std::make_shared<PredictFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run")
      ->required()
      ->type_name("MODEL");
  verb->add_option("input", flags->inputs,
                   "Files of records as the model's recipe reads them (.txt: a text a line), image "
                   "files, IDX prefixes or PREFIX:INDEX, files of stories, pipes; '-': standard "
                   "input, for images their names")
      ->type_name("INPUT|-");
  verb->add_option("--top", flags->answer.top, "Classes or items in JSON, best first")
      ->check(whole_number(1, 1000000000))
      ->type_name("K");
  verb->add_option("--set", flags->set,
                   "Set a key of the model's recipe: head.generate.beam_size=8")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--with", flags->answer.with,
                   "Another model of the same vocabularies; all write together")
      ->type_name("MODEL")
      ->allow_extra_args(false);
  verb->add_option("--prefix", flags->answer.prefix,
                   "A file with a line an input, with which what is written begins")
      ->type_name("FILE");
  verb->add_option("--target", flags->answer.target,
                   "Score these texts, a line an input, instead of writing some")
      ->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print a line of JSON an input");
  verb->callback([flags] {
    if (flags->inputs.empty()) flags->inputs.emplace_back("-");
    predict(*flags);
  });
  verb->footer(R"(
A line in gives a line out, in order; a line feed in an answer is written \n, a carriage return
\r, and --json has the text itself. An image is turned as its EXIF orientation says, made grey or
coloured, and resized to what the model reads, as training does.

Examples:
  heed predict models/fashion-mnist shoe.png --json
  echo 'my card was swallowed' | heed predict models/banking77 --json
  heed predict models/multi30k-de-en flickr.de.txt > flickr.en
  echo 'ein hund läuft' | heed predict models/multi30k-de-en --set head.generate.beam_size=8 --json)");
}

}  // namespace heed::cli
