#include "tasks/inputs/text_split.h"

#include "heed/core/error.h"
#include "heed/data/offsets.h"
#include "heed/data/sequence_loader.h"
#include "tasks/inputs/cut_texts.h"
#include "tasks/inputs/placed.h"

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
  std::vector<int64_t> whole;
  for (const int64_t example : examples) {
    auto encoded = encode(example, columns);
    whole.push_back(encoded.whole);
    state_->cut.add(encoded.whole, std::ssize(encoded.tokens));
    tokens.push_back(std::move(encoded.tokens)), segments.push_back(std::move(encoded.segments));
    words.push_back(std::move(encoded.words));
  }
  std::tie(batch.tensors[prefix + "tokens"], batch.tensors[prefix + "lengths"]) =
      data::pad_sequences(tokens, std::max<int64_t>(0, state_->tokenizer->padding()));
  if (state_->tells_whole) batch.tensors[prefix + kWholeLengths] = at::tensor(whole, at::kLong);
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
  const auto encoded = encode(example, read_);
  for (size_t i = 0; i < encoded.tokens.size(); ++i) {
    shown.tokens.push_back({tokenizer.piece(encoded.tokens[i])});
    shown.tokens.back().special = encoded.texts[i] < 0;
  }
  const auto first = place_pieces(example, state_->options.column, 0, shown);
  if (read_.size() > 1 && !state_->options.second.empty())
    place_pieces(example, state_->options.second, first + 3, shown);  // behind " | "
  return shown;
}

/// Says where the pieces of a column lie in the shown text, in which the column begins at a character. Returns the
/// column's characters.
int64_t TextSplit::place_pieces(int64_t example, const std::string& column, int64_t begin,
                                Shown& shown) const {
  const bool is_second = column == state_->options.second;
  const std::string text(records().text(example, is_second ? read_.back() : read_.front()));
  const data::TextOffsets characters(text);
  const auto found = text_tokens(example, column);
  for (size_t i = 0; i < found.offsets.size(); ++i) {
    const auto at = static_cast<size_t>(found.first) + i;
    if (at >= shown.tokens.size() || shown.tokens[at].special) continue;
    set_place(shown.tokens[at], characters, text, found.offsets[i], begin);
  }
  return characters.characters();
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
  if (state_->json) return tokens_by_file(example, is_second);
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
  if (state_->json) {
    int64_t whole = 0;
    auto encoding = encode_by_file(example, columns, whole);
    return {std::move(encoding.ids),
            std::move(encoding.type_ids),
            std::move(encoding.sequence_ids),
            {},
            whole};
  }
  Encoded result{{state_->tokenizer->begin()}, {0}, {-1}, {""}};
  for (size_t i = 0; i < columns.size(); ++i)
    append(result, example, columns[i], static_cast<int64_t>(i));
  result.whole = std::ssize(result.tokens);
  const auto most = state_->options.max_length;
  if (most == 0 || result.whole <= most) return result;
  check_length(example, result.whole);
  result.tokens.resize(static_cast<size_t>(most));
  result.segments.resize(static_cast<size_t>(most));
  result.texts.resize(static_cast<size_t>(most));
  result.words.resize(static_cast<size_t>(most));
  return result;
}

void TextSplit::check_length(int64_t example, int64_t whole) const {
  const auto& options = state_->options;
  if (options.max_length == 0 || whole <= options.max_length || options.too_long == TooLong::cut)
    return;
  throw DataError(
      place(example) + ": the text has " + std::to_string(whole) +
      " tokens, expected at most input.max_length = " + std::to_string(options.max_length) +
      "; shorten the text, or cut it: --truncate of a trained model, "
      "input.too_long = \"cut\" of a recipe, which can also raise max_length");
}

void TextSplit::append(Encoded& to, int64_t example, int64_t column, int64_t segment) const {
  const auto text = records().text(example, column);
  std::vector<int64_t> tokens;
  try {
    tokens = state_->tokenizer->encode(text);
  } catch (const DataError& error) {
    throw DataError(place(example) + ": " + error.what());
  }
  to.tokens.insert(to.tokens.end(), tokens.begin(), tokens.end());
  to.texts.resize(to.tokens.size(), segment);
  to.tokens.push_back(state_->tokenizer->end());
  to.texts.push_back(-1);
  to.segments.resize(to.tokens.size(), segment);
  if (state_->features)
    for (const auto& word : data::fields_with_offsets(text)) to.words.push_back(word.text);
  to.words.resize(to.tokens.size());
}

data::Encoding TextSplit::encode_by_file(int64_t example, const std::vector<int64_t>& columns,
                                         int64_t& whole) const {
  const auto encoded = [&](const data::EncodeOptions& how) {
    const auto first = records().text(example, columns.front());
    if (columns.size() == 1) return state_->json->encode(first, how);
    return state_->json->encode_pair(first, records().text(example, columns.back()), how);
  };
  try {
    auto encoding = encoded({});
    whole = std::ssize(encoding.ids);
    check_length(example, whole);
    const auto most = state_->options.max_length;
    if (most == 0 || whole <= most) return encoding;
    const data::Truncation truncation{.max_length = most,
                                      .direction = state_->json->truncation_side()};
    return encoded({.truncation = truncation});
  } catch (const UsageError& error) {
    throw ModelError(std::string("input.max_length: ") + error.what());
  } catch (const DataError& error) {
    const std::string message = error.what(), where = place(example);
    if (message.starts_with(where)) throw;
    throw DataError(where + ": " + message);
  }
}

TextTokens TextSplit::tokens_by_file(int64_t example, bool is_second) const {
  int64_t whole = 0;
  const auto encoding = encode_by_file(example, read_, whole);
  TextTokens result;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (encoding.sequence_ids[i] != (is_second ? 1 : 0)) continue;
    if (result.offsets.empty()) result.first = static_cast<int64_t>(i);
    result.offsets.push_back(encoding.byte_offsets[i]);
  }
  data::set_apart(result.offsets);
  return result;
}

void CutTexts::add(int64_t whole, int64_t kept) {
  if (whole <= kept) return;
  ++examples, tokens += whole - kept;
  for (int64_t before = longest; before < whole && !longest.compare_exchange_weak(before, whole);) {
  }
}

std::string CutTexts::note(int64_t most) const {
  if (examples == 0) return "";
  const bool one = examples == 1;
  return std::to_string(examples) + (one ? " text was" : " texts were") +
         " cut to input.max_length = " + std::to_string(most) +
         " tokens: " + std::to_string(tokens) + " tokens were cut off, and the longest had " +
         std::to_string(longest);
}

}  // namespace heed
