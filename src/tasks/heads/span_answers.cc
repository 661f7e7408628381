#include "tasks/heads/span_answers.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>

#include "core/lower_case.h"
#include "heed/core/error.h"
#include "heed/data/offsets.h"

namespace heed {
namespace {

constexpr int64_t kShownCharacters = 40;  // of an answer in a message

std::string brief(std::string_view text) {
  const data::TextOffsets offsets(text);
  if (offsets.characters() <= kShownCharacters) return "'" + std::string(text) + "'";
  return "'" + std::string(offsets.text(0, kShownCharacters)) + "...'";
}

int64_t start_character(const std::string& cell, const SpansHeadOptions& options) {
  double number = 0;
  if (data::parse_number(cell, number) && number >= 0 && number == std::floor(number) &&
      number < 1e15)
    return static_cast<int64_t>(number);
  throw DataError("the column '" + options.start +
                  "': expected the number of the character at which the answer begins, from 0, "
                  "given " +
                  (cell.empty() ? "none" : brief(cell)));
}

/// What to write instead of a place where an answer does not stand.
std::string where_else(const data::TextOffsets& offsets, std::string_view context,
                       const std::string& answer, const SpansHeadOptions& options) {
  const auto found = context.find(answer);
  if (found == std::string_view::npos)
    return "; it stands nowhere in '" + options.context + "': correct '" + options.answer + "'";
  return "; it stands at " + std::to_string(offsets.character_of(static_cast<int64_t>(found))) +
         ": correct '" + options.start + "', which counts characters (code points) from 0";
}

std::vector<std::string> cells_of(const Split& split, int64_t example, const std::string& column) {
  if (split.is_list(column)) return split.values(example, column);
  auto value = split.value(example, column);
  return value.empty() ? std::vector<std::string>() : std::vector<std::string>{std::move(value)};
}

/// Lower case, without what is no word.
std::set<std::string> words_of_text(std::string_view text) {
  std::set<std::string> words;
  const auto lower = lower_case(text);
  for (const auto& word : data::words_with_offsets(lower)) {
    const bool is_mark =
        word.text.size() == 1 && std::ispunct(static_cast<unsigned char>(word.text[0])) != 0;
    if (!is_mark) words.emplace(word.text);
  }
  return words;
}

/// Where the white space ends that begins at each byte, and where what stands before it ends.
struct BlankEdges {
  std::vector<int64_t> next, last;
  explicit BlankEdges(std::string_view text) {
    for (int64_t i = 0; i <= std::ssize(text); ++i) next.push_back(i), last.push_back(i);
    int64_t end = 0;  // of the field before
    const auto fields = data::fields_with_offsets(text);
    for (const auto& field : fields) {
      for (int64_t i = end; i < field.begin_byte; ++i)
        next[static_cast<size_t>(i)] = field.begin_byte;
      for (int64_t i = end + 1; i <= field.begin_byte; ++i) last[static_cast<size_t>(i)] = end;
      end = field.end_byte;
    }
    for (int64_t i = end; i < std::ssize(text); ++i)
      next[static_cast<size_t>(i)] = std::ssize(text);
    for (int64_t i = end + 1; i <= std::ssize(text); ++i) last[static_cast<size_t>(i)] = end;
  }
  data::ByteRange without_blanks(const data::ByteRange& bytes) const {
    const auto begin = next[static_cast<size_t>(bytes.begin)];
    return {begin, std::max(begin, last[static_cast<size_t>(bytes.end)])};
  }
};

}  // namespace

std::vector<SpanAnswer> find_answers(std::string_view context,
                                     const std::vector<std::string>& texts,
                                     const std::vector<std::string>& starts,
                                     const SpansHeadOptions& options) {
  if (texts.size() != starts.size())
    throw DataError("the column '" + options.answer + "' has " + std::to_string(texts.size()) +
                    " answers and '" + options.start + "' " + std::to_string(starts.size()) +
                    " beginnings; expected one for each");
  const data::TextOffsets offsets(context);
  std::vector<SpanAnswer> answers;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto& text = texts[i];
    const auto fields = data::fields_with_offsets(text);
    if (fields.empty())
      throw DataError("the column '" + options.answer +
                      "' has an answer without a character; leave both columns empty where there "
                      "is no answer");
    const auto start = start_character(starts[i], options);
    if (start >= offsets.characters())
      throw DataError("the answer " + brief(text) + " begins at character " +
                      std::to_string(start) + " of '" + options.context + "', which has " +
                      std::to_string(offsets.characters()) +
                      where_else(offsets, context, text, options));
    const auto begin = offsets.byte_of(start);
    const auto there = context.substr(static_cast<size_t>(begin));
    if (!there.starts_with(text)) {
      const data::TextOffsets own(text);
      const auto end = std::min(offsets.characters(), start + own.characters());
      throw DataError("the answer " + brief(text) + " does not stand at character " +
                      std::to_string(start) + " of '" + options.context + "', where " +
                      brief(offsets.text(start, end)) + " does" +
                      where_else(offsets, context, text, options));
    }
    answers.push_back({text, {begin + fields.front().begin_byte, begin + fields.back().end_byte}});
  }
  return answers;
}

std::string name_of_question(const Split& split, int64_t example) {
  const auto place = split.place(example);
  if (!split.has("id") || split.is_list("id")) return place;
  const auto id = split.value(example, "id");
  return id.empty() ? place : place + " (id " + id + ")";
}

std::vector<SpanAnswer> answers_of(const Split& split, int64_t example,
                                   const SpansHeadOptions& options) {
  const auto texts = cells_of(split, example, options.answer);
  const auto starts = cells_of(split, example, options.start);
  try {
    return find_answers(split.value(example, options.context), texts, starts, options);
  } catch (const DataError& error) {
    throw DataError(name_of_question(split, example) + ": " + error.what());
  }
}

std::optional<std::pair<int64_t, int64_t>> tokens_of_span(
    const std::vector<data::ByteRange>& tokens, const data::ByteRange& span) {
  if (tokens.empty() || tokens.back().end < span.end) return std::nullopt;
  const auto first = std::partition_point(
      tokens.begin(), tokens.end(), [&](const auto& token) { return token.end <= span.begin; });
  const auto behind = std::partition_point(
      first, tokens.end(), [&](const auto& token) { return token.begin < span.end; });
  if (behind == first) return std::nullopt;
  return std::pair{first - tokens.begin(), behind - tokens.begin() - 1};
}

data::ByteRange span_of_tokens(const std::vector<data::ByteRange>& tokens, std::string_view context,
                               int64_t first, int64_t last) {
  return BlankEdges(context).without_blanks(
      {tokens[static_cast<size_t>(first)].begin, tokens[static_cast<size_t>(last)].end});
}

FoundSpan best_span(const at::Tensor& logits, const TextTokens& tokens, std::string_view context,
                    const SpansHeadOptions& options) {
  const auto count = std::ssize(tokens.offsets);
  auto possible = logits.slice(0, tokens.first, tokens.first + count);  // (n, 2)
  if (options.learns_no_answer()) possible = at::cat({logits.slice(0, 0, 1), possible});
  FoundSpan best;
  if (possible.size(0) == 0) return best;
  const auto log_p = possible.to(at::kDouble).log_softmax(0).contiguous();
  const double* all = log_p.data_ptr<double>();
  const double* own = all + (options.learns_no_answer() ? 2 : 0);
  const BlankEdges edges(context);
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i) {
    const auto end = std::min(count, i + options.max_answer_length);
    for (int64_t j = i; j < end; ++j) {
      const double score = own[2 * i] + own[2 * j + 1];
      if (score <= largest) continue;
      const auto bytes = edges.without_blanks({tokens.offsets[static_cast<size_t>(i)].begin,
                                               tokens.offsets[static_cast<size_t>(j)].end});
      if (bytes.begin >= bytes.end) continue;
      largest = score, best.bytes = bytes, best.none = false;
    }
  }
  best.score = std::exp(largest);
  if (options.learns_no_answer()) {
    best.no_answer_score = std::exp(all[0] + all[1]);
    best.none = best.none || all[0] + all[1] > largest;
  }
  if (best.none) best.bytes = {};
  best.text = context.substr(static_cast<size_t>(best.bytes.begin),
                             static_cast<size_t>(best.bytes.end - best.bytes.begin));
  return best;
}

std::string sentence_like(const std::string& question, const std::string& context) {
  const auto asked = words_of_text(question);
  std::string best;
  int64_t most = -1;
  for (const auto& sentence : data::sentences_with_offsets(context)) {
    int64_t shared = 0;
    for (const auto& word : words_of_text(sentence.text)) shared += asked.contains(word) ? 1 : 0;
    if (shared > most) most = shared, best = sentence.text;
  }
  return best;
}

}  // namespace heed
