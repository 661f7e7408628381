#include "tasks/inputs/words_split.h"

#include <algorithm>

#include "core/lower_case.h"
#include "heed/core/error.h"
#include "heed/data/sequence_loader.h"

namespace heed {
namespace {

bool marks_predicate(std::string_view item) { return !item.empty() && item != "_"; }

/// Characters of valid UTF-8.
int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::vector<data::WordSpan> cut(std::string_view text, WordCut how) {
  if (how == WordCut::space) return data::fields_with_offsets(text);
  if (how == WordCut::character) return data::characters_with_offsets(text);
  return data::words_with_offsets(text);
}

}  // namespace

int64_t WordsState::number(std::string_view word) const {
  const auto found = options.lowercase ? words->find(lower_case(word)) : words->find(word);
  return found < 0 ? int64_t{data::kUnknown} : found;
}

WordsSplit::WordsSplit(data::RecordsPtr given, std::shared_ptr<const WordsState> state,
                       bool unmarked)
    : RecordSplit(std::move(given)), state_(std::move(state)) {
  column_ = records().column(state_->options.column);
  is_list_ = records().columns()[static_cast<size_t>(column_)].is_list;
  for (int64_t i = 0; i < records().size(); ++i) {
    if (state_->options.predicate.empty())
      examples_.push_back({i});
    else
      find_predicates(i, unmarked);
  }
}

void WordsSplit::find_predicates(int64_t record, bool unmarked) {
  const auto items = records().list(record, records().column(state_->options.predicate));
  if (std::ssize(items) != std::ssize(words_of(record)))
    throw DataError(records().place(record) + ": the column '" + state_->options.predicate +
                    "' has " + std::to_string(items.size()) + " items, expected one for each of " +
                    std::to_string(words_of(record).size()) + " words");
  int64_t number = 0;
  for (int64_t i = 0; i < std::ssize(items); ++i)
    if (marks_predicate(items[static_cast<size_t>(i)])) examples_.push_back({record, i, number++});
  if (number == 0 && unmarked) examples_.push_back({record});
}

std::vector<std::string_view> WordsSplit::words_of(int64_t record) const {
  if (is_list_) return records().list(record, column_);
  const auto text = records().text(record, column_);
  std::vector<std::string_view> words;
  for (const auto& word : cut(text, state_->options.cut)) words.push_back(word.text);
  return words;
}

std::string WordsSplit::place(int64_t example) const {
  const auto& [record, predicate, number] = at(example);
  auto place = records().place(record);
  if (predicate >= 0)
    place += " (predicate " + std::to_string(predicate + 1) + " '" +
             std::string(words_of(record)[static_cast<size_t>(predicate)]) + "')";
  return place;
}

int64_t WordsSplit::length(int64_t example) const {
  const auto record = at(example).record;
  if (is_list_) return 1 + std::ssize(records().list(record, column_));
  return 1 + std::ssize(records().text(record, column_));  // bytes stand for words
}

Shown WordsSplit::show(int64_t example) const {
  const auto record = at(example).record;
  Shown shown;
  if (!is_list_) {
    const auto text = records().text(record, column_);
    shown.text = text;
    for (const auto& word : cut(text, state_->options.cut))
      shown.tokens.push_back({std::string(word.text), word.begin, word.end});
    return shown;
  }
  int64_t begin = 0;
  for (const auto word : words_of(record)) {
    shown.text += (shown.text.empty() ? "" : " ") + std::string(word);
    const auto end = begin + count_characters(word);
    shown.tokens.push_back({std::string(word), begin, end});
    begin = end + 1;
  }
  return shown;
}

std::string WordsSplit::value(int64_t example, const std::string& column, const Draw& draw) const {
  return RecordSplit::value(at(example).record, column, draw);
}

std::string WordsSplit::role_of(const Example& example, std::string_view cell) const {
  int64_t number = 0;
  for (size_t begin = 0; begin <= cell.size(); ++number) {
    const size_t end = std::min(cell.find('\t', begin), cell.size());
    if (number == example.number) return std::string(cell.substr(begin, end - begin));
    begin = end + 1;
  }
  throw DataError(records().place(example.record) + ": the list '" + state_->options.roles +
                  "' has " + std::to_string(number) +
                  " columns, expected one for each predicate of '" + state_->options.predicate +
                  "', and there is one of number " + std::to_string(example.number + 1));
}

std::vector<std::string> WordsSplit::values(int64_t example, const std::string& column) const {
  const auto& own = at(example);
  auto items = RecordSplit::values(own.record, column);
  const auto& options = state_->options;
  if (options.predicate.empty()) return items;
  for (int64_t i = 0; i < std::ssize(items); ++i) {
    auto& item = items[static_cast<size_t>(i)];
    if (column == options.predicate && i != own.predicate) item = "_";
    if (column == options.roles) item = own.predicate < 0 ? "_" : role_of(own, item);
  }
  return items;
}

WordsSplit::Pieces WordsSplit::pieces_of(int64_t record) const {
  const auto& tokenizer = *state_->tokenizer;
  std::string text;
  std::vector<data::ByteRange> ranges;
  for (const auto word : words_of(record)) {
    if (!text.empty()) text += ' ';
    const auto begin = std::ssize(text);
    text += word;
    ranges.push_back({begin, std::ssize(text)});
  }
  const auto encoded = tokenizer.encode_with_offsets(text);
  Pieces pieces;
  const auto add = [&](int64_t token, int64_t word) {
    if (token >= 0) pieces.tokens.push_back(token), pieces.word.push_back(word);
  };
  add(tokenizer.begin(), -1);
  size_t next = 0;
  for (size_t w = 0; w < ranges.size(); ++w) {
    pieces.first.push_back(std::ssize(pieces.tokens));
    const auto before = next;
    while (next < encoded.ids.size() &&
           (encoded.offsets[next].end <= ranges[w].end || w + 1 == ranges.size()))
      add(encoded.ids[next++], static_cast<int64_t>(w));
    if (next == before) add(tokenizer.unknown(), static_cast<int64_t>(w));
  }
  add(tokenizer.end(), -1);
  return pieces;
}

Batch WordsSplit::piece_batch(const std::vector<int64_t>& examples) const {
  std::vector<std::vector<int64_t>> tokens, first;
  for (const int64_t example : examples) {
    auto pieces = pieces_of(at(example).record);
    tokens.push_back(std::move(pieces.tokens)), first.push_back(std::move(pieces.first));
  }
  Batch batch{{}, at::tensor(examples, at::kLong)};
  std::tie(batch.tensors["tokens"], batch.tensors["lengths"]) =
      data::pad_sequences(tokens, std::max<int64_t>(0, state_->tokenizer->padding()));
  auto& words = batch.tensors["word_pieces"];
  std::tie(words, batch.tensors["word_lengths"]) = data::pad_sequences(first, 0);
  if (words.size(1) == 0) words = at::zeros({words.size(0), 1}, at::kLong);
  return batch;
}

std::vector<TokenPlace> WordsSplit::read_tokens(int64_t example) const {
  if (!state_->options.pieces) return {};
  const auto words = show(example).tokens;
  const auto pieces = pieces_of(at(example).record);
  std::vector<TokenPlace> places;
  for (size_t i = 0; i < pieces.tokens.size(); ++i) {
    TokenPlace place{.text = state_->tokenizer->piece(pieces.tokens[i])};
    place.special = pieces.word[i] < 0;
    if (!place.special) {
      const auto& word = words[static_cast<size_t>(pieces.word[i])];
      place.begin = word.begin, place.end = word.end;
    }
    places.push_back(std::move(place));
  }
  return places;
}

Batch WordsSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  if (state_->options.pieces) return piece_batch(examples);
  std::vector<std::vector<std::string_view>> sentences;
  std::vector<std::vector<int64_t>> numbers;
  for (const int64_t example : examples) {
    auto& own = numbers.emplace_back();
    for (const auto word : sentences.emplace_back(words_of(at(example).record)))
      own.push_back(state_->number(word));
  }
  auto [tokens, lengths] = data::pad_sequences(numbers, 0);
  if (tokens.size(1) == 0) tokens = at::zeros({tokens.size(0), 1}, at::kLong);  // no words at all
  Batch batch{{{"tokens", tokens}, {"lengths", lengths}}, at::tensor(examples, at::kLong)};
  if (state_->features) batch.tensors["features"] = features(examples, sentences, tokens.size(1));
  if (state_->options.predicate.empty()) return batch;
  auto segments = at::zeros_like(tokens);
  for (int64_t row = 0; row < std::ssize(examples); ++row) {
    const auto predicate = at(examples[static_cast<size_t>(row)]).predicate;
    if (predicate >= 0) segments[row][predicate] = 1;
  }
  batch.tensors["segments"] = segments;
  return batch;
}

/// (B, length, F), F at least 1.
at::Tensor WordsSplit::features(const std::vector<int64_t>& examples,
                                const std::vector<std::vector<std::string_view>>& sentences,
                                int64_t length) const {
  const auto B = std::ssize(examples);
  const auto& also = state_->options.also;
  const auto own = state_->features->padded(sentences);
  const auto F = std::max<int64_t>(1, std::ssize(also));
  auto more = at::full({B, length, F}, -1, at::kLong);
  for (size_t c = 0; c < also.size(); ++c) {
    for (int64_t row = 0; row < B; ++row) {
      const auto example = examples[static_cast<size_t>(row)];
      const auto items = values(example, also[c]);
      const auto words = std::ssize(sentences[static_cast<size_t>(row)]);
      if (std::ssize(items) != words)
        throw DataError(place(example) + ": the column '" + also[c] + "' has " +
                        std::to_string(items.size()) + " items, expected one for each of " +
                        std::to_string(words) + " words");
      for (int64_t i = 0; i < words; ++i) {
        const auto found = state_->also->find(also[c] + "=" + items[static_cast<size_t>(i)]);
        if (found < 0) continue;
        more.data_ptr<int64_t>()[(row * length + i) * F + static_cast<int64_t>(c)] =
            state_->features->rows() + found;
      }
    }
  }
  if (own.size(1) == 0) return more;
  return also.empty() && own.size(2) > 0 ? own : at::cat({own, more}, 2);
}

int64_t WordsSplit::words() const {
  int64_t sum = 0;
  for (int64_t i = 0; i < records().size(); ++i) sum += std::ssize(words_of(i));
  return sum;
}

}  // namespace heed
