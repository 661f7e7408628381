// heed explain: what in an input made the answer, and whether that can be trusted.
#include <charconv>

#include "core/printable.h"
#include "core/text.h"
#include "explain_figures.h"
#include "figure_files.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/lens/explain.h"
#include "heed/lens/terminal.h"
#include "heed/tasks/predictor.h"
#include "verbs.h"

namespace heed::cli {
namespace {

constexpr int64_t kMostExamples = 1000;

/// One of the words of an enum. Throws UsageError with the nearest.
template <EnumWithWords E>
E word_given(const char* flag, const std::string& given) {
  if (const auto value = from_word<E>(given)) return *value;
  std::vector<std::string> known;
  std::string all;
  for (const char* word : words(E{})) {
    known.push_back(word);
    all.append(all.empty() ? "" : ", ").append(word);
  }
  throw UsageError(
      text_of(flag, ": expected ", all, ", given '", given, "'", suggestion(given, known)));
}

/// Numbers with ':' between them.
std::vector<int64_t> numbers_given(const char* flag, const std::string& given, size_t count) {
  std::vector<int64_t> numbers;
  const char *at = given.data(), *end = at + given.size();
  while (numbers.size() < count) {
    int64_t number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    const bool last = numbers.size() + 1 == count;
    if (error != std::errc() || number < 1 || (last ? rest != end : rest == end || *rest != ':'))
      throw UsageError(text_of(flag, ": expected ", count,
                               " numbers from 1 with ':' between them, given '", given, "'"));
    numbers.push_back(number), at = rest + 1;
  }
  return numbers;
}

bool is_of_tokens(const ExplainFlags& flags) {
  return flags.heads.empty() && flags.layers.empty() && flags.patch.empty() && flags.edge.empty();
}

/// What the chosen kind of explanation does not look at.
void check_flags(const ExplainFlags& flags) {
  int kinds = 0;
  for (const auto* kind : {&flags.heads, &flags.layers, &flags.patch, &flags.edge})
    kinds += kind->empty() ? 0 : 1;
  if (kinds > 1)
    throw UsageError(
        "--heads, --layers, --patch and --edge are explanations of their own; choose one");
  if (flags.patch.empty() != flags.against.empty())
    throw UsageError(
        "--patch and --against belong together: what is carried over, and to which input");
  if (!flags.data.empty() && flags.heads.empty() && flags.layers.empty())
    throw UsageError("--data is for --heads and --layers");
  const bool of_tokens = !flags.method.empty() || !flags.baseline.empty() || !flags.unit.empty() ||
                         flags.layer || flags.head || flags.steps || flags.budget || flags.orders ||
                         flags.no_tests;
  if (!is_of_tokens(flags) && of_tokens)
    throw UsageError(
        "--method and what belongs to it give a number a token, and --heads, --layers, --patch and "
        "--edge do not");
  if (flags.no_tests && flags.orders)
    throw UsageError("--orders is of the tests, which --no-tests leaves out");
  const bool drawn = wants_drawing(flags.files);
  check_colour(flags.colour, flags.json || drawn);
  if (!flags.edge.empty() && drawn)
    throw UsageError("--edge gives numbers, of which there is no figure; leave out the file");
}

lens::ExplainOptions options_of(const ExplainFlags& flags) {
  lens::ExplainOptions options;
  if (!flags.method.empty()) options.method = word_given<lens::Method>("--method", flags.method);
  if (!flags.baseline.empty())
    options.baseline = word_given<lens::Baseline>("--baseline", flags.baseline);
  if (!flags.unit.empty()) options.unit = word_given<lens::Unit>("--unit", flags.unit);
  options.layer = flags.layer.value_or(0), options.head = flags.head.value_or(0);
  options.steps = flags.steps.value_or(options.steps);
  options.budget = flags.budget.value_or(options.budget);
  options.seed = static_cast<uint64_t>(flags.seed);
  return options;
}

AimOptions aim_of(const ExplainFlags& flags) {
  AimOptions aim{flags.target};
  if (flags.tokens.empty()) return aim;
  const auto numbers = numbers_given("--tokens", flags.tokens, 2);
  aim.first = numbers[0], aim.last = numbers[1];
  return aim;
}

/// The input, then every example of --data.
std::vector<Question> questions_of(const ExplainFlags& flags, Predictor& predictor,
                                   Question first) {
  std::vector<Question> all;
  all.push_back(std::move(first));
  if (flags.data.empty()) return all;
  const auto stream = predictor.stream(flags.data);
  while (const auto examples = stream->next(1)) {
    if (std::ssize(all) > kMostExamples)
      throw UsageError(
          text_of("--data: expected at most ", kMostExamples,
                  " examples, each of which is asked about many times; give a part of them"));
    all.push_back(predictor.ask(examples, aim_of(flags), flags.of));
  }
  return all;
}

template <class Figure>
void show(const ExplainFlags& flags, const Json& json, const Figure& figure) {
  if (wants_drawing(flags.files)) write_drawing(flags.files, lens::draw(figure));
  if (flags.json) {
    std::cout << one_line(json) << '\n';
  } else if (!wants_drawing(flags.files)) {
    auto terminal = lens::terminal_of_stdout();
    if (flags.colour != "auto") terminal.colours = lens::colours_from_text(flags.colour);
    std::cout << lens::to_text(figure, terminal);
  }
}

void explain_tokens(const ExplainFlags& flags, const Question& question) {
  const auto options = options_of(flags);
  const auto found = lens::explain(question, options);
  auto json = json_of(question);
  json.update(json_of(found));
  std::optional<lens::Doubt> doubt;
  if (!flags.no_tests) {
    doubt = lens::doubt(question, options, found,
                        {.orders = flags.orders.value_or(40), .seed = options.seed});
    json["tests"] = json_of(*doubt), json["verdict"] = doubt->verdict;
  }
  const auto* tests = doubt ? &*doubt : nullptr;
  if (is_on_image(question, found))
    show(flags, json, image_figure(question, found, tests));
  else if (is_along_time(question, found))
    show(flags, json, time_figure(question, found, tests));
  else
    show(flags, json, tokens_figure(question, found, tests));
}

void explain_parts(const ExplainFlags& flags, const std::vector<Question>& questions) {
  const bool layers = !flags.layers.empty();
  const auto& how = layers ? flags.layers : flags.heads;
  const bool importance = !layers && how == "importance";
  lens::AblationOptions options{.seed = static_cast<uint64_t>(flags.seed)};
  if (!importance)
    options.by = word_given<lens::Ablation>(layers ? "--layers" : "--heads (importance or)", how);
  const auto scores = importance ? lens::head_importance(questions)
                      : layers   ? lens::ablate_layers(questions, options)
                                 : lens::ablate_heads(questions, options);
  auto json = json_of(questions.front());
  json["by"] = how, json["examples"] = questions.size();
  json.update(json_of(scores, importance ? "importance" : "change"));
  auto caption = caption_of(questions.front());
  caption.lines.push_back(
      text_of(importance ? "how fast " : "the change of ", printable(scores.aim),
              importance ? text_of(" moves as a gate on a head closes (Michel et al. 2019)")
                         : text_of(" (", lens::number(scores.whole), ") when a ",
                                   layers ? "block" : "head", " gives ", how),
              questions.size() > 1 ? text_of(", mean of ", questions.size(), " examples") : ""));
  show(flags, json, heads_figure(scores, caption, !importance));
}

void explain_patches(const ExplainFlags& flags, Predictor& predictor, const Question& question) {
  const auto what = word_given<lens::Patch>("--patch", flags.patch);
  const auto other = predictor.ask(predictor.find(flags.against), aim_of(flags), flags.of);
  const auto patched = lens::patch(question, other, what);
  auto json = json_of(question);
  json["against"] = other.shown.text, json["patch"] = flags.patch;
  json.update(json_of(patched));
  auto caption = caption_of(question);
  caption.lines.push_back("against: " + printable(other.shown.text));
  caption.lines.push_back(text_of(printable(patched.aim), ": ", lens::number(patched.whole),
                                  " against ", lens::number(patched.other),
                                  "; the share that comes back as one of the ", flags.patch,
                                  " is carried over"));
  show(flags, json, patch_figure(patched, caption));
}

void explain_weight(const ExplainFlags& flags, const Question& question) {
  const auto at = numbers_given("--edge", flags.edge, 4);
  const auto edge = lens::explain_edge(question, at[0], at[1], at[2], at[3]);
  if (flags.json) {
    auto json = json_of(question);
    json.update(json_of(edge));
    std::cout << one_line(json) << '\n';
    return;
  }
  std::cout << printable(edge.name) << " head " << edge.head + 1 << ": '" << printable(edge.query)
            << "' gives '" << printable(edge.key) << "' the weight " << lens::number(edge.weight)
            << "; score " << lens::number(edge.score) << '\n';
  for (const auto& other : edge.beside) std::cout << "beside the score: " << other << '\n';
  const bool by_directions = edge.directions.defined();
  const auto& parts = by_directions ? edge.directions : edge.channels;
  const auto order = parts.abs().argsort(0, /*descending=*/true);
  for (int64_t i = 0; i < std::min<int64_t>(10, parts.numel()); ++i) {
    const auto number = order[i].item<int64_t>();
    std::cout << (by_directions ? "direction " : "channel ") << number + 1 << '\t'
              << lens::number(parts[number].item<double>()) << '\n';
  }
  if (by_directions) std::cout << "biases\t" << lens::number(edge.biases) << '\n';
}

}  // namespace

void run(const ExplainFlags& flags) {
  check_outputs(names_of(flags.files), flags.model, {flags.input});
  check_flags(flags);
  refuse_twice("--set", flags.set);
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  auto question = predictor.ask(predictor.find(flags.input), aim_of(flags), flags.of);
  if (const auto note = predictor.finish(); !note.empty())
    std::cerr << "heed: note: " << printable(note) << '\n';
  if (is_of_tokens(flags)) return explain_tokens(flags, question);
  if (!flags.patch.empty()) return explain_patches(flags, predictor, question);
  if (!flags.edge.empty()) return explain_weight(flags, question);
  explain_parts(flags, questions_of(flags, predictor, std::move(question)));
}

}  // namespace heed::cli
