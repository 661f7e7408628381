#include "tasks/heads/written_column.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/sequence_loader.h"
#include "tasks/inputs/tokenizer_file.h"

namespace heed {
namespace {

constexpr const char* kWrittenTokenizer = "written.tokenizer";
constexpr uint64_t kWrittenSeed = 1;  // of which lines a tokenizer learns from, where not from all

}  // namespace

void WrittenColumn::learn(const WrittenOptions& options, const Split& train) {
  column_ = options.column;
  if (tokenizer_ && options.tokenizer.of_others()) return;
  int64_t next = 0;
  tokenizer_ = data::train_tokenizer(
      options.tokenizer,
      [&](std::string& line) {
        if (next == train.size()) return false;
        line = train.value(next++, column_);
        return true;
      },
      kWrittenSeed);
}

void WrittenColumn::load(const WrittenOptions& options, const Files& files) {
  column_ = options.column;
  tokenizer_ = tokenizer_file(files, kWrittenTokenizer, options.tokenizer);
  if (!data::json_tokenizer_of(tokenizer_)) return;
  for (const char* name : data::kTokenizerFiles)
    if (const auto found = files.find(name); found != files.end()) beside_.insert(*found);
}

Files WrittenColumn::files() const {
  Files files = beside_;
  files.emplace(kWrittenTokenizer, tokenizer_->file());
  return files;
}

std::vector<int64_t> WrittenColumn::encoded(const Split& split, int64_t example,
                                            const Draw& draw) const {
  try {
    return tokenizer_->encode(split.value(example, column_, draw));
  } catch (const DataError& error) {
    throw DataError(split.place(example) + ": " + error.what());
  }
}

std::vector<int64_t> WrittenColumn::target_of(const Split& split, int64_t example, const Draw& draw,
                                              const TextWriter& writer) const {
  auto tokens = encoded(split, example, draw);
  const auto begin = writer.beginning();
  tokens.insert(tokens.begin(), begin.begin(), begin.end());
  const int64_t most = writer.models.front()->max_positions();
  if (most > 0 && std::ssize(tokens) > most)
    throw DataError(text_of(split.place(example), ": the text in column '", column_, "' has ",
                            tokens.size(), " tokens with those that it begins with, and the model ",
                            "has positions for ", most, "; shorten it"));
  tokens.push_back(writer.end());
  return tokens;
}

std::pair<at::Tensor, at::Tensor> WrittenColumn::targets(const Split& split,
                                                         const std::vector<int64_t>& examples,
                                                         const Draw& draw,
                                                         const TextWriter& writer) const {
  if (writer.chooses_language())
    throw ModelError(
        "head.generate.tokens.language: texts that are measured or learned begin with their "
        "language; say which it is, as --set 'head.generate.tokens.language=\"en\"'");
  std::vector<std::vector<int64_t>> targets, labels;
  const auto forced = std::ssize(writer.beginning()) - 1;
  for (const int64_t example : examples) {
    auto tokens = target_of(split, example, draw, writer);
    labels.emplace_back(tokens.begin() + 1, tokens.end());
    std::fill_n(labels.back().begin(), forced, data::kIgnoredLabel);
    tokens.pop_back();
    targets.push_back(std::move(tokens));
  }
  return {data::pad_sequences(targets, std::max<int64_t>(0, tokenizer_->padding())).first,
          data::pad_sequences(labels, data::kIgnoredLabel).first};
}

void WrittenColumn::check(const Split& split) const {
  for (int64_t i = 0; i < split.size(); ++i)
    if (split.value(i, column_).find_first_not_of(" \t\r\n") == std::string::npos)
      throw DataError(split.place(i) + ": the column '" + column_ +
                      "', which the head writes, is empty; expected a text");
}

}  // namespace heed
