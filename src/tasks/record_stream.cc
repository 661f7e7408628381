#include "tasks/record_stream.h"

#include <algorithm>
#include <numeric>

#include "core/list_folder.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace {

/// Lines of text as records of one column.
class LineRecords : public data::Records {
 public:
  explicit LineRecords(std::string column) : columns_{{std::move(column), false}} {}
  void add(std::string line, std::string place) {
    lines_.push_back(std::move(line)), places_.push_back(std::move(place));
  }

  int64_t size() const override { return std::ssize(lines_); }
  const std::vector<data::Column>& columns() const override { return columns_; }
  std::string_view text(int64_t record, int64_t) const override {
    return lines_.at(static_cast<size_t>(record));
  }
  std::vector<std::string_view> list(int64_t record, int64_t) const override {
    throw UsageError(place(record) + ": a line is a text, and no list");
  }
  std::string place(int64_t record) const override {
    return places_.at(static_cast<size_t>(record));
  }
  std::string name() const override { return "lines of text"; }

 private:
  std::vector<data::Column> columns_;
  std::vector<std::string> lines_, places_;
};

bool is_text_file(const std::string& name) {
  return name.ends_with(".txt") || name.ends_with(".txt.gz");
}

/// Of a file whose lines stand for records, all of them.
data::RecordsPtr read(const std::string& file, const data::RecordOptions& options,
                      const std::string& line_column) {
  const auto of_lines = records_of_text_files({file}, line_column);
  return of_lines ? of_lines : data::open_records({file}, options);
}

}  // namespace

data::RecordsPtr line_records(const std::string& column, std::vector<TextLine> lines) {
  auto records = std::make_shared<LineRecords>(column);
  for (auto& line : lines) records->add(std::move(line.text), std::move(line.place));
  return records;
}

data::RecordsPtr records_of_text_files(const std::vector<std::string>& files,
                                       const std::string& line_column) {
  if (line_column.empty() || !std::all_of(files.begin(), files.end(), is_text_file)) return nullptr;
  return line_records(line_column, lines_of_files(files));
}

bool is_records_file(const std::string& name) {
  for (const std::string ending :
       {".csv", ".tsv", ".jsonl", ".json", ".conllu", ".conllup", ".conll", ".txt", ".xml"})
    if (name.ends_with(ending) || name.ends_with(ending + ".gz")) return true;
  // A folder of annotations, as VOC has one.
  if (kind_of(name) != PathKind::folder) return false;
  const auto files = list_folder(name);
  return std::any_of(files.begin(), files.end(),
                     [](const auto& file) { return file.extension() == ".xml"; });
}

RecordStream::RecordStream(std::vector<std::string> inputs, data::RecordOptions options,
                           std::string line_column, OpenSource open,
                           data::RecordFormat piped_format)
    : inputs_(std::move(inputs)),
      options_(std::move(options)),
      line_column_(std::move(line_column)),
      piped_format_(piped_format),
      open_(std::move(open)) {}

SplitPtr RecordStream::next(int64_t most) {
  while (true) {
    if (file_ && first_ < file_->size()) {
      std::vector<int64_t> numbers(static_cast<size_t>(std::min(most, file_->size() - first_)));
      std::iota(numbers.begin(), numbers.end(), first_);
      first_ += std::ssize(numbers);
      return subset(file_, std::move(numbers));
    }
    if (lines_) {
      if (auto some = next_lines(most)) return some;
    }
    file_ = nullptr, first_ = 0, lines_.reset();
    if (next_ == inputs_.size()) return nullptr;
    open(inputs_[next_++]);
  }
}

void RecordStream::open(const std::string& input) {
  if (!line_column_.empty() && (flows(input) || is_text_file(input))) {
    lines_.emplace(std::vector<std::string>{input});
    return;
  }
  auto options = options_;
  if (flows(input)) options.format = piped_format_;
  file_ = open_({"input", {input}, data::open_records({input}, options)});
}

/// What stands before a bad line is answered before it is reported.
SplitPtr RecordStream::next_lines(int64_t most) {
  auto records = std::make_shared<LineRecords>(line_column_);
  try {
    std::string line;
    while (!error_ && records->size() < most && (records->size() == 0 || !lines_->would_wait()) &&
           lines_->next(line))
      records->add(line, lines_->place());
  } catch (const Error&) {
    error_ = std::current_exception();
  }
  if (records->size() > 0) return open_({"input", {"-"}, records});
  if (error_) std::rethrow_exception(error_);
  return nullptr;
}

Source find_record(const std::string& input, const data::RecordOptions& options,
                   const std::string& line_column) {
  if (const auto found = file_line_of(input)) {
    const auto all = read(found->file, options, line_column);
    const auto number = std::to_string(found->line);
    for (int64_t i = 0; i < all->size(); ++i) {
      const auto place = all->place(i);
      if (place.ends_with(":" + number)) return {"input", {found->file}, data::subset(all, {i})};
    }
    throw UsageError(input + ": no record of the file begins in line " + number);
  }
  if (line_column.empty()) throw UsageError(input + ": expected FILE:LINE, a record of a file");
  auto records = std::make_shared<LineRecords>(line_column);
  records->add(flows(input) ? first_line(input) : input, "the text");
  return {"input", {input}, records};
}

}  // namespace heed
