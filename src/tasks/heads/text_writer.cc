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

Json hypothesis_json(const data::Tokenizer& tokenizer, const Hypothesis& found) {
  return {{"output", tokenizer.decode(found.tokens)},
          {"score", found.score},
          {"log_probability", found.log_probability},
          {"ended", found.ended},
          {"tokens", token_rows(tokenizer, found.tokens, found.log_probabilities, found.seconds)}};
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
  const auto piece = tokenizer->piece(ids.back());
  const auto after = tokenizer->decode(ids);
  ids.pop_back();
  const auto before = tokenizer->decode(ids);
  const bool is_special = after == before;  // which is written as nothing
  return std::any_of(options.stop().begin(), options.stop().end(), [&](const auto& text) {
    if (is_special) return piece.find(text) != std::string::npos;
    const auto found = after.rfind(text);
    return found != std::string::npos && found + text.size() > before.size();
  });
}

std::vector<std::vector<Hypothesis>> TextWriter::write(const TokenLists& sources,
                                                       const TokenLists& prefixes) const {
  return generate(models, sources, search().prefixes(begun(prefixes, sources.size())));
}

/// Behind the tokens that every text begins with, of which generate() is told the first.
TokenLists TextWriter::begun(TokenLists prefixes, size_t count) const {
  const auto& begin = options.tokens().begin();
  if (options.rules() != GenerateRules::transformers || begin.size() < 2) return prefixes;
  prefixes.resize(count);
  for (auto& each : prefixes) each.insert(each.begin(), begin.begin() + 1, begin.end());
  return prefixes;
}

std::vector<Hypothesis> TextWriter::go_on(const std::vector<int64_t>& beginning) const {
  auto own = search();
  own.begin(beginning.front()).prefixes({{beginning.begin() + 1, beginning.end()}});
  if (own.rules() == GenerateRules::own) own.end(-1);
  own.max_length(std::max<int64_t>(1, own.max_length() - 1));
  own.min_length(std::max<int64_t>(0, own.min_length() - 1));
  auto found = generate(models, {}, own).front();
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

Prediction TextWriter::predicted(const std::vector<Hypothesis>& found, int64_t number) const {
  auto json = hypothesis_json(*tokenizer, found.front());
  if (found.size() == 1) return {text(found.front()), dump(json)};
  Prediction prediction{text(found.front()), ""};
  for (const auto& each : found) {
    json["hypotheses"].push_back(hypothesis_json(*tokenizer, each));
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
                      {"tokens", token_rows(*tokenizer, target, scores, {})}})};
}

}  // namespace heed
