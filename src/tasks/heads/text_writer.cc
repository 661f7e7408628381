#include "tasks/heads/text_writer.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/text.h"

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
  own.begin(tokenizer->begin()).end(tokenizer->end());
  std::vector<int64_t> never;
  for (const int64_t id : {tokenizer->padding(), tokenizer->unknown()})
    if (id >= 0) never.push_back(id);
  return own.suppressed(never);
}

std::vector<std::vector<Hypothesis>> TextWriter::write(const TokenLists& sources,
                                                       const TokenLists& prefixes) const {
  return generate(models, sources, search().prefixes(prefixes));
}

std::vector<Hypothesis> TextWriter::go_on(const std::vector<int64_t>& beginning) const {
  auto own = search();
  own.begin(beginning.front()).end(-1).prefixes({{beginning.begin() + 1, beginning.end()}});
  own.max_length(std::max<int64_t>(1, own.max_length() - 1));
  auto found = generate(models, {}, own).front();
  for (auto& each : found) each.tokens.insert(each.tokens.begin(), beginning.front());
  return found;
}

std::vector<std::vector<double>> TextWriter::score(const TokenLists& sources,
                                                   const TokenLists& targets) const {
  return heed::score(models, sources, targets, search());
}

Prediction TextWriter::predicted(const std::vector<Hypothesis>& found, int64_t number) const {
  auto json = hypothesis_json(*tokenizer, found.front());
  if (found.size() == 1) return {text(found.front()), dump(json)};
  Prediction prediction{text(found.front()), "", {}};
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
