// Rows of a table: numbers and categories, a token a column.
#include <cmath>

#include "heed/core/error.h"
#include "tasks/inputs.h"
#include "tasks/inputs/table_columns.h"
#include "tasks/record_split.h"

namespace heed {
namespace {

constexpr const char* kTableFile = "table.json";

/// What splits share with their input, which learns after the first was opened.
struct TableState {
  TableOptions options;
  TableColumns columns;
};

/// numbers (B, N) float32, NaN where one is missing; categories (B, C) int64, 0: unknown, -1: missing.
class TableSplit : public RecordSplit {
 public:
  TableSplit(data::RecordsPtr records, std::shared_ptr<const TableState> state)
      : RecordSplit(std::move(records)), state_(std::move(state)) {
    for (const auto* names : {&state_->options.numbers, &state_->options.categories})
      for (const auto& name : *names) this->records().column(name);
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw&) const override {
    Batch batch{{}, at::tensor(examples, at::kLong)};
    if (!state_->columns.numbers.empty()) batch.tensors["numbers"] = numbers(examples);
    if (!state_->columns.categories.empty()) batch.tensors["categories"] = categories_of(examples);
    return batch;
  }

  Shown show(int64_t example) const override {
    Shown shown;
    shown.tokens.push_back({"<row>", -1, -1, true});
    for (const auto* names : {&state_->options.numbers, &state_->options.categories}) {
      for (const auto& name : *names) {
        const auto cell = value(example, name, {});
        const auto text = name + "=" + (cell.empty() ? "?" : cell);
        shown.text += (shown.text.empty() ? "" : ", ") + text;
        shown.tokens.push_back({text});
      }
    }
    return shown;
  }

 private:
  at::Tensor numbers(const std::vector<int64_t>& examples) const {
    std::vector<at::Tensor> columns;
    for (const auto& column : state_->columns.numbers) {
      std::vector<double> cells;
      for (const int64_t example : examples)
        cells.push_back(number_of(*this, example, column.name, state_->options));
      columns.push_back(
          scaled(at::tensor(cells, at::kDouble), column, state_->options.scale).to(at::kFloat));
    }
    return at::stack(columns, 1);
  }

  at::Tensor categories_of(const std::vector<int64_t>& examples) const {
    std::vector<int64_t> all;
    for (const int64_t example : examples) {
      for (const auto& column : state_->columns.categories) {
        const auto cell = value(example, column.name, {});
        const auto found = column.number_of.find(cell);
        all.push_back(is_missing(cell, state_->options) ? -1
                      : found == column.number_of.end() ? 0
                                                        : found->second);
      }
    }
    return at::tensor(all, at::kLong).view({std::ssize(examples), -1});
  }

  std::shared_ptr<const TableState> state_;
};

class TableInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override { TableOptions(state_->options).fields(lister); }

  SplitPtr open(const Source& source) override {
    if (source.role == "train")
      left_out_ = choose_columns(*source.records, source.targets, state_->options);
    return std::make_shared<TableSplit>(source.records, state_);
  }
  void learn(const Split& train, uint64_t) override {
    state_->columns = learn_columns(train, state_->options);
  }
  Files files() const override { return {{kTableFile, columns_file(state_->columns)}}; }
  void load(const Files& files) override {
    const auto found = files.find(kTableFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks its columns, the file ") + kTableFile);
    state_->columns = columns_from_file(found->second, kTableFile, state_->options);
  }

  Sizes sizes() const override {
    std::vector<int64_t> categories;
    for (const auto& column : state_->columns.categories)
      categories.push_back(std::ssize(column.values) + 1);
    return {{"numbers", {std::ssize(state_->columns.numbers)}}, {"categories", categories}};
  }
  std::string default_encoder() const override { return "table"; }

  /// Cells that training cannot have known are counted like unknown words.
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    return {{"categories", 0, {-1}, "cells of categories"}};
  }
  Metrics stats(const Split& split) const override {
    int64_t missing = 0;
    const auto count = [&](const auto& columns) {
      for (int64_t i = 0; i < split.size(); ++i)
        for (const auto& column : columns)
          missing += is_missing(split.value(i, column.name), state_->options);
    };
    count(state_->columns.numbers), count(state_->columns.categories);
    return {{"missing cells", static_cast<double>(missing)}};
  }

  DataReport examine(const Source& source) override {
    const auto split = open(source);
    for (int64_t i = 0; i < split->size(); ++i)
      for (const auto& name : state_->options.numbers) number_of(*split, i, name, state_->options);
    DataReport report;
    report.records = split->size();
    if (source.role != "train") return report;
    const auto add = [&](const std::string& what, const std::vector<std::string>& names) {
      std::string line;
      for (const auto& name : names) line += (line.empty() ? "" : ", ") + name;
      if (!line.empty()) report.lines.push_back(what + line);
    };
    add("read as numbers: ", state_->options.numbers);
    add("read as categories: ", state_->options.categories);
    for (const auto& line : left_out_) report.lines.push_back("left out: " + line);
    return report;
  }

  Batch example() const override {
    Batch batch{{}, at::zeros({1}, at::kLong)};
    const auto N = std::ssize(state_->columns.numbers), C = std::ssize(state_->columns.categories);
    if (N > 0) batch.tensors["numbers"] = at::zeros({1, N});
    if (C > 0) batch.tensors["categories"] = at::zeros({1, C}, at::kLong);
    return batch;
  }

 private:
  std::shared_ptr<TableState> state_ = std::make_shared<TableState>();
  std::vector<std::string> left_out_;
};

}  // namespace

std::shared_ptr<Input> make_table_input() { return std::make_shared<TableInput>(); }

}  // namespace heed
