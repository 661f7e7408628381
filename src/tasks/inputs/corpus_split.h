// One long text as examples of a language model.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/data/chat_template.h"
#include "heed/data/tokenizer.h"
#include "heed/tasks/input.h"
#include "tasks/inputs/line_stream.h"
#include "tasks/inputs/plain_text.h"

namespace heed {

struct CorpusOptions {
  int64_t context = 256;
  bool chat = false;
  std::string system;
  data::TokenizerOptions tokenizer;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("context", context, "tokens of a window", between(1, kMostLength));
    v("chat", chat,
      "whether a line is a user's message, put into the folder's chat template; else a text to go "
      "on from");
    v("system", system, "the system's message before a user's; empty: none, or the template's own");
    v("tokenizer", tokenizer, "");
  }

  void check() const {
    if (chat && tokenizer.kind != data::TokenizerKind::json)
      throw UsageError(
          "chat: expected a tokenizer of the kind json, whose special tokens a chat has");
    if (!chat && !system.empty())
      throw UsageError("system: without chat nothing reads it; leave it out, or set chat = true");
  }
};

/// What splits share with their input, which learns after the first was opened.
struct CorpusState {
  CorpusOptions options;
  data::TokenizerPtr tokenizer;
  data::ChatTemplatePtr chat;  ///< null: lines are texts

  /// The tokens of a text as its tokenizer gives them, with those that a tokenizer.json puts about it.
  std::vector<int64_t> plain_tokens(
      const std::string& text) const;  ///< whatever there is of a chat
  std::vector<int64_t> chat_tokens(const std::vector<data::ChatMessage>& messages) const;
  std::vector<int64_t> tokens_of(const std::string& text) const;
  /// The tokens with which what is written begins; an empty text stands for a line feed. Throws
  /// DataError for a text without a token.
  std::vector<int64_t> beginning(const TextLine& line) const;
};

/// An example is the window that begins at a token, so there are as many as tokens that can be
/// predicted; those that are measured or learned follow one another.
class CorpusSplit : public Split {
 public:
  CorpusSplit(PlainText text, std::shared_ptr<const CorpusState> state)
      : text_(std::move(text)), state_(std::move(state)) {}

  const PlainText& text() const { return text_; }
  /// All tokens, encoded when they are first asked for.
  const data::TokenStream& tokens() const;

  int64_t size() const override { return std::ssize(*tokens()) - 1; }
  /// target (B, L), labels (B, L), kIgnoredLabel behind the end of the text.
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override {
    return text_.name + " token " + std::to_string(example);
  }
  Shown show(int64_t example) const override;
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;

 private:
  std::vector<int64_t> window(int64_t first) const;

  PlainText text_;
  std::shared_ptr<const CorpusState> state_;
  mutable std::once_flag once_;
  mutable data::TokenStream tokens_;
};

/// Lines with which texts begin: target (B, L) and target_lengths (B); unshown (B), how many of these
/// tokens are no part of the answer.
class BeginningSplit : public Split {
 public:
  BeginningSplit(std::vector<TextLine> lines, std::shared_ptr<const CorpusState> state)
      : lines_(std::move(lines)), state_(std::move(state)) {}

  int64_t size() const override { return std::ssize(lines_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override { return line(example).place; }
  Shown show(int64_t example) const override { return {line(example).text}; }
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;

 private:
  const TextLine& line(int64_t example) const { return lines_.at(static_cast<size_t>(example)); }

  std::vector<TextLine> lines_;
  std::shared_ptr<const CorpusState> state_;
};

}  // namespace heed
