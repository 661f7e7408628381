#include "tasks/cell.h"

#include <algorithm>
#include <unordered_map>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/train/processes.h"
#include "nn/small_products.h"
#include "tasks/collected.h"
#include "tasks/input_lines.h"
#include "tasks/joined_split.h"
#include "tasks/split_batches.h"
#include "tasks/unknown.h"

namespace heed {
namespace {

/// Names of one input or head among several begin with its own.
std::string file_name(const std::string& owner, const std::string& file) {
  return owner.empty() ? file : owner + "." + file;
}

void collect(Files& all, const std::string& owner, const Files& files) {
  for (const auto& [name, bytes] : files) all.emplace(file_name(owner, name), bytes);
}

Files files_of(const Files& all, const std::string& owner) {
  if (owner.empty()) return all;
  Files files;
  for (const auto& [name, bytes] : all)
    if (name.starts_with(owner + ".")) files.emplace(name.substr(owner.size() + 1), bytes);
  return files;
}

/// Gives a part its files. Where there are several, a complaint says which part's they are.
template <class Part>
void load_part(Part& part, const Files& files, const std::string& name) {
  try {
    part.load(files_of(files, name));
  } catch (const ModelError& error) {
    if (name.empty()) throw;
    throw ModelError("of '" + name + "': " + error.what());
  }
}

using Groups = std::vector<std::vector<int64_t>>;

/// Examples with equal values of a column, in the order in which these are met; without a column
/// each example by itself.
Groups groups_of(const Split& split, const std::string& column) {
  Groups groups;
  std::unordered_map<std::string, size_t> numbers;
  for (int64_t i = 0; i < split.size(); ++i) {
    size_t number = groups.size();
    if (!column.empty()) number = numbers.emplace(split.value(i, column), number).first->second;
    if (number == groups.size()) groups.emplace_back();
    groups[number].push_back(i);
  }
  return groups;
}

std::vector<int64_t> examples_of(const Groups& groups, const std::vector<int64_t>& numbers) {
  std::vector<int64_t> examples;
  for (const int64_t number : numbers) {
    const auto& group = groups[static_cast<size_t>(number)];
    examples.insert(examples.end(), group.begin(), group.end());
  }
  std::sort(examples.begin(), examples.end());
  return examples;
}

}  // namespace

const std::vector<int64_t>& size_of(const Sizes& input, const std::string& name,
                                    const char* encoder, size_t count) {
  const auto found = input.find(name);
  if (found != input.end() && (count == 0 || found->second.size() == count)) return found->second;
  std::string known;
  for (const auto& [other, sizes] : input) known += (known.empty() ? "" : ", ") + other;
  throw ModelError("encoder.kind: the encoder '" + std::string(encoder) + "' reads '" + name +
                   "', and the input gives " + known + "; choose another encoder or input");
}

std::vector<KeyName> keys_of_readers(const Source& source) {
  std::vector<KeyName> names;
  for (const char* field : {"format", "columns", "delimiter", "quoting"})
    names.push_back({std::string("records: ") + field, std::string("data.") + field});
  names.push_back({"records: ", source.role == "input" ? "" : source.called() + ": "});
  for (const char* reader : {"series: ", "events: ", "text pairs: "})
    names.push_back({reader, "input."});
  for (const char* table : {"augment.", "normalize.", "tokenizer.", "entity_permutation"})
    names.push_back({table, std::string("input.") + table});
  return names;
}

Cell::Cell(Recipe given) : recipe(std::move(given)) {
  for (const auto& head : recipe.heads) head.get()->set_name(head.name);
}

data::RecordFormat Cell::piped_format() const {
  const auto& data = recipe.data;
  const auto format = data.records.format;
  if (format != data::RecordFormat::by_name || data.train.empty()) return format;
  return data::record_format_of(data.train.front());
}

Source Cell::source(const std::string& role, const std::vector<std::string>& paths,
                    const std::string& flag) const {
  Source source{role, paths, {}, recipe.target_columns(), flag};
  if (input().reads_records(paths)) {
    auto options = recipe.data.records;
    if (std::any_of(paths.begin(), paths.end(), flows)) options.format = piped_format();
    source.records = by_source(source, [&] {
      return data::open_records({paths.begin(), paths.end()}, options);
    });
  }
  return source;
}

const InputTable* Cell::answered() const {
  if (!has_several_inputs()) return &recipe.inputs.front();
  const auto name = has_several_heads() ? "" : recipe.heads.front().get()->answered_input();
  for (const auto& table : recipe.inputs)
    if (table.name == name) return &table;
  return nullptr;
}

SplitPtr Cell::as_answered(SplitPtr split) const {
  return has_several_inputs() && split ? join({{answered()->name, std::move(split)}}) : split;
}

SplitPtr Cell::open(const Source& source) {
  const auto open_one = [&](const InputTable& table) {
    return by_source(source, [&] { return table.get()->open(source); });
  };
  const bool is_answered = source.role == "input" || !has_several_inputs();
  if (const auto* only = is_answered ? answered() : nullptr) return as_answered(open_one(*only));
  std::vector<NamedSplit> splits;
  for (const auto& table : recipe.inputs) splits.push_back({table.name, open_one(table)});
  return join(std::move(splits));
}

std::pair<SplitPtr, SplitPtr> Cell::hold_out(const SplitPtr& train) const {
  const auto& data = recipe.data;
  const auto seed = static_cast<uint64_t>(recipe.seed);
  if (data.group.empty()) return input().hold_out(train, data.holdout, seed);
  const auto groups = groups_of(*train, data.group);
  if (groups.size() < 2)
    throw DataError("data.group: the column '" + data.group +
                    "' of the training data has one value only; expected several, of which some "
                    "are held out");
  const auto [rest, held] = data::hold_out_numbers(std::ssize(groups), data.holdout, seed);
  return {subset(train, examples_of(groups, rest)), subset(train, examples_of(groups, held))};
}

std::pair<SplitPtr, SplitPtr> Cell::fold(const SplitPtr& all) const {
  const auto& data = recipe.data;
  const auto groups = groups_of(*all, data.group);
  if (std::ssize(groups) < data.folds)
    throw DataError("data.folds = " + std::to_string(data.folds) + ": the training data has " +
                    std::to_string(groups.size()) +
                    (data.group.empty() ? " examples" : " values of '" + data.group + "'") +
                    " only; give fewer folds");
  std::vector<int64_t> rest, test;
  for (int64_t i = 0; i < std::ssize(groups); ++i)
    (i % data.folds == data.fold ? test : rest).push_back(i);
  return {subset(all, examples_of(groups, rest)), subset(all, examples_of(groups, test))};
}

Sizes Cell::sizes() const {
  if (!has_several_inputs()) return input().sizes();
  Sizes all;
  for (const auto& table : recipe.inputs)
    for (const auto& [name, sizes] : table.get()->sizes())
      all.emplace(table.name + "." + name, sizes);
  return all;
}

void Cell::make_model() {
  module = std::make_shared<CellModule>();
  encoder = recipe.encoder->make(sizes());
  module->register_module("encoder", std::static_pointer_cast<torch::nn::Module>(encoder));
  const HeadContext context{recipe.train, static_cast<uint64_t>(recipe.seed)};
  auto parent = module;
  if (has_several_heads())
    parent = module->register_module("heads", std::make_shared<CellModule>());
  for (const auto& table : recipe.heads) {
    parent->register_module(has_several_heads() ? table.name : "head",
                            table.get()->make(encoder, input(), context));
  }
}

Tokens Cell::encode(const Batch& batch) { return encoder->forward(batch); }

Batch Cell::with_targets(const Split& split, Batch batch, const Draw& draw) const {
  const auto* first = batch.records.data_ptr<int64_t>();
  const std::vector<int64_t> examples(first, first + batch.records.numel());
  for (const auto& table : recipe.heads) table.get()->add_targets(split, examples, draw, batch);
  return batch;
}

std::unique_ptr<BatchSource> Cell::batches(const SplitPtr& split,
                                           const BatchOptions& options) const {
  if (!has_several_inputs()) return input().batches(split, options);
  return std::make_unique<SplitBatches>(split, options, input().workers());
}

void Cell::run_example() {
  const at::NoGradGuard no_grad;
  Batch batch{{}, at::zeros({1}, at::kLong)};
  if (!has_several_inputs()) batch = input().example();
  if (has_several_inputs()) {
    for (const auto& table : recipe.inputs)
      for (auto& [name, tensor] : table.get()->example().tensors)
        batch.tensors.emplace(table.name + "." + name, tensor);
  }
  const auto tokens = encode(batch);
  for (const auto& head : recipe.heads) head.get()->output(tokens, batch);
}

Files Cell::files() const {
  Files all;
  for (const auto& table : recipe.inputs)
    collect(all, has_several_inputs() ? table.name : "", table.get()->files());
  for (const auto& table : recipe.heads)
    collect(all, has_several_heads() ? table.name : "", table.get()->files());
  return all;
}

void Cell::load_inputs(const Files& files) {
  for (const auto& table : recipe.inputs)
    load_part(*table.get(), files, has_several_inputs() ? table.name : "");
}

void Cell::load(const Files& files) {
  load_inputs(files);
  for (const auto& table : recipe.heads)
    load_part(*table.get(), files, has_several_heads() ? table.name : "");
}

Metrics Cell::named(const HeadTable& head, const Metrics& metrics) const {
  if (!has_several_heads()) return metrics;
  Metrics named;
  for (const auto& [name, value] : metrics) named.emplace_back(head.name + "." + name, value);
  return named;
}

namespace {

std::vector<std::unique_ptr<Scorer>> scorers_of(const Cell& cell, const SplitPtr& split,
                                                bool quick) {
  std::vector<std::unique_ptr<Scorer>> all;
  for (const auto& table : cell.recipe.heads) all.push_back(table.get()->scorer(split, quick));
  return all;
}

/// Scorers that have seen a share of a split's batches.
std::vector<std::unique_ptr<Scorer>> add_batches(Cell& cell, const SplitPtr& split, bool quick,
                                                 UnknownPieces* unknown,
                                                 const std::function<void(Batch&)>& change,
                                                 const data::Share& share) {
  auto scorers = scorers_of(cell, split, quick);
  BatchOptions options;
  options.batch = cell.recipe.train.batch;
  options.contiguous = cell.recipe.heads.front().get()->is_stateful();
  const auto source = cell.batches(split, options);
  if (share.count > 1) source->take(share);
  while (auto batch = source->next()) {
    if (batch->size() == 0) continue;
    if (unknown) unknown->add(cell, *split, *batch);
    auto whole = cell.with_targets(*split, std::move(*batch), {});
    if (change) change(whole);
    const auto tokens = cell.encode(whole);
    for (auto& scorer : scorers) scorer->add(tokens, whole);
  }
  return scorers;
}

SplitScore score_of(const Cell& cell, std::vector<std::unique_ptr<Scorer>> scorers, bool quick) {
  SplitScore score{{}, std::move(scorers)};
  for (size_t i = 0; i < score.scorers.size(); ++i) {
    const auto& head = cell.recipe.heads[i];
    auto metrics = score.scorers[i]->metrics();
    if (!quick) {
      const auto baseline = score.scorers[i]->baseline();
      metrics.insert(metrics.end(), baseline.begin(), baseline.end());
    }
    const auto named = cell.named(head, metrics);
    score.metrics.insert(score.metrics.end(), named.begin(), named.end());
  }
  return score;
}

/// Whether shares of a split can be put together.
bool can_be_shared(const Cell& cell, const SplitPtr& split, bool quick) {
  if (cell.recipe.heads.front().get()->is_stateful()) return false;
  Collected nothing;
  const auto scorers = scorers_of(cell, split, quick);
  return std::all_of(scorers.begin(), scorers.end(),
                     [&](const auto& scorer) { return scorer->collected(nothing); });
}

}  // namespace

SplitScore score_split(Cell& cell, const SplitPtr& split, bool quick, UnknownPieces* unknown,
                       const std::function<void(Batch&)>& change) {
  const at::NoGradGuard no_grad;
  const nn::SmallProducts small;
  const nn::RowsAlone alone;  // a Predictor gives the bits that training measured
  return score_of(cell, add_batches(cell, split, quick, unknown, change, {}), quick);
}

SplitScore score_split(Cell& cell, const SplitPtr& split, bool quick, Processes& processes) {
  if (!processes.are_several() || !can_be_shared(cell, split, quick))
    return score_split(cell, split, quick);
  const at::NoGradGuard no_grad;
  const nn::SmallProducts small;
  const nn::RowsAlone alone;
  const auto own =
      add_batches(cell, split, quick, nullptr, {}, {processes.rank(), processes.count()});
  auto whole = scorers_of(cell, split, quick);
  for (size_t i = 0; i < whole.size(); ++i) {
    Collected state;
    own[i]->collected(state);
    for (auto& bytes : processes.gather(state.bytes())) {
      Collected part(std::move(bytes));
      whole[i]->collected(part);
    }
  }
  return score_of(cell, std::move(whole), quick);
}

}  // namespace heed
