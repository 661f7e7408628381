// heed predict of models that write: a line in, a line out, in order.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "heed/core/error.h"
#include "heed/data/lines.h"
#include "heed/tasks/recipes.h"
#include "task_verbs.h"

namespace heed::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Lines that are searched together; they may be sorted by length, as results do not depend on
/// that.
constexpr size_t kLines = 1024;

/// Calls use(line, place) for every line of the inputs, and pause() when standard input would
/// make it wait.
template <class Use, class Pause>
void for_each_line(const std::vector<std::string>& inputs, Use&& use, Pause&& pause) {
  std::string line;
  for (const auto& input : inputs) {
    if (input != "-") {
      data::LineReader reader(input);
      while (reader.next(line)) use(line, reader.place());
      continue;
    }
    for (int64_t number = 1; std::getline(std::cin, line); ++number) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      use(line, "standard input:" + std::to_string(number));
      if (std::cin.rdbuf()->in_avail() <= 0) pause();
    }
  }
}

/// A file with a line beside each line of the input; without a file each is empty.
class Beside {
 public:
  Beside(const char* flag, const std::string& file) : flag_(flag), file_(file) {
    if (!file.empty()) reader_.emplace(file);
  }

  std::string next(const std::string& place) {
    std::string line;
    if (!reader_ || reader_->next(line)) return line;
    throw DataError(place + ": " + flag_ + " " + file_ + " ends after " +
                    std::to_string(reader_->number()) + " lines and has none for this one");
  }

  std::string place() const { return reader_ ? reader_->place() : ""; }

  void check_end(int64_t inputs) {
    std::string line;
    if (!reader_ || !reader_->next(line)) return;
    throw DataError(file_ + " (" + flag_ + ") has more lines than the input, which has " +
                    std::to_string(inputs));
  }

 private:
  const char* flag_;
  std::string file_;
  std::optional<data::LineReader> reader_;
};

Json token_rows(const data::Tokenizer& tokenizer, const std::vector<int64_t>& tokens,
                const std::vector<double>& log_probabilities, const std::vector<double>& seconds) {
  auto rows = Json::array();
  for (size_t i = 0; i < log_probabilities.size(); ++i) {
    Json row = {{"piece", i < tokens.size() ? tokenizer.piece(tokens[i]) : "</s>"},
                {"log_probability", log_probabilities[i]}};
    if (i < seconds.size()) row["seconds"] = seconds[i];
    rows.push_back(row);
  }
  return rows;
}

/// A hypothesis as the line of its text: a line feed in it would begin another line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Json hypothesis_json(const data::Tokenizer& tokenizer, const Hypothesis& found) {
  return {{"output", tokenizer.decode(found.tokens)},
          {"score", found.score},
          {"log_probability", found.log_probability},
          {"ended", found.ended},
          {"tokens", token_rows(tokenizer, found.tokens, found.log_probabilities, found.seconds)}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Prints what was found for a line: its best text, or all of them with their scores, numbered as
/// Moses does.
void print(const data::Tokenizer& tokenizer, int64_t number, const std::string& line,
           const std::vector<Hypothesis>& found, bool json) {
  if (json) {
    Json row = {{"input", line}};
    row.update(hypothesis_json(tokenizer, found.front()));
    if (found.size() > 1) {
      for (const auto& each : found) row["hypotheses"].push_back(hypothesis_json(tokenizer, each));
    }
    std::cout << dump(row) << '\n';
  } else if (found.size() == 1) {
    std::cout << one_line(tokenizer.decode(found.front().tokens)) << '\n';
  } else {
    for (const auto& each : found) {
      char score[32];
      std::snprintf(score, sizeof score, "%.4f", each.score);
      std::cout << number << " ||| " << one_line(tokenizer.decode(each.tokens)) << " ||| " << score
                << '\n';
    }
  }
}

/// Collects lines and answers them together, in order.
class TextPredictor {
 public:
  TextPredictor(Translator& translator, const PredictFlags& flags)
      : translator_(translator),
        flags_(flags),
        prefix_("--prefix", flags.prefix),
        target_("--target", flags.target) {}

  void add(const std::string& line, const std::string& place) {
    auto source = translator_.encode(line, place);  // what throws leaves the lines before whole
    auto prefix = translator_.encode_target(prefix_.next(place), prefix_.place());
    auto target = translator_.encode_target(target_.next(place), target_.place());
    lines_.push_back(line), sources_.push_back(std::move(source));
    prefixes_.push_back(std::move(prefix)), targets_.push_back(std::move(target));
    ++count_;
    if (lines_.size() == kLines) flush();
  }

  void flush() {
    if (lines_.empty()) return;
    if (flags_.target.empty()) {
      search();
    } else {
      score();
    }
    std::cout.flush();
    lines_.clear(), sources_.clear(), prefixes_.clear(), targets_.clear();
  }

  void finish() {
    flush();
    prefix_.check_end(count_), target_.check_end(count_);
  }

 private:
  int64_t first() const { return count_ - static_cast<int64_t>(lines_.size()); }

  /// An empty line says nothing, and so does its answer; the model is not asked.
  void search() {
    std::vector<std::vector<int64_t>> sources, prefixes;
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].empty()) continue;
      sources.push_back(sources_[i]), prefixes.push_back(prefixes_[i]);
    }
    const auto found = translator_.translate(sources, prefixes);
    auto next = found.begin();
    for (size_t i = 0; i < lines_.size(); ++i) {
      const auto answer = lines_[i].empty() ? std::vector<Hypothesis>(1) : *next++;
      print(translator_.target(), first() + static_cast<int64_t>(i), lines_[i], answer,
            flags_.json);
    }
  }

  void score() {
    const auto scores = translator_.score(sources_, targets_);
    for (size_t i = 0; i < lines_.size(); ++i) {
      const double sum = std::accumulate(scores[i].begin(), scores[i].end(), 0.0);
      if (flags_.json) {
        std::cout << dump(
                         {{"input", lines_[i]},
                          {"target", translator_.target().decode(targets_[i])},
                          {"log_probability", sum},
                          {"tokens", token_rows(translator_.target(), targets_[i], scores[i], {})}})
                  << '\n';
      } else {
        std::printf("%.6f\n", sum);
      }
    }
    std::fflush(stdout);
  }

  Translator& translator_;
  const PredictFlags& flags_;
  Beside prefix_, target_;
  int64_t count_ = 0;
  std::vector<std::string> lines_;
  std::vector<std::vector<int64_t>> sources_, prefixes_, targets_;
};

void refuse_top(const PredictFlags& flags) {
  if (!flags.top) return;
  throw UsageError(
      "--top is for classifiers; for more texts a line: --set generate.beam_size=5 --set "
      "generate.num_hypotheses=5");
}

}  // namespace

void predict_translations(const PredictFlags& flags) {
  refuse_top(flags);
  if (!flags.prefix.empty() && !flags.target.empty()) {
    throw UsageError("--prefix and --target exclude each other: a given translation has no choice");
  }
  auto translator = Translator::load(flags.model, flags.set);
  for (const auto& other : flags.with) translator.join(Translator::load(other, flags.set));
  TextPredictor predictor(translator, flags);
  try {
    for_each_line(
        flags.inputs, [&](auto& line, const auto& place) { predictor.add(line, place); },
        [&] { predictor.flush(); });
  } catch (const Error&) {
    predictor.flush();
    throw;
  }
  predictor.finish();
}

void predict_text(const PredictFlags& flags) {
  refuse_top(flags);
  if (!flags.prefix.empty() || !flags.target.empty() || !flags.with.empty()) {
    throw UsageError(
        "--prefix, --target and --with are for translators; what a language model goes "
        "on from is its input");
  }
  auto writer = LanguageModel::load(flags.model, flags.set);
  int64_t number = 0;
  for_each_line(
      flags.inputs,
      [&](const auto& line, const std::string& place) {
        const auto found = writer.write(line, place);
        if (flags.json || found.size() > 1)
          return print(writer.tokenizer(), number++, line, found, flags.json);
        std::cout << writer.tokenizer().decode(found.front().tokens) << std::endl;
      },
      [] {});
}

}  // namespace heed::cli
