#include <algorithm>
#include <set>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/data/stories.h"

namespace heed::data {
namespace {

using Row = std::vector<int64_t>;

int64_t find_in(const std::vector<std::string>& sorted, const std::string& text) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), text);
  return at != sorted.end() && *at == text ? at - sorted.begin() : -1;
}

std::vector<std::string> as_list(const std::set<std::string>& all) {
  return {all.begin(), all.end()};
}

Row numbers_of(const std::string& text, const StoryVocabulary& vocabulary) {
  Row row;
  for (const auto& word : words_of(text)) row.push_back(vocabulary.word(word));
  return row;
}

/// Rows of words, padded with 0; at least one column.
at::Tensor padded(const std::vector<Row>& rows) {
  size_t longest = 1;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  auto all =
      at::zeros({static_cast<int64_t>(rows.size()), static_cast<int64_t>(longest)}, at::kLong);
  auto* out = all.data_ptr<int64_t>();
  for (const auto& row : rows) {
    std::copy(row.begin(), row.end(), out);
    out += longest;
  }
  return all;
}

}  // namespace

StoryVocabulary StoryVocabulary::of(const Stories& stories) {
  std::set<std::string> words, answers;
  const auto add = [&](const std::string& text) {
    for (auto& word : words_of(text)) words.insert(std::move(word));
  };
  for (const auto& story : stories.stories)
    std::for_each(story.sentences.begin(), story.sentences.end(), add);
  for (const auto& question : stories.questions) {
    add(question.text);
    answers.insert(question.answer);
  }
  return {as_list(words), as_list(answers)};
}

int64_t StoryVocabulary::word(const std::string& text) const {
  const int64_t at = find_in(words, text);
  return at < 0 ? kUnknown : at + kFirstWord;
}

int64_t StoryVocabulary::answer(const std::string& text) const { return find_in(answers, text); }

StorySet::StorySet(const Stories& stories, const StoryVocabulary& vocabulary, int64_t max_length) {
  std::map<Row, int64_t> known;
  std::vector<std::vector<int64_t>> rows_of_story;  // of each story: rows of sentences_
  sentences_.emplace_back();                        // row 0: padding
  for (const auto& story : stories.stories) {
    auto& rows = rows_of_story.emplace_back();
    for (const auto& sentence : story.sentences) {
      const auto [at, is_new] =
          known.emplace(numbers_of(sentence, vocabulary), static_cast<int64_t>(sentences_.size()));
      if (is_new) sentences_.push_back(at->first);
      rows.push_back(at->second);
    }
  }
  const auto unknown_in = [](const Row& row) {
    return std::count(row.begin(), row.end(), StoryVocabulary::kUnknown);
  };
  for (const auto& question : stories.questions) {
    const auto& rows = rows_of_story[static_cast<size_t>(question.story)];
    const int64_t left_out =
        max_length > 0 ? std::max<int64_t>(0, question.sentences - max_length) : 0;
    Record record;
    record.sentences.assign(rows.begin() + left_out, rows.begin() + question.sentences);
    record.question = numbers_of(question.text, vocabulary);
    record.answer = vocabulary.answer(question.answer);
    record.unknown = unknown_in(record.question);
    for (const int64_t row : record.sentences)
      record.unknown += unknown_in(sentences_[static_cast<size_t>(row)]);
    record.shortened = left_out > 0;
    record.name = question.place;
    records_.push_back(std::move(record));
  }
}

StoryBatch StorySet::batch(const std::vector<int64_t>& indices,
                           const std::vector<Renaming>& renamings) const {
  if (!renamings.empty() && renamings.size() != indices.size()) {
    throw UsageError("stories: expected a renaming for each of " + std::to_string(indices.size()) +
                     " records, given " + std::to_string(renamings.size()));
  }
  std::vector<Row> sentences{sentences_[0]}, questions, stories;
  std::map<Row, int64_t> row_of{{sentences_[0], 0}};
  Row lengths, answers;
  for (size_t i = 0; i < indices.size(); ++i) {
    name(indices[i]);  // checks it
    const auto& record = records_[static_cast<size_t>(indices[i])];
    const auto* renaming = renamings.empty() ? nullptr : &renamings[i];
    if (renaming && renaming->answer(record.answer) < 0) renaming = nullptr;
    const auto renamed = [&](const Row& row) { return renaming ? renaming->words(row) : row; };
    auto& story = stories.emplace_back();
    for (const int64_t sentence : record.sentences) {
      const auto [at, is_new] = row_of.emplace(renamed(sentences_[static_cast<size_t>(sentence)]),
                                               static_cast<int64_t>(sentences.size()));
      if (is_new) sentences.push_back(at->first);
      story.push_back(at->second);
    }
    questions.push_back(renamed(record.question));
    lengths.push_back(static_cast<int64_t>(story.size()));
    answers.push_back(renaming ? renaming->answer(record.answer) : record.answer);
  }
  const auto tensor = [](const Row& row) { return at::tensor(row, at::kLong); };
  return {padded(sentences), padded(stories), tensor(lengths),
          padded(questions), tensor(answers), tensor(indices)};
}

const std::string& StorySet::name(int64_t index) const {
  if (index < 0 || index >= size()) {
    throw UsageError("stories: no record " + std::to_string(index) + "; expected 0 .. " +
                     std::to_string(size() - 1));
  }
  return records_[static_cast<size_t>(index)].name;
}

std::pair<StorySet, StorySet> StorySet::split(int64_t count) const {
  if (count < 1 || count >= size()) {
    throw UsageError("stories: cannot part " + std::to_string(size()) + " questions after " +
                     std::to_string(count) + "; each side needs at least one");
  }
  StorySet first, rest;
  first.sentences_ = rest.sentences_ = sentences_;
  first.records_.assign(records_.begin(), records_.begin() + count);
  rest.records_.assign(records_.begin() + count, records_.end());
  return {std::move(first), std::move(rest)};
}

StoryStats StorySet::stats() const {
  StoryStats stats{.questions = size()};
  for (const auto& record : records_) {
    stats.longest = std::max(stats.longest, static_cast<int64_t>(record.sentences.size()));
    stats.unknown_words += record.unknown;
    stats.unknown_answers += record.answer < 0;
    stats.shortened += record.shortened;
  }
  return stats;
}

StoryLoader::StoryLoader(const StorySet& set, int64_t batch, bool shuffle, uint64_t seed,
                         const EntityPermutation* permutation)
    : set_(&set), batch_(batch), shuffle_(shuffle), seed_(seed), permutation_(permutation) {
  if (batch < 1) {
    throw UsageError("story loader: batch: expected at least 1, given " + std::to_string(batch));
  }
  if (set.size() == 0)
    throw DataError("story loader: the set has no questions; expected at least 1");
  make_order();
}

void StoryLoader::make_order() {
  order_.resize(static_cast<size_t>(set_->size()));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  if (!shuffle_) return;
  const auto drawn =
      permutation(set_->size(), Random(seed_ ^ kOrderKey, static_cast<uint32_t>(cursor_.epoch)));
  order_.assign(drawn.begin(), drawn.end());
}

std::optional<StoryBatch> StoryLoader::next() {
  if (cursor_.position == set_->size()) {
    cursor_ = {cursor_.epoch + 1, 0};
    make_order();
    return std::nullopt;
  }
  const auto first = order_.begin() + cursor_.position;
  const int64_t count = std::min(batch_, set_->size() - cursor_.position);
  const Row records(first, first + count);
  std::vector<Renaming> renamings;
  for (const int64_t record : permutation_ ? records : Row())
    renamings.push_back(permutation_->draw(seed_, static_cast<uint32_t>(cursor_.epoch),
                                           static_cast<uint32_t>(record)));
  auto batch = set_->batch(records, renamings);
  cursor_.position += count;
  return batch;
}

void StoryLoader::seek(const Cursor& cursor) {
  if (cursor.epoch < 0 || cursor.epoch > UINT32_MAX || cursor.position < 0 ||
      cursor.position > set_->size()) {
    throw UsageError("story loader: no position " + std::to_string(cursor.position) + " of epoch " +
                     std::to_string(cursor.epoch) + "; expected a position in 0 .. " +
                     std::to_string(set_->size()) + " (does the cursor belong to other data?)");
  }
  cursor_ = cursor;
  make_order();
}

}  // namespace heed::data
