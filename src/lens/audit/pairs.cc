// Sentences in pairs: which of the two a model finds likelier, or answers how.
#include <algorithm>
#include <map>
#include <numeric>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/data/record_files.h"
#include "lens/audit/compared.h"

namespace heed::lens {
namespace {

using Likelihoods = std::vector<TokenLikelihood>;

double sum_of(const Likelihoods& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), 0.0,
                         [](double sum, const auto& token) { return sum + token.log_probability; });
}

/// The sums over the tokens of the longest common subsequence.
std::pair<double, double> sums_of_common(const Likelihoods& a, const Likelihoods& b) {
  const size_t columns = b.size() + 1;
  std::vector<size_t> length((a.size() + 1) * columns);  // of what lies behind i and j
  for (size_t i = a.size(); i-- > 0;)
    for (size_t j = b.size(); j-- > 0;)
      length[i * columns + j] = a[i].token == b[j].token ? length[(i + 1) * columns + j + 1] + 1
                                                         : std::max(length[(i + 1) * columns + j],
                                                                    length[i * columns + j + 1]);
  double first = 0, second = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].token == b[j].token) {
      first += a[i++].log_probability, second += b[j++].log_probability;
    } else if (length[(i + 1) * columns + j] >= length[i * columns + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return {first, second};
}

/// The number of a column that the first row names. Of others the names do not matter: CrowS-Pairs has one without.
int64_t column_in_first_row(const data::Records& records, const std::string& name) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < std::ssize(records.columns()); ++i)
    names.emplace_back(records.size() > 0 ? records.text(0, i) : "");
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw DataError(records.name() + ": no column '" + name + "'" + suggestion(name, names));
  if (std::find(found + 1, names.end(), name) != names.end())
    throw DataError(records.name() + ": two columns are called '" + name + "'");
  return found - names.begin();
}

PairScore score_of(const std::string& name, const std::vector<PairExample>& examples,
                   uint64_t seed) {
  PairScore score;
  score.name = name, score.pairs = std::ssize(examples);
  std::vector<double> differences;
  int64_t first = 0;
  for (const auto& example : examples) {
    differences.push_back(example.first - example.second);
    first += example.first > example.second, score.ties += example.first == example.second;
  }
  score.prefers = share_of(first, score.pairs);
  score.difference = mean_of(differences, seed);
  return score;
}

PairsAudit score_likelihoods(Predictor& predictor, const std::vector<SentencePair>& pairs,
                             bool hidden, uint64_t seed) {
  PairsAudit result;
  std::map<std::string, std::vector<PairExample>> kinds;
  for (const auto& pair : pairs) {
    const auto split = predictor.texts({{pair.first, pair.place}, {pair.second, pair.place}});
    const auto found = predictor.likelihoods(split);
    const auto [first, second] =
        hidden ? sums_of_common(found[0], found[1]) : std::pair(sum_of(found[0]), sum_of(found[1]));
    result.examples.push_back({pair, first, second});
    kinds[pair.kind].push_back(result.examples.back());
  }
  result.scores.push_back(score_of("all", result.examples, seed));
  for (const auto& [kind, examples] : kinds)
    if (!kind.empty()) result.scores.push_back(score_of(kind, examples, seed));
  return result;
}

}  // namespace

std::vector<SentencePair> read_pairs(const std::string& file, const std::string& first,
                                     const std::string& second, const std::string& kind) {
  if (first == second)
    throw UsageError("--columns: expected two columns, given '" + first + "' twice");
  const auto format = data::record_format_of(file);
  const bool is_table = format == data::RecordFormat::csv || format == data::RecordFormat::tsv;
  const auto records = data::open_records({file}, {.header = !is_table});
  const auto number = [&](const std::string& name) {
    return is_table ? column_in_first_row(*records, name) : records->column(name);
  };
  const auto a = number(first), b = number(second), c = kind.empty() ? -1 : number(kind);
  std::vector<SentencePair> pairs;
  for (int64_t i = is_table ? 1 : 0; i < records->size(); ++i) {
    SentencePair pair{std::string(records->text(i, a)), std::string(records->text(i, b)),
                      records->place(i), c < 0 ? "" : std::string(records->text(i, c))};
    if (pair.first.empty() || pair.second.empty())
      throw DataError(pair.place + ": the column '" + (pair.first.empty() ? first : second) +
                      "' is empty; expected a sentence");
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

PairsAudit audit_pairs(Predictor& predictor, const std::vector<SentencePair>& pairs,
                       const AuditOptions& options) {
  const auto& recipe = predictor.recipe();
  const bool hidden = recipe.heads.front().kind == "masked";
  if (hidden || recipe.inputs.front().kind == "corpus")
    return score_likelihoods(predictor, pairs, hidden, options.seed);
  check_comparable(predictor, options);
  std::vector<TextLine> first, second;
  for (const auto& pair : pairs)
    first.push_back({pair.first, pair.place}), second.push_back({pair.second, pair.place});
  PairsAudit result;
  auto& answers = result.answers.emplace();
  answers.name = "all";
  if (pairs.empty()) return result;
  compare_all(predictor, predictor.texts(first), predictor.texts(second), options, answers);
  std::map<std::string, std::vector<int64_t>> kinds;
  for (size_t i = 0; i < pairs.size(); ++i) kinds[pairs[i].kind].push_back(static_cast<int64_t>(i));
  for (const auto& [kind, numbers] : kinds)
    if (!kind.empty())
      answers.rules.push_back(change_of(kind, answers.examples, numbers, options.seed));
  return result;
}

}  // namespace heed::lens
