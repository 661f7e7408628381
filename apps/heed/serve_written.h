// A request whose texts are written, and its answer: whole, or token by token as events (SSE).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "serve_state.h"

namespace heed::cli {

/// A request and all of its texts. Touched by the engine's thread.
struct Writing {
  serve::ReplyPtr reply;
  ServeMetrics* metrics;
  std::string id, model;
  int64_t created = 0;
  bool chats = false, streams = false, says_usage = false, says_log_probabilities = false;
  bool began = false, answered = false;
  int64_t left = 0, prompt_tokens = 0, written_tokens = 0;
  std::vector<Json> choices = {};  ///< a text each, once it is at its end
  std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now();

  void begin();
  /// More of a text; `reason`: why it ended, or null.
  void part(size_t number, const std::string& text, const Json& log_probabilities,
            const Json& reason);
  void finish(size_t number, const std::string& text, const Json& log_probabilities,
              const std::string& reason);
  void fail(const serve::HttpError& error);

 private:
  Json head(const char* object) const;
  Json usage() const;
  void send_event(const Json& json);
  void answer();
};

/// One of the texts: its tokens, and how much of it was told.
class WrittenText {
 public:
  /// `writer`: of this text, with the request's options.
  WrittenText(std::shared_ptr<Writing> all, size_t number, std::shared_ptr<const TextWriter> writer,
              std::vector<std::string> stops);

  void take(const models::Written& written);

 private:
  void decode_more();
  std::string ready(bool is_last) const;
  Json log_probabilities_from(size_t first) const;

  std::shared_ptr<Writing> all_;
  size_t number_;
  std::shared_ptr<const TextWriter> writer_;
  std::vector<std::string> stops_;
  std::vector<int64_t> tokens_;
  std::vector<double> log_probabilities_;
  std::string text_;  // of tokens before settled_
  size_t first_ = 0,
         settled_ = 0;  // tokens that the next ones are decoded behind, and those that are decoded
  size_t told_ = 0, told_probabilities_ = 0;  // characters, tokens
};

}  // namespace heed::cli
