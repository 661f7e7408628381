#include "tasks/record_stream.h"

#include <iostream>
#include <numeric>

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

data::RecordsPtr read(const std::string& file, const data::RecordOptions& options,
                      const std::string& line_column) {
  if (line_column.empty() || !is_text_file(file)) return data::open_records({file}, options);
  data::RecordOptions lines;
  lines.format = "lines";
  const auto texts = data::open_records({file}, lines);
  auto records = std::make_shared<LineRecords>(line_column);
  for (int64_t i = 0; i < texts->size(); ++i)
    records->add(std::string(texts->text(i, 0)), texts->place(i));
  return records;
}

}  // namespace

RecordStream::RecordStream(std::vector<std::string> inputs, data::RecordOptions options,
                           std::string line_column, OpenSource open, std::string piped_format)
    : inputs_(std::move(inputs)),
      options_(std::move(options)),
      line_column_(std::move(line_column)),
      piped_format_(std::move(piped_format)),
      open_(std::move(open)) {}

SplitPtr RecordStream::next(int64_t most) {
  while (true) {
    if (file_ && first_ < file_->size()) {
      std::vector<int64_t> numbers(static_cast<size_t>(std::min(most, file_->size() - first_)));
      std::iota(numbers.begin(), numbers.end(), first_);
      first_ += std::ssize(numbers);
      return subset(file_, std::move(numbers));
    }
    file_ = nullptr, first_ = 0;
    if (next_ == inputs_.size()) return nullptr;
    const auto& input = inputs_[next_];
    if (input == "-" && !line_column_.empty()) {
      if (auto lines = next_lines(most)) return lines;
      ++next_;
      continue;
    }
    ++next_;
    auto options = options_;
    if (input == "-") options.format = piped_format_;
    file_ = open_({"input", {input}, read(input, options, line_column_)});
  }
}

SplitPtr RecordStream::next_lines(int64_t most) {
  auto records = std::make_shared<LineRecords>(line_column_);
  for (std::string line; records->size() < most && std::getline(std::cin, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    records->add(line, "standard input:" + std::to_string(++line_));
    if (std::cin.rdbuf()->in_avail() <= 0) break;
  }
  return records->size() > 0 ? open_({"input", {"-"}, records}) : nullptr;
}

Source find_record(const std::string& input, const data::RecordOptions& options,
                   const std::string& line_column) {
  const size_t colon = input.rfind(':');
  const std::string number = colon == std::string::npos ? "" : input.substr(colon + 1);
  const bool numbered = !number.empty() && number.size() < 19 &&
                        number.find_first_not_of("0123456789") == std::string::npos;
  const std::string file = input.substr(0, colon);
  if (numbered && kind_of(file) == PathKind::file) {
    const auto all = read(file, options, line_column);
    for (int64_t i = 0; i < all->size(); ++i) {
      const auto place = all->place(i);
      if (place.ends_with(":" + number)) return {"input", {file}, data::subset(all, {i})};
    }
    throw UsageError(input + ": no record of the file begins in line " + number);
  }
  if (line_column.empty()) throw UsageError(input + ": expected FILE:LINE, a record of a file");
  auto records = std::make_shared<LineRecords>(line_column);
  records->add(input, "the text");
  return {"input", {input}, records};
}

}  // namespace heed
