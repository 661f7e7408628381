#include "tasks/heads/text_writer.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Json token_rows(const TextWriter& writer, const std::vector<int64_t>& tokens,
                const std::vector<double>& log_probabilities, const std::vector<double>& seconds) {
  auto rows = Json::array();
  for (size_t i = 0; i < log_probabilities.size(); ++i) {
    Json row = {{"piece", i < tokens.size() ? writer.piece(tokens[i]) : "</s>"},
                {"log_probability", log_probabilities[i]}};
    if (i < seconds.size()) row["seconds"] = seconds[i];
    rows.push_back(row);
  }
  return rows;
}

Json hypothesis_json(const TextWriter& writer, const Hypothesis& found) {
  return {{"output", writer.text(found)},
          {"score", found.score},
          {"log_probability", found.log_probability},
          {"ended", found.ended},
          {"tokens", token_rows(writer, found.tokens, found.log_probabilities, found.seconds)}};
}

std::vector<int64_t> sequence_of(const std::string& text) {
  std::vector<int64_t> tokens;
  std::istringstream in(text);
  for (int64_t token; in >> token;) tokens.push_back(token);
  if (!in.eof() || tokens.empty())
    throw UsageError(
        "generate: tokens.suppressed_sequences: expected numbers of tokens, as \"5 17\", given \"" +
        text + "\"");
  return tokens;
}

/// The options with the tokens that a model of others names.
GenerateOptions with_tokens(GenerateOptions options, int64_t begin) {
  const auto& named = options.tokens();
  const auto ends = named.ends();
  options.begin(named.begin().empty() ? begin : named.begin().front());
  options.end(ends.empty() ? -1 : ends.front());
  if (!ends.empty()) options.more_ends({ends.begin() + 1, ends.end()});
  options.suppressed(named.suppressed()).first_suppressed(named.first_suppressed());
  options.first(named.first()).last(named.last());
  auto& sequences = options.suppressed_sequences();
  for (const auto& text : named.suppressed_sequences()) sequences.push_back(sequence_of(text));
  return options;
}

}  // namespace

TokenLists rows_of(const at::Tensor& tokens, const at::Tensor& lengths) {
  TokenLists rows;
  const auto all = tokens.contiguous();
  const auto ends = lengths.contiguous();
  const auto* row = all.data_ptr<int64_t>();
  for (int64_t i = 0; i < all.size(0); ++i, row += all.size(1))
    rows.emplace_back(row, row + ends.data_ptr<int64_t>()[i]);
  return rows;
}

SourceBatch source_of(const Batch& batch) {
  if (!batch.has("source")) return {};
  return {batch.at("source"), batch.at("source_lengths")};
}

SourceBatch source_of(const Tokens& tokens) {
  const auto& states = tokens.states;
  const auto lengths = tokens.lengths.defined()
                           ? tokens.lengths
                           : at::full({states.size(0)}, states.size(1), at::kLong);
  return {.lengths = lengths, .states = states};
}

GenerateOptions TextWriter::search() const {
  auto own = options;
  if (!own.stop().empty())
    own.stops([this](std::span<const int64_t> tokens) { return stops(tokens); });
  if (own.rules() == GenerateRules::transformers) return with_tokens(own, begin);
  own.begin(begin).end(tokenizer->end());
  std::vector<int64_t> never;
  for (const int64_t id : {tokenizer->padding(), tokenizer->unknown()})
    if (id >= 0) never.push_back(id);
  return own.suppressed(never);
}

/// Whether one of the texts to stop at ends in the last token, which it may begin in and go beyond.
bool TextWriter::stops(std::span<const int64_t> tokens) const {
  size_t longest = 0;
  for (const auto& text : options.stop()) longest = std::max(longest, text.size());
  const auto part = tokens.last(std::min(tokens.size(), longest + 1));
  std::vector<int64_t> ids(part.begin(), part.end());
  const auto last = piece(ids.back());
  const auto after = decoded(ids);
  ids.pop_back();
  const auto before = decoded(ids);
  const bool is_special = after == before;  // which is written as nothing
  return std::any_of(options.stop().begin(), options.stop().end(), [&](const auto& text) {
    if (is_special) return last.find(text) != std::string::npos;
    const auto found = after.rfind(text);
    return found != std::string::npos && found + text.size() > before.size();
  });
}

std::vector<std::vector<Hypothesis>> TextWriter::write(const TokenLists& sources,
                                                       const TokenLists& prefixes) const {
  return generate(models, sources, search().prefixes(begun(prefixes, sources.size())));
}

std::vector<std::vector<Hypothesis>> TextWriter::write_from(const SourceBatch& states,
                                                            const TokenLists& prefixes) const {
  return generate_from_states(models, states, search().prefixes(begun_from(states, prefixes)));
}

std::vector<GenerateOptions> TextWriter::options_of(const SourceBatch& states,
                                                    int64_t count) const {
  auto prefixes = states.defined() ? begun_from(states, {}) : begun({}, static_cast<size_t>(count));
  prefixes.resize(static_cast<size_t>(count));
  std::vector<GenerateOptions> all;
  for (auto& prefix : prefixes) all.push_back(search().prefixes({std::move(prefix)}));
  return all;
}

int64_t TextWriter::speech_token(const char* key, const std::string& name) const {
  const auto wanted = "<|" + name + "|>";
  const int64_t id = tokenizer->id(wanted);
  if (id < 0 || piece(id) != wanted)
    throw ModelError(
        text_of("head.generate.tokens.", key, ": the tokenizer has no token ", wanted));
  return id;
}

bool TextWriter::chooses_language() const {
  const auto begin = beginning();
  const auto& all = options.tokens().languages();
  return !all.empty() &&
         (begin.size() < 2 || std::find(all.begin(), all.end(), begin[1]) == all.end());
}

std::vector<int64_t> TextWriter::beginning() const {
  const auto& named = options.tokens();
  if (options.rules() != GenerateRules::transformers || named.begin().empty())
    return {search().begin()};
  auto begin = named.begin();
  const auto is_language = [&](int64_t token) {
    return std::find(named.languages().begin(), named.languages().end(), token) !=
           named.languages().end();
  };
  const bool has_language = begin.size() > 1 && is_language(begin[1]);
  if (!named.language().empty()) {
    const int64_t token = speech_token("language", named.language());
    if (!is_language(token))
      throw ModelError("head.generate.tokens.language: '" + named.language() +
                       "' is none of the model's languages");
    if (has_language)
      begin[1] = token;
    else
      begin.insert(begin.begin() + 1, token);
  }
  if (named.task().empty()) return begin;
  const int64_t task = speech_token("task", named.task());
  for (auto& token : begin)
    if (const auto own = piece(token); own == "<|transcribe|>" || own == "<|translate|>") {
      token = task;
      return begin;
    }
  throw ModelError(
      "head.generate.tokens.task: the model has one task, and its texts begin without");
}

std::vector<int64_t> TextWriter::likeliest_languages(const SourceBatch& states) const {
  const auto own = search();
  auto choices = options.tokens().languages();
  choices.push_back(own.end());
  const auto found = generate_from_states(models, states,
                                          GenerateOptions()
                                              .begin(own.begin())
                                              .end(own.end())
                                              .suppressed({own.end()})
                                              .shortlist(choices)
                                              .max_length(1));
  std::vector<int64_t> languages;
  for (const auto& each : found) languages.push_back(each.front().tokens.front());
  return languages;
}

TokenLists TextWriter::begun_from(const SourceBatch& states, TokenLists prefixes) const {
  const auto begin = beginning();
  const auto languages = chooses_language() ? likeliest_languages(states) : std::vector<int64_t>();
  prefixes.resize(static_cast<size_t>(states.states.size(0)));
  for (size_t i = 0; i < prefixes.size(); ++i) {
    prefixes[i].insert(prefixes[i].begin(), begin.begin() + 1, begin.end());
    if (!languages.empty()) prefixes[i].insert(prefixes[i].begin(), languages[i]);
  }
  return prefixes;
}

std::string TextWriter::decoded(const std::vector<int64_t>& tokens) const {
  auto known = tokens;
  std::erase_if(known, [&](int64_t token) { return token >= tokenizer->size(); });
  auto text = tokenizer->decode(known);
  if (!trims) return text;
  constexpr const char* kBlank = " \t\n\r";
  text.erase(0, std::min(text.size(), text.find_first_not_of(kBlank)));
  text.erase(text.find_last_not_of(kBlank) + 1);
  return text;
}

int64_t TextWriter::end() const {
  const int64_t end = search().end();
  return end >= 0 ? end : tokenizer->end();
}

/// Behind the tokens that every text begins with, of which generate() is told the first.
TokenLists TextWriter::begun(TokenLists prefixes, size_t count) const {
  const auto& begin = options.tokens().begin();
  if (options.rules() != GenerateRules::transformers || begin.size() < 2) return prefixes;
  prefixes.resize(count);
  for (auto& each : prefixes) each.insert(each.begin(), begin.begin() + 1, begin.end());
  return prefixes;
}

GenerateOptions TextWriter::going_on(const std::vector<int64_t>& beginning) const {
  auto own = search();
  own.begin(beginning.front()).prefixes({{beginning.begin() + 1, beginning.end()}});
  if (own.rules() == GenerateRules::own) own.end(-1);
  own.max_length(std::max<int64_t>(1, own.max_length() - 1));
  own.min_length(std::max<int64_t>(0, own.min_length() - 1));
  return own;
}

std::vector<Hypothesis> TextWriter::go_on(const std::vector<int64_t>& beginning) const {
  auto found = generate(models, {}, going_on(beginning)).front();
  for (auto& each : found) {
    each.tokens.insert(each.tokens.begin(), beginning.front());
    each.log_probabilities.insert(each.log_probabilities.begin(), 0);  // it is given, not asked for
    if (!each.seconds.empty()) each.seconds.insert(each.seconds.begin(), each.seconds.front());
  }
  return found;
}

std::vector<std::vector<double>> TextWriter::score(const TokenLists& sources,
                                                   const TokenLists& targets) const {
  return heed::score(models, sources, targets, search());
}

std::vector<std::vector<double>> TextWriter::score_from(const SourceBatch& states,
                                                        const TokenLists& targets) const {
  const auto begun = begun_from(states, targets);
  auto scores = score_from_states(models, states, begun, search());
  for (size_t i = 0; i < scores.size(); ++i)
    scores[i].erase(scores[i].begin(),
                    scores[i].begin() + std::ssize(begun[i]) - std::ssize(targets[i]));
  return scores;
}

Prediction TextWriter::predicted(const std::vector<Hypothesis>& found, int64_t number) const {
  auto json = hypothesis_json(*this, found.front());
  if (found.size() == 1) return {text(found.front()), dump(json)};
  Prediction prediction{text(found.front()), ""};
  for (const auto& each : found) {
    json["hypotheses"].push_back(hypothesis_json(*this, each));
    char score[32];
    std::snprintf(score, sizeof score, "%.4f", each.score);
    prediction.lines.push_back(text_of(number, " ||| ", text(each), " ||| ", score));
  }
  prediction.json = dump(json);
  return prediction;
}

Prediction TextWriter::scored(const std::vector<int64_t>& target,
                              const std::vector<double>& scores) const {
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", sum);
  return {text, dump({{"target", tokenizer->decode(target)},
                      {"log_probability", sum},
                      {"tokens", token_rows(*this, target, scores, {})}})};
}

}  // namespace heed
