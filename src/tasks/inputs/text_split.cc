#include "tasks/inputs/text_split.h"

#include "heed/core/error.h"
#include "heed/data/offsets.h"
#include "heed/data/sequence_loader.h"

namespace heed {

void TextInputOptions::check() const {
  if (!second.empty() && !pair.empty())
    throw ModelError(
        "both second and pair are given; a second text is read behind the first, a "
        "pair's by itself");
  check_apart({{"column", {column}}, {"second", {second}}, {"pair", {pair}}});
}

std::vector<std::string> TextInputOptions::columns() const {
  std::vector<std::string> all{column};
  for (const auto& more : {second, pair})
    if (!more.empty()) all.push_back(more);
  return all;
}

TextSplit::TextSplit(data::RecordsPtr given, std::shared_ptr<const TextState> state, bool lone)
    : RecordSplit(std::move(given)), state_(std::move(state)) {
  const auto& options = state_->options;
  read_.push_back(records().column(options.column));
  if (!options.second.empty()) read_.push_back(records().column(options.second));
  if (!options.pair.empty() && !(lone && !has(options.pair)))
    pair_ = records().column(options.pair);
}

Batch TextSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  Batch batch{{}, at::tensor(examples, at::kLong)};
  add(batch, "", examples, read_);
  if (pair_ >= 0) add(batch, kPairPrefix, examples, {pair_});
  return batch;
}

void TextSplit::add(Batch& batch, const std::string& prefix, const std::vector<int64_t>& examples,
                    const std::vector<int64_t>& columns) const {
  std::vector<std::vector<int64_t>> tokens, segments;
  std::vector<std::vector<std::string_view>> words;
  for (const int64_t example : examples) {
    auto encoded = encode(example, columns);
    tokens.push_back(std::move(encoded.tokens)), segments.push_back(std::move(encoded.segments));
    words.push_back(std::move(encoded.words));
  }
  std::tie(batch.tensors[prefix + "tokens"], batch.tensors[prefix + "lengths"]) =
      data::pad_sequences(tokens, std::max<int64_t>(0, state_->tokenizer->padding()));
  if (columns.size() > 1)
    batch.tensors[prefix + "segments"] = data::pad_sequences(segments, 0).first;
  if (!state_->features) return;
  auto features = state_->features->padded(words);  // (B, L, F)
  if (features.size(2) == 0)                        // texts without words
    features = at::full({features.size(0), features.size(1), 1}, -1, at::kLong);
  batch.tensors[prefix + "features"] = features;
}

Shown TextSplit::show(int64_t example) const {
  Shown shown{std::string(records().text(example, read_.front()))};
  if (read_.size() > 1) shown.text += " | " + std::string(records().text(example, read_.back()));
  shown.tokenizer = word_of(state_->options.tokenizer.kind);
  const auto& tokenizer = *state_->tokenizer;
  for (const int64_t token : encode(example, read_).tokens) {
    shown.tokens.push_back({tokenizer.piece(token)});
    shown.tokens.back().special = token == tokenizer.begin() || token == tokenizer.end();
  }
  return shown;
}

int64_t TextSplit::length(int64_t example) const {
  int64_t bytes = 1;
  for (const int64_t column : read_) bytes += std::ssize(records().text(example, column));
  return bytes;
}

TextTokens TextSplit::text_tokens(int64_t example, const std::string& column) const {
  const auto& options = state_->options;
  const bool is_second = !options.second.empty() && column == options.second;
  if (!is_second && column != options.column) return Split::text_tokens(example, column);
  TextTokens result{1};  // behind <s>
  if (is_second) result.first += std::ssize(pieces(example, read_.front()).ids) + 1;
  result.offsets = pieces(example, is_second ? read_.back() : read_.front()).offsets;
  if (options.max_length > 0) {
    const auto room = std::max<int64_t>(0, options.max_length - result.first);
    result.offsets.resize(std::min(result.offsets.size(), static_cast<size_t>(room)));
  }
  return result;
}

data::EncodedText TextSplit::pieces(int64_t example, int64_t column) const {
  try {
    return state_->tokenizer->encode_with_offsets(records().text(example, column));
  } catch (const DataError& error) {
    throw DataError(place(example) + ": " + error.what());
  }
}

TextSplit::Encoded TextSplit::encode(int64_t example, const std::vector<int64_t>& columns) const {
  Encoded result{{state_->tokenizer->begin()}, {0}, {""}};
  for (size_t i = 0; i < columns.size(); ++i)
    append(result, example, columns[i], static_cast<int64_t>(i));
  const auto most = state_->options.max_length;
  if (most == 0 || std::ssize(result.tokens) <= most) return result;
  if (state_->options.too_long == "refuse")
    throw DataError(place(example) + ": the text has " + std::to_string(result.tokens.size()) +
                    " tokens, expected at most input.max_length = " + std::to_string(most) +
                    "; raise it, shorten the text, or set input.too_long = \"cut\"");
  result.tokens.resize(static_cast<size_t>(most));
  result.segments.resize(static_cast<size_t>(most));
  result.words.resize(static_cast<size_t>(most));
  return result;
}

void TextSplit::append(Encoded& to, int64_t example, int64_t column, int64_t segment) const {
  const auto text = records().text(example, column);
  std::vector<int64_t> tokens;
  try {
    tokens = state_->tokenizer->encode(text);
  } catch (const DataError& error) {
    throw DataError(place(example) + ": " + error.what());
  }
  tokens.push_back(state_->tokenizer->end());
  to.tokens.insert(to.tokens.end(), tokens.begin(), tokens.end());
  to.segments.resize(to.tokens.size(), segment);
  if (state_->features)
    for (const auto& word : data::fields_with_offsets(text)) to.words.push_back(word.text);
  to.words.resize(to.tokens.size());
}

}  // namespace heed
