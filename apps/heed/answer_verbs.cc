// What verbs do with a model that answers questions about stories.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/nn/recording.h"
#include "heed/tasks/answer.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kQuestionsAtOnce = 64;

std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Answers with their probabilities, likeliest first.
Json likeliest(const Answerer& answerer, const at::Tensor& probabilities, int64_t count) {
  const auto [values, classes] =
      probabilities.to(at::kDouble).topk(std::min(count, probabilities.size(0)));
  auto top = Json::array();
  for (int64_t i = 0; i < values.size(0); ++i) {
    const auto& answer = answerer.answers()[static_cast<size_t>(classes[i].item<int64_t>())];
    top.push_back({{"answer", answer}, {"probability", values[i].item<double>()}});
  }
  return top;
}

std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

/// Of a file, or of standard input, which may be a pipe.
data::Stories stories_of(const std::string& input) {
  if (input != "-") return data::read_stories(input, data::Answers::optional);
  return data::read_stories(data::LineReader::standard_input(), "standard input",
                            data::Answers::optional);
}

void answer_file(Answerer& answerer, const PredictFlags& flags, const std::string& input) {
  const auto stories = stories_of(input);
  const auto set = answerer.read(stories);
  for (int64_t first = 0; first < set.size(); first += kQuestionsAtOnce) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < std::min(set.size(), first + kQuestionsAtOnce); ++i) {
      indices.push_back(i);
    }
    const auto probabilities = answerer.probabilities(set.batch(indices));
    for (const int64_t i : indices) {
      const auto& question = stories.questions[static_cast<size_t>(i)];
      const auto top = likeliest(answerer, probabilities[i - first], flags.top.value_or(5));
      const auto& best = top[0];
      if (flags.json) {
        std::cout << one_line({{"input", question.place},
                               {"question", question.text},
                               {"answer", best["answer"]},
                               {"probability", best["probability"]},
                               {"top", top}})
                  << '\n';
      } else {
        std::cout << question.text << '\t' << best["answer"].get<std::string>() << '\t'
                  << four_digits(best["probability"].get<double>()) << '\n';
      }
    }
    std::cout.flush();
  }
}

/// FILE:N, the question of line N; without a number the first question.
int64_t question_of(const data::Stories& stories, const std::string& file,
                    const std::string& line) {
  if (line.empty()) return 0;
  for (size_t i = 0; i < stories.questions.size(); ++i) {
    if (stories.questions[i].place == file + ":" + line) return static_cast<int64_t>(i);
  }
  throw UsageError(file + ": line " + line + " is no question");
}

struct Hop {
  std::string name;
  std::vector<double> weights;  // of each sentence, the mean over heads
};

/// What the state after the last sentence took from each sentence.
std::vector<Hop> hops(Answerer& answerer, const data::StoryBatch& batch, Json& top) {
  Recording recording(*answerer.model());
  top = likeliest(answerer, answerer.probabilities(batch)[0], 5);
  const auto sentences = batch.lengths[0].item<int64_t>();
  std::vector<Hop> all;
  for (const auto& map : recording.maps()) {
    if (map.name().ends_with("backward") || sentences == 0) continue;
    const int64_t row = map.queries() == 1 ? 0 : sentences - 1;
    auto& hop = all.emplace_back(Hop{map.name(), {}});
    const auto weights = map.dense().select(1, row).mean(0).to(at::kDouble);  // (Lk)
    for (int64_t i = 0; i < sentences; ++i) hop.weights.push_back(weights[i].item<double>());
  }
  return all;
}

}  // namespace

void evaluate_answerer(const EvalFlags& flags) {
  if (!flags.set.empty() || !flags.output.empty()) {
    throw UsageError("--set and --output are for models that write text");
  }
  if (flags.data.size() > 1) throw UsageError("--data: questions are in one file");
  auto answerer = Answerer::load(flags.model);
  const auto& data = flags.data.empty() ? answerer.recipe().data.test : flags.data.front();
  if (data.empty()) {
    throw UsageError("the recipe of " + flags.model + " names no test data; name some by --data");
  }
  const auto set = answerer.read(data::read_stories(data));
  const auto score = answerer.evaluate(set);
  Json result = {{"model", flags.model}, {"data", data}, {"questions", score.questions}};
  for (const auto& [name, value] : score.metrics()) result[name] = value;
  result["unknown_answers"] = score.unknown;
  result["unknown_words"] = set.stats().unknown_words;
  result["shortened_stories"] = set.stats().shortened;
  if (flags.json) {
    std::cout << one_line(result) << '\n';
    return;
  }
  for (const auto& [name, value] : result.items()) {
    std::cout << name << '\t' << (value.is_string() ? value.get<std::string>() : value.dump())
              << '\n';
  }
}

void answer_questions(const PredictFlags& flags) {
  auto answerer = Answerer::load(flags.model);
  for (const auto& input : flags.inputs) answer_file(answerer, flags, input);
}

void map_answer(const MapFlags& flags) {
  if (!flags.png.empty() || !flags.svg.empty() || flags.head != 0 || !flags.layer.empty()) {
    throw UsageError("--png, --svg, --head and --layer are not for models that answer questions");
  }
  auto answerer = Answerer::load(flags.model);
  const size_t colon = flags.input.rfind(':');
  const bool numbered = colon != std::string::npos &&
                        flags.input.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  const std::string file = numbered ? flags.input.substr(0, colon) : flags.input;
  const auto stories = data::read_stories(file, data::Answers::optional);
  const int64_t index = question_of(stories, file, numbered ? flags.input.substr(colon + 1) : "");
  const auto& question = stories.questions[static_cast<size_t>(index)];
  Json top;
  const auto all = hops(answerer, answerer.read(stories).batch({index}), top);
  const auto& sentences = stories.stories[static_cast<size_t>(question.story)].sentences;
  const size_t kept = all.empty() ? 0 : all[0].weights.size();
  const size_t first = static_cast<size_t>(question.sentences) - kept;
  if (flags.json) {
    Json result = {{"model", flags.model},
                   {"input", question.place},
                   {"question", question.text},
                   {"top", top}};
    result["sentences"] = std::vector<std::string>(sentences.begin() + static_cast<int64_t>(first),
                                                   sentences.begin() + question.sentences);
    for (const auto& hop : all)
      result["maps"].push_back({{"name", hop.name}, {"weights", hop.weights}});
    std::cout << one_line(result) << '\n';
    return;
  }
  for (size_t i = 0; i < kept; ++i) {
    for (const auto& hop : all) std::printf("%5.1f %%  ", 100 * hop.weights[i]);
    std::printf("%s\n", sentences[first + i].c_str());
  }
  std::printf("%s  %s (%s)\n", question.text.c_str(), top[0]["answer"].get<std::string>().c_str(),
              four_digits(top[0]["probability"].get<double>()).c_str());
}

}  // namespace heed::cli
