#include "heed/tasks/predictor.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/nn/recording.h"
#include "nn/int8_weights.h"
#include "nn/linear.h"
#include "nn/model_memory.h"
#include "nn/not_initialized.h"
#include "tasks/cell.h"
#include "tasks/changed_records.h"
#include "tasks/file_stream.h"
#include "tasks/inputs/line_stream.h"
#include "tasks/opened_model.h"
#include "tasks/record_stream.h"
#include "tasks/unknown.h"
#include "train/size_keys.h"

namespace heed {
namespace {

uint64_t bytes_of(const NamedTensors& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  return bytes;
}

/// Examples in batches of up to some thousand tokens with padding, from the shortest to the longest.
std::vector<std::vector<int64_t>> of_like_lengths(const Split& examples) {
  constexpr int64_t kMostTokens =
      1024;  // what layers of some hundred channels write stays in a cache
  std::vector<int64_t> order(static_cast<size_t>(examples.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return examples.length(a) < examples.length(b); });
  std::vector<std::vector<int64_t>> batches;
  for (const int64_t example : order) {
    const int64_t length = std::max<int64_t>(examples.length(example), 1);
    if (batches.empty() || static_cast<int64_t>(batches.back().size() + 1) * length > kMostTokens)
      batches.emplace_back();
    batches.back().push_back(example);
  }
  return batches;
}

/// Names the encoder's tokens where they are others than those that are shown.
void name_tokens(Shown& shown, const Split& example, const Tokens& tokens) {
  const auto take = [&](std::vector<TokenPlace> places) {
    if (!places.empty()) shown.tokens = std::move(places);
  };
  take(example.read_tokens(0));
  if (tokens.grid) take(example.grid_tokens(0, *tokens.grid));
  if (tokens.frames) take(example.frame_tokens(0, *tokens.frames));
}

/// Refuses what no trained model looks at.
void set_of_trained(RecipeFile& file, const std::string& assignment) {
  const auto key = assignment.substr(0, assignment.find('='));
  const bool of_training = (key.starts_with("train.") && key != "train.batch") ||
                           key.starts_with("model.") || key.starts_with("gap.");
  for (const char* other :
       {"out", "seed", "train", "gap", "model.from", "data.valid", "data.holdout"})
    if (key == other || of_training)
      throw UsageError("--set " + assignment + ": " + key +
                       " says how a model is trained, and this one is; leave it out");
  file.set(assignment);
}

/// Keys of the records' options that have a place in this format.
std::set<std::string> keys_of_format(data::RecordFormat format) {
  std::set<std::string> keys;
  data::RecordOptions options;
  options.format = format, options.quoting = false;
  for (const auto& entry : list_fields(options)) keys.insert(entry.path);
  return keys;
}

std::string without_quotes(std::string value) {
  std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
  return value;
}

/// Files of another format than the model learned from are read where --set names it: the keys of
/// the old format that the new one lacks go, unless --set names these, too.
void follow_format(RecipeFile& file, const std::vector<std::string>& set) {
  std::set<std::string> given;
  for (const auto& assignment : set) given.insert(assignment.substr(0, assignment.find('=')));
  if (!given.contains("data.format")) return;
  const auto format =
      from_word<data::RecordFormat>(without_quotes(file.values().at("data.format")));
  if (!format) return;  // refused where the recipe is read
  const auto kept = keys_of_format(*format);
  for (const auto& key : keys_of_format(data::RecordFormat::by_name))
    if (!kept.contains(key) && !given.contains("data." + key)) file.erase("data." + key);
}

/// Has texts cut in place of refused, whichever input reads them.
void cut_too_long(RecipeFile& file) {
  const auto values = file.values();
  const std::string end = ".max_length";
  bool found = false;
  for (const auto& [key, value] : values) {
    if (!key.starts_with("input") || !key.ends_with(end) || value == "0") continue;
    const auto table = key.substr(0, key.size() - end.size());
    const auto kind = values.find(table + ".kind");
    if (kind == values.end() || without_quotes(kind->second) != "text") continue;
    file.set(table + ".too_long=\"cut\"");
    found = true;
  }
  if (!found)
    throw UsageError(
        "--truncate cuts texts to the tokens that a model takes, input.max_length, and this model "
        "has no such limit; leave it out");
}

/// Whether the call itself says how its files are read.
bool sets_format(const std::vector<std::string>& set) {
  return std::any_of(set.begin(), set.end(), [](const auto& assignment) {
    const std::string key = "data.format=";
    return assignment.starts_with(key) && without_quotes(assignment.substr(key.size())) != "lines";
  });
}

/// The first head where no name is given.
HeadTable& head_called(std::vector<HeadTable>& heads, const std::string& name) {
  if (name.empty()) return heads.front();
  std::vector<std::string> names;
  for (auto& head : heads) {
    if (head.name == name) return head;
    names.push_back(head.name);
  }
  throw UsageError("--of: the model has no head '" + name + "'" + suggestion(name, names));
}

/// What heads find wrong with a model's numbers is said of the file of its weights.
template <class Compute>
auto by_weights(const std::string& file, Compute&& compute) {
  try {
    return compute();
  } catch (const ModelError& error) {
    throw ModelError(file + ": " + error.what());
  }
}

/// Of items: their files are records, and what comes through a pipe is a list of items a line.
void check_format_of_pipes(const Input& input, const data::RecordOptions& records) {
  if (!input.record_stream({}, records)) return;
  throw UsageError(
      "--set data.format says how files are read, and a pipe gives an input a line here; name a "
      "file");
}

void check_names_of_files(const Stream& stream) {
  if (!dynamic_cast<const FileStream*>(&stream)) return;
  throw UsageError(
      "--set data.format says how files of records are read, and standard input gives this input "
      "the names of its files, one a line; name a file of records");
}

/// The column that a line of plain text stands for, of the only input that answers depend on; empty: there is none.
std::string answered_column(const Cell& cell) {
  const auto* only = cell.answered();
  return only ? only->get()->line_column() : "";
}

/// What an input streams, under the input's name where there are several.
class AnsweredStream : public Stream {
 public:
  AnsweredStream(const Cell& cell, std::unique_ptr<Stream> own)
      : cell_(cell), own_(std::move(own)) {}
  SplitPtr next(int64_t most) override { return cell_.as_answered(own_->next(most)); }

 private:
  const Cell& cell_;
  std::unique_ptr<Stream> own_;
};

}  // namespace

Predictor::Predictor() : unknown_(std::make_unique<UnknownPieces>()) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

Predictor Predictor::load(const std::filesystem::path& where, const std::vector<std::string>& set,
                          Truncation truncation) {
  const auto opened = open_model(where);
  const auto& files = opened.files;
  const auto weights_file = opened.folder / "model.safetensors";
  auto file = RecipeFile::parse(files.recipe, opened.recipe_name);
  for (const auto& assignment : set) set_of_trained(file, assignment);
  follow_format(file, set);
  if (truncation == Truncation::cut) cut_too_long(file);
  Predictor predictor;
  predictor.is_format_set_ = sets_format(set);
  by_recipe(opened.recipe_name, [&] {
    predictor.cell_ = std::make_unique<Cell>(Recipe::read_complete(file));
    predictor.cell_->load(files.others);
    const nn::ModelMemory memory(bytes_of(files.tensors), weights_file.string(),
                                 sizes_of(predictor.cell_->recipe.entries()));
    const nn::NotInitialized loaded;
    predictor.cell_->make_model();
  });
  take_into(*predictor.cell_->module, files.tensors, weights_file);
  for (const auto& item : predictor.cell_->module->named_parameters())
    if (const auto found = opened.int8.find(item.key()); found != opened.int8.end())
      nn::mark_int8(item.value(), found->second);
  predictor.cell_->module->eval();
  predictor.weights_ = (is_directory(opened.folder) ? weights_file : opened.folder).string();
  return predictor;
}

const Recipe& Predictor::recipe() const { return cell_->recipe; }
torch::nn::Module& Predictor::module() { return *cell_->module; }

std::vector<std::string> Predictor::heads() const {
  std::vector<std::string> names;
  for (const auto& head : cell_->recipe.heads) names.push_back(head.name);
  return names;
}

Evaluation Predictor::evaluate(const std::vector<std::string>& given) {
  return evaluate(measured(given));
}

SplitPtr Predictor::measured(const std::vector<std::string>& given,
                             const RecordChange& change) const {
  const auto& data = cell_->recipe.data;
  const bool fold = given.empty() && data.folds > 0;
  const auto& paths = fold ? data.train : given.empty() ? cell_->recipe.paths("test") : given;
  if (paths.empty()) throw UsageError("the recipe names no test data; name some by --data");
  auto source = cell_->source("test", paths, given.empty() ? "" : "--data");
  if (change) source.records = change(source.records);
  const auto split = cell_->open(source);
  return fold ? cell_->fold(split).second : split;
}

Evaluation Predictor::evaluate(const SplitPtr& split) {
  for (const auto& head : cell_->recipe.heads) {
    head.get()->check(*split, false);
    head.get()->check_made(*split);
  }
  const auto start = std::chrono::steady_clock::now();
  const nn::RowsAlone alone(cell_->packed);
  UnknownPieces unknown;
  auto score = by_weights(weights_, [&] { return score_split(*cell_, split, false, &unknown); });
  unknown.check(*cell_);
  Evaluation result;
  result.note = note(unknown);
  result.examples = split->size();
  result.metrics = std::move(score.metrics);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto details = nlohmann::ordered_json::object();
  for (size_t i = 0; i < score.scorers.size(); ++i) {
    const auto own = nlohmann::ordered_json::parse(score.scorers[i]->details());
    const auto& name = cell_->recipe.heads[i].name;
    if (cell_->has_several_heads())
      details[name] = own;
    else
      details = own;
    const auto report = score.scorers[i]->report();
    if (!report.empty() && cell_->has_several_heads()) result.report += name + "\n";
    result.report += report;
    for (auto& plot : score.scorers[i]->plots()) {
      if (cell_->has_several_heads()) plot.title = name + ": " + plot.title;
      result.plots.push_back(std::move(plot));
    }
  }
  for (const auto& [what, count] : unknown.counts()) {
    const bool of_text = what == "pieces of text";
    details[of_text ? "pieces_of_text" : "cells_of_categories"] = count.pieces;
    details[of_text ? "unknown_pieces" : "unknown_categories"] = count.unknown;
  }
  result.details = details.dump();
  result.outputs = score.scorers.front()->outputs();
  return result;
}

ChangedData Predictor::change_texts(const std::vector<std::string>& files,
                                    const TextChange& change) const {
  ChangedData data;
  if (!cell_->recipe.data.reads_records) {
    auto before = lines_of_files(files);
    std::vector<TextLine> kept, after;
    for (size_t i = 0; i < before.size(); ++i) {
      auto other = change(static_cast<int64_t>(i), before[i].text);
      if (other == before[i].text) continue;
      data.records.push_back(static_cast<int64_t>(i));
      after.push_back({std::move(other), before[i].place}), kept.push_back(std::move(before[i]));
    }
    data.unchanged = std::ssize(before) - std::ssize(after);
    if (!after.empty())
      data.before = cell_->input().texts(kept), data.after = cell_->input().texts(after);
    return data;
  }
  std::vector<std::string> columns;
  for (const auto& table : cell_->recipe.inputs)
    for (auto& column : table.get()->text_columns()) columns.push_back(std::move(column));
  if (columns.empty())
    throw UsageError("words of texts are changed, and this model's input '" +
                     cell_->recipe.inputs.front().kind +
                     "' reads none; expected one of the kinds text, document or parallel");
  auto source = Source{"input", files, {}, cell_->recipe.target_columns(), "--data"};
  source.records = records_of_text_files(files, is_format_set_ ? "" : cell_->line_column());
  if (!source.records) source = cell_->source("input", files, "--data");
  const auto other = std::make_shared<ChangedRecords>(source.records, columns, change);
  const auto changed = other->changed();
  data.unchanged = other->size() - std::ssize(changed);
  if (changed.empty()) return data;
  auto altered = source;
  source.records = data::subset(source.records, changed);
  altered.records = data::subset(other, changed);
  data.before = cell_->open(source), data.after = cell_->open(altered);
  for (int64_t i = 0; i < data.before->size(); ++i)
    data.records.push_back(changed[static_cast<size_t>(data.before->record(i))]);
  data.has_targets = !source.targets.empty() &&
                     std::all_of(source.targets.begin(), source.targets.end(),
                                 [&](const auto& target) { return data.before->has(target); });
  return data;
}

SplitPtr Predictor::texts(std::vector<TextLine> lines) const {
  if (!cell_->recipe.data.reads_records) return cell_->input().texts(std::move(lines));
  const auto column = answered_column(*cell_);
  if (column.empty())
    throw UsageError(
        "a text alone is no example of this model, which reads several columns or none");
  return cell_->open({"input", {"-"}, line_records(column, std::move(lines))});
}

std::vector<std::vector<TokenLikelihood>> Predictor::likelihoods(const SplitPtr& examples) {
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell_->packed);
  std::vector<int64_t> numbers(static_cast<size_t>(examples->size()));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  const auto batch = examples->batch(numbers, {});
  return by_weights(weights_, [&] {
    return cell_->recipe.heads.front().get()->likelihoods(cell_->encode(batch), batch);
  });
}

std::unique_ptr<Stream> Predictor::stream(const std::vector<std::string>& inputs) const {
  if (auto asked = cell_->recipe.heads.front().get()->requests(inputs)) return asked;
  if (!cell_->recipe.data.reads_records) return cell_->input().stream(inputs);
  const auto& records = cell_->recipe.data.records;
  if (const auto* only = cell_->answered()) {
    if (auto own = only->get()->record_stream(inputs, records)) {
      if (is_format_set_ && std::find(inputs.begin(), inputs.end(), "-") != inputs.end())
        check_names_of_files(*own);
      return std::make_unique<AnsweredStream>(*cell_, std::move(own));
    }
    if (is_format_set_) check_format_of_pipes(*only->get(), records);
  }
  return std::make_unique<RecordStream>(
      inputs, records, is_format_set_ ? "" : answered_column(*cell_),
      [this](const Source& source) { return cell_->open(source); }, cell_->piped_format());
}

void Predictor::answer_by(const AnswerOptions& options) {
  for (const auto& head : cell_->recipe.heads) head.get()->answer_by(options);
  for (const auto& folder : options.with) weights_ += " with " + folder;
}

Predictor::Read Predictor::read(const SplitPtr& examples) {
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell_->packed);
  std::vector<int64_t> numbers(static_cast<size_t>(examples->size()));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  Read read{.batch = examples->batch(numbers, {})};
  unknown_->add(*cell_, *examples, read.batch);
  read.tokens = cell_->encode(read.batch);
  return read;
}

std::vector<std::vector<Prediction>> Predictor::predict(const SplitPtr& examples) {
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell_->packed);
  const auto [batch, tokens] = read(examples);
  std::vector<std::vector<Prediction>> all(static_cast<size_t>(examples->size()));
  for (const auto& head : cell_->recipe.heads) {
    auto found = by_weights(weights_, [&, &batch = batch, &tokens = tokens] {
      return head.get()->predict(tokens, batch, *examples);
    });
    for (size_t i = 0; i < found.size(); ++i) all[i].push_back(std::move(found[i]));
  }
  return all;
}

at::Tensor Predictor::embed(const SplitPtr& examples) {
  Head* head = nullptr;
  for (const auto& table : cell_->recipe.heads)
    if (!head && table.get()->gives_vectors()) head = table.get().get();
  if (!head)
    throw UsageError(
        "this model has no head 'embedding', which gives a vector an example; it has " +
        cell_->recipe.heads.front().kind);
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell_->packed);
  at::Tensor all;
  for (const auto& together : of_like_lengths(*examples)) {
    const auto batch = examples->batch(together, {});
    unknown_->add(*cell_, *examples, batch);
    const auto vectors = head->output(cell_->encode(batch), batch).to(at::kFloat);  // (n, W)
    if (!all.defined()) all = at::empty({examples->size(), vectors.size(1)});
    all.index_copy_(0, at::tensor(together), vectors);
  }
  return all;
}

int64_t Predictor::readable(const SplitPtr& examples) const {
  for (int64_t i = 0; i < examples->size(); ++i) {
    try {
      examples->batch({i}, {});
    } catch (const Error&) {
      return i;
    }
  }
  return examples->size();
}

std::string Predictor::finish() {
  for (const auto& head : cell_->recipe.heads) head.get()->finish();
  unknown_->check(*cell_);
  return note(*unknown_);
}

std::string Predictor::note(const UnknownPieces& unknown) const {
  auto all = unknown.note();
  for (const auto& table : cell_->recipe.inputs)
    if (const auto own = table.get()->note(); !own.empty()) all += (all.empty() ? "" : "; ") + own;
  return all;
}

SplitPtr Predictor::find(const std::string& input) const {
  if (!cell_->recipe.data.reads_records) return cell_->input().find(input);
  if (is_format_set_ && !file_line_of(input))
    throw UsageError("--set data.format says how a file is read, and the input is no FILE:LINE");
  if (const auto* only = cell_->answered())
    if (auto own = only->get()->find_record(input, cell_->recipe.data.records))
      return cell_->as_answered(std::move(own));
  return cell_->open(find_record(input, cell_->recipe.data.records,
                                 is_format_set_ ? "" : answered_column(*cell_)));
}

Explanation Predictor::explain(const SplitPtr& example, const std::string& target) {
  const at::NoGradGuard no_grad;
  const nn::RowsAlone alone(cell_->packed);
  Explanation result;
  result.shown = example->show(0);
  const auto batch = example->batch({0}, {});
  Recording recording(*cell_->module);
  const auto tokens = cell_->encode(batch);
  result.grid = tokens.map_grid ? tokens.map_grid : tokens.grid;
  name_tokens(result.shown, *example, tokens);
  for (const auto& head : cell_->recipe.heads) {
    result.heads.push_back(
        by_weights(weights_, [&] { return head.get()->explain(tokens, batch, *example, target); }));
    result.heads.back().expected = head.get()->expected(*example, 0);
  }
  result.maps = recording.maps();
  return result;
}

Question Predictor::ask(const SplitPtr& example, const AimOptions& options,
                        const std::string& name) {
  const at::NoGradGuard no_grad;
  auto& head = head_called(cell_->recipe.heads, name);
  Question question;
  question.shown = example->show(0);
  question.batch = example->batch({0}, {});
  question.model = cell_->module.get();
  question.head = head.kind;
  unknown_->add(*cell_, *example, question.batch);
  const auto tokens = cell_->encode(question.batch);
  const bool is_clip = tokens.map_grid && tokens.map_grid->frames > 0;
  question.grid = is_clip ? tokens.map_grid : tokens.grid;
  name_tokens(question.shown, *example, tokens);
  if (!cell_->has_several_inputs()) question.tokenizer = cell_->input().tokenizer();
  question.looked = by_weights(weights_, [&] {
    return head.get()->explain(tokens, question.batch, *example,
                               head.get()->writes_text() ? options.target : "");
  });
  question.looked.expected = head.get()->expected(*example, 0);
  auto aim = head.get()->aim(tokens, question.batch, *example, options, question.looked);
  question.aim = std::move(aim.value), question.share = std::move(aim.share);
  question.of = [cell = cell_.get(), of = std::move(aim.of)](const Batch& batch) {
    return of(cell->encode(batch), batch);
  };
  return question;
}

void Predictor::run_example() { cell_->run_example(); }

}  // namespace heed
