#include "serve_written.h"

#include <algorithm>

namespace heed::cli {
namespace {

using serve::HttpError;
using Clock = std::chrono::steady_clock;

constexpr size_t kLongestPart = 16;  // tokens that may be one character

double seconds_of(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

}  // namespace

Json Writing::head(const char* object) const {
  return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
}

Json Writing::usage() const {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", written_tokens},
          {"total_tokens", prompt_tokens + written_tokens}};
}

void Writing::send_event(const Json& json) { reply->write("data: " + one_line(json) + "\n\n"); }

void Writing::begin() {
  if (began) return;
  began = true;
  metrics->observe("vllm:time_to_first_token_seconds", seconds_of(at));
  if (streams) reply->begin({.content_type = "text/event-stream; charset=utf-8"});
  if (!streams || !chats) return;
  for (size_t i = 0; i < choices.size(); ++i) {
    auto json = head("chat.completion.chunk");
    json["choices"] = Json::array({{{"index", i},
                                    {"delta", {{"role", "assistant"}, {"content", ""}}},
                                    {"logprobs", nullptr},
                                    {"finish_reason", nullptr}}});
    if (says_usage) json["usage"] = nullptr;
    send_event(json);
  }
}

void Writing::part(size_t number, const std::string& text, const Json& log_probabilities,
                   const Json& reason) {
  if (text.empty() && reason.is_null()) return;
  auto json = head(chats ? "chat.completion.chunk" : "text_completion");
  Json choice = {{"index", number}};
  if (chats)
    choice["delta"] = text.empty() ? Json::object() : Json{{"content", text}};
  else
    choice["text"] = text;
  choice["logprobs"] = log_probabilities, choice["finish_reason"] = reason;
  json["choices"] = Json::array({choice});
  if (says_usage) json["usage"] = nullptr;
  send_event(json);
}

void Writing::finish(size_t number, const std::string& text, const Json& log_probabilities,
                     const std::string& reason) {
  auto& choice = choices[number];
  choice = {{"index", number}};
  if (chats)
    choice["message"] = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  else
    choice["text"] = text;
  choice["logprobs"] = log_probabilities, choice["finish_reason"] = reason;
  metrics->count("vllm:request_success_total", "finished_reason=\"" + reason + "\"");
  if (--left > 0 || answered) return;
  answered = true;
  metrics->observe("vllm:e2e_request_latency_seconds", seconds_of(at));
  answer();
}

void Writing::answer() {
  if (!streams) {
    auto json = head(chats ? "chat.completion" : "text_completion");
    json["choices"] = Json(choices), json["usage"] = usage();
    return reply->send(json_answer(json));
  }
  if (says_usage) {
    auto json = head(chats ? "chat.completion.chunk" : "text_completion");
    json["choices"] = Json::array(), json["usage"] = usage();
    send_event(json);
  }
  reply->write("data: [DONE]\n\n");
  reply->end();
}

void Writing::fail(const HttpError& error) {
  if (answered) return;
  answered = true;
  if (!began || !streams) return reply->send(openai_error(error));
  send_event(Json::parse(openai_error(error).body));
  reply->end();
}

WrittenText::WrittenText(std::shared_ptr<Writing> all, size_t number,
                         std::shared_ptr<const TextWriter> writer, std::vector<std::string> stops)
    : all_(std::move(all)), number_(number), writer_(std::move(writer)), stops_(std::move(stops)) {}

/// Only the last tokens are decoded: what a token is written as depends on few before it. Of a part of a character comes nothing
/// before its end.
void WrittenText::decode_more() {
  const auto part = [&](size_t end) {
    return writer_->decoded({tokens_.begin() + static_cast<int64_t>(first_),
                             tokens_.begin() + static_cast<int64_t>(end)});
  };
  static constexpr std::string_view kPart = "\xef\xbf\xbd";  // U+FFFD
  const auto before = part(settled_), after = part(tokens_.size());
  const bool waits = after.ends_with(kPart) && tokens_.size() - settled_ < kLongestPart;
  if (after.size() < before.size() || waits) return;
  text_ += after.substr(before.size());
  first_ = settled_, settled_ = tokens_.size();
}

/// Without what may become a stop with the next token.
std::string WrittenText::ready(bool is_last) const {
  size_t end = text_.size();
  for (const auto& stop : stops_) end = std::min(end, text_.find(stop));
  if (end < text_.size() || is_last) return text_.substr(0, end);
  size_t longest = 1;
  for (const auto& stop : stops_) longest = std::max(longest, stop.size());
  if (longest > text_.size()) return "";
  size_t cut = text_.size() - (longest - 1);
  while (cut > 0 && cut < text_.size() && (static_cast<unsigned char>(text_[cut]) & 0xC0) == 0x80)
    --cut;
  return text_.substr(0, cut);
}

/// Of tokens from `first` on, as the API has them; null where they are not asked for.
Json WrittenText::log_probabilities_from(size_t first) const {
  if (!all_->says_log_probabilities) return nullptr;
  Json json, texts = Json::array(), numbers = Json::array(), content = Json::array();
  for (size_t i = first; i < tokens_.size(); ++i) {
    const auto text = writer_->decoded({tokens_[i]});
    auto bytes = Json::array();
    for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
    content.push_back({{"token", text},
                       {"logprob", log_probabilities_[i]},
                       {"bytes", bytes},
                       {"top_logprobs", Json::array()}});
    texts.push_back(text), numbers.push_back(log_probabilities_[i]);
  }
  if (all_->chats) return {{"content", content}, {"refusal", nullptr}};
  return {{"tokens", texts}, {"token_logprobs", numbers}, {"top_logprobs", nullptr}};
}

void WrittenText::take(const models::Written& written) {
  all_->begin();
  all_->written_tokens += std::ssize(written.log_probabilities);
  tokens_.insert(tokens_.end(), written.tokens.begin(), written.tokens.end());
  const auto& numbers = written.log_probabilities;
  log_probabilities_.insert(log_probabilities_.end(), numbers.begin(), numbers.end());
  decode_more();
  if (written.is_last) {
    const auto whole = writer_->decoded(tokens_);
    if (std::string_view(whole).substr(0, told_) == std::string_view(text_).substr(0, told_))
      text_ = whole;
  }
  const auto text = ready(written.is_last);
  if (all_->streams && text.size() > told_) {
    all_->part(number_, text.substr(told_), log_probabilities_from(told_probabilities_), nullptr);
    told_ = text.size(), told_probabilities_ = tokens_.size();
  }
  if (!written.is_last) return;
  const auto* best = written.found.empty() ? nullptr : &written.found.front();
  const bool was_cut = best && !best->ended && !best->tokens.empty();
  const char* reason = was_cut ? "length" : "stop";
  if (all_->streams) all_->part(number_, "", nullptr, reason);
  all_->finish(number_, text, log_probabilities_from(0), reason);
}

}  // namespace heed::cli
