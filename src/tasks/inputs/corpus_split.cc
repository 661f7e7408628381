#include "tasks/inputs/corpus_split.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/data/json_tokenizer.h"
#include "heed/data/sequence_loader.h"

namespace heed {
namespace {

[[noreturn]] void refuse_column(const std::string& place, const std::string& column) {
  throw DataError(place + ": a text without examples has no column '" + column + "'");
}

}  // namespace

std::vector<int64_t> CorpusState::chat_tokens(
    const std::vector<data::ChatMessage>& messages) const {
  return data::json_tokenizer_of(tokenizer)->ids(chat->render(messages),
                                                 {.add_special_tokens = false});
}

std::vector<int64_t> CorpusState::tokens_of(const std::string& text) const {
  if (!chat) return plain_tokens(text);
  std::vector<data::ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", text});
  return chat_tokens(messages);
}

std::vector<int64_t> CorpusState::plain_tokens(const std::string& text) const {
  const auto json = data::json_tokenizer_of(tokenizer);
  const std::string line = text.empty() ? "\n" : text;
  return json ? json->ids(line, {.split_special_tokens = true}) : tokenizer->encode(line);
}

std::vector<int64_t> CorpusState::beginning(const TextLine& line) const {
  std::vector<int64_t> tokens;
  try {
    tokens = tokens_of(line.text);
  } catch (const DataError& error) {
    throw DataError(line.place + ": " + error.what());
  }
  if (tokens.empty())
    throw DataError(line.place +
                    ": nothing in the text has a token; a language model goes on from one");
  return tokens;
}

const data::TokenStream& CorpusSplit::tokens() const {
  std::call_once(once_, [&] { tokens_ = data::read_tokens(lines_of(text_), *state_->tokenizer); });
  return tokens_;
}

std::vector<int64_t> CorpusSplit::window(int64_t first) const {
  const auto& all = *tokens();
  const auto end = std::min(std::ssize(all), first + state_->options.context + 1);
  return {all.begin() + first, all.begin() + end};
}

Batch CorpusSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<std::vector<int64_t>> targets, labels;
  for (const int64_t example : examples) {
    const auto tokens = window(example);
    targets.emplace_back(tokens.begin(), tokens.end() - 1);
    labels.emplace_back(tokens.begin() + 1, tokens.end());
  }
  return {{{"target", data::pad_sequences(targets, 0).first},
           {"labels", data::pad_sequences(labels, data::kIgnoredLabel).first}},
          at::tensor(examples, at::kLong)};
}

Shown CorpusSplit::show(int64_t example) const {
  return {state_->tokenizer->decode(window(example))};
}

std::string CorpusSplit::value(int64_t example, const std::string& column, const Draw&) const {
  refuse_column(place(example), column);
}

Batch BeginningSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<std::vector<int64_t>> tokens;
  for (const int64_t example : examples) tokens.push_back(state_->beginning(line(example)));
  auto [padded, lengths] = data::pad_sequences(tokens, 0);
  return {{{"target", padded},
           {"target_lengths", lengths},
           {"unshown", state_->chat ? lengths : at::zeros_like(lengths)}},
          at::tensor(examples, at::kLong)};
}

std::string BeginningSplit::value(int64_t example, const std::string& column, const Draw&) const {
  refuse_column(place(example), column);
}

}  // namespace heed
