// OpenAI's /v1/completions and /v1/chat/completions: whole, or token by token as events (SSE).
#include <algorithm>
#include <chrono>
#include <random>

#include "serve_state.h"

namespace heed::cli {
namespace {

using serve::HttpError, serve::ReplyPtr, serve::Request, serve::Response;
using Clock = std::chrono::steady_clock;

constexpr int64_t kCompletion = 16;  // tokens, where a request does not say: as OpenAI has it

/// A request and all of its texts. Touched by the engine's thread.
struct Writing {
  ReplyPtr reply;
  ServeMetrics* metrics;
  std::string id, model;
  int64_t created = 0;
  bool chats = false, streams = false, says_usage = false;
  bool began = false, answered = false;
  int64_t left = 0, prompt_tokens = 0, written_tokens = 0;
  std::vector<std::string> texts, reasons;
  Clock::time_point at = Clock::now();

  Json head(const char* object) const {
    return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
  }
  Json usage() const {
    return {{"prompt_tokens", prompt_tokens},
            {"completion_tokens", written_tokens},
            {"total_tokens", prompt_tokens + written_tokens}};
  }
  void send_event(const Json& json) { reply->write("data: " + one_line(json) + "\n\n"); }
  void begin();
  void part(size_t number, const std::string& text, const Json& reason);
  void finish(size_t number, const std::string& reason);
  void fail(const HttpError& error);
};

double seconds_of(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

void Writing::begin() {
  if (began) return;
  began = true;
  metrics->observe("vllm:time_to_first_token_seconds", seconds_of(at));
  if (streams) reply->begin({.content_type = "text/event-stream; charset=utf-8"});
  if (!streams || !chats) return;
  for (size_t i = 0; i < texts.size(); ++i) {
    auto json = head("chat.completion.chunk");
    json["choices"] = Json::array({{{"index", i},
                                    {"delta", {{"role", "assistant"}, {"content", ""}}},
                                    {"logprobs", nullptr},
                                    {"finish_reason", nullptr}}});
    send_event(json);
  }
}

void Writing::part(size_t number, const std::string& text, const Json& reason) {
  if (text.empty() && reason.is_null()) return;
  auto json = head(chats ? "chat.completion.chunk" : "text_completion");
  Json choice = {{"index", number}};
  if (chats)
    choice["delta"] = text.empty() ? Json::object() : Json{{"content", text}};
  else
    choice["text"] = text;
  choice["logprobs"] = nullptr, choice["finish_reason"] = reason;
  json["choices"] = Json::array({choice});
  if (says_usage) json["usage"] = nullptr;
  send_event(json);
}

void Writing::finish(size_t number, const std::string& reason) {
  reasons[number] = reason;
  metrics->count("vllm:request_success_total", "finished_reason=\"" + reason + "\"");
  if (--left > 0 || answered) return;
  answered = true;
  metrics->observe("vllm:e2e_request_latency_seconds", seconds_of(at));
  if (streams) {
    if (says_usage) {
      auto json = head(chats ? "chat.completion.chunk" : "text_completion");
      json["choices"] = Json::array(), json["usage"] = usage();
      send_event(json);
    }
    reply->write("data: [DONE]\n\n");
    return reply->end();
  }
  auto json = head(chats ? "chat.completion" : "text_completion");
  json["choices"] = Json::array();
  for (size_t i = 0; i < texts.size(); ++i) {
    Json choice = {{"index", i}};
    if (chats)
      choice["message"] = {{"role", "assistant"}, {"content", texts[i]}, {"refusal", nullptr}};
    else
      choice["text"] = texts[i];
    choice["logprobs"] = nullptr, choice["finish_reason"] = reasons[i];
    json["choices"].push_back(choice);
  }
  json["usage"] = usage();
  reply->send(json_answer(json));
}

void Writing::fail(const HttpError& error) {
  if (answered) return;
  answered = true;
  if (!began || !streams) return reply->send(openai_error(error));
  send_event(Json::parse(openai_error(error).body));
  reply->end();
}

/// One of the texts: its tokens, and how much of it was told.
struct WrittenText {
  std::shared_ptr<Writing> all;
  size_t number = 0;
  std::shared_ptr<TextWriter> writer;
  std::vector<std::string> stops;
  std::vector<int64_t> tokens = {};
  size_t told = 0;

  void take(const models::Written& written);
  std::string text_so_far(bool is_last) const;
};

/// Without what may become a stop, or a character, with the next token.
std::string WrittenText::text_so_far(bool is_last) const {
  auto text = writer->decoded(tokens);
  size_t end = text.size();
  for (const auto& stop : stops) end = std::min(end, text.find(stop));
  if (end < text.size()) return text.substr(0, end);
  if (is_last) return text;
  static constexpr std::string_view kPart = "\xef\xbf\xbd";  // U+FFFD: bytes of a character to come
  while (text.ends_with(kPart)) text.resize(text.size() - kPart.size());
  size_t longest = 1;
  for (const auto& stop : stops) longest = std::max(longest, stop.size());
  size_t hold = longest - 1;
  if (hold >= text.size()) return "";
  size_t cut = text.size() - hold;
  while (cut > 0 && cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
    --cut;
  return text.substr(0, cut);
}

void WrittenText::take(const models::Written& written) {
  all->begin();
  if (written.token) {
    ++all->written_tokens;
    const bool is_end = written.ended && writer->options.rules() != GenerateRules::own
                            ? std::find(writer->options.tokens().ends().begin(),
                                        writer->options.tokens().ends().end(),
                                        *written.token) != writer->options.tokens().ends().end()
                            : written.ended && *written.token == writer->end();
    if (!is_end) tokens.push_back(*written.token);
  }
  const auto text = text_so_far(written.is_last);
  if (all->streams && text.size() > told) {
    all->part(number, text.substr(told), nullptr);
    told = text.size();
  }
  if (!written.is_last) return;
  all->texts[number] = text;
  const char* reason = written.ended ? "stop" : "length";
  if (all->streams) all->part(number, "", reason);
  all->finish(number, reason);
}

std::vector<std::string> stops_of(const Json& body) {
  std::vector<std::string> stops;
  if (!body.contains("stop") || body["stop"].is_null()) return stops;
  const auto given = body["stop"].is_array() ? body["stop"] : Json::array({body["stop"]});
  for (const auto& stop : given) {
    if (!stop.is_string() || stop.get<std::string>().empty())
      throw HttpError(400, "bad_request", "`stop`: expected texts");
    stops.push_back(stop.get<std::string>());
  }
  return stops;
}

void refuse_unknown(const Json& body) {
  refuse_key(body, "n", 1, "one text a prompt is written");
  refuse_key(body, "best_of", 1, "one text a prompt is written");
  refuse_key(body, "echo", false, "what is written is answered alone");
  refuse_key(body, "suffix", nullptr, "texts are gone on from");
  refuse_key(body, "logprobs", false, "`heed predict --json` says them");
  refuse_key(body, "top_logprobs", 0, "`heed predict --json` says them");
  refuse_key(body, "frequency_penalty", 0, "the model's recipe has repetition_penalty");
  refuse_key(body, "presence_penalty", 0, "the model's recipe has repetition_penalty");
  refuse_key(body, "logit_bias", Json::object(), "no token is preferred");
  refuse_key(body, "tools", Json::array(), "no tools are called");
  refuse_key(body, "functions", Json::array(), "no functions are called");
  refuse_key(body, "response_format", {{"type", "text"}}, "texts are written, of no form");
  refuse_key(body, "explain", false, "attributions are answered by /answer");
}

/// Temperature, top_p and seed of a request over what the model's recipe has.
void set_drawing(GenerateOptions& options, const Json& body) {
  const auto temperature = number_in(body, "temperature", 0, 2);
  const auto top_p = number_in(body, "top_p", 0, 1);
  const auto top_k = number_in(body, "top_k", -1, 1e6);
  if (temperature && *temperature == 0) {
    options.sample(false).temperature(1).top_k(0).top_p(1);
    return;
  }
  if (temperature) options.sample(true).temperature(*temperature);
  if (top_p && *top_p > 0) options.sample(true).top_p(*top_p);
  if (top_k && *top_k > 0) options.sample(true).top_k(static_cast<int64_t>(*top_k));
  if (!options.sample()) return;
  const auto seed = number_in(body, "seed", -9e15, 9e15);
  options.seed(seed ? static_cast<int64_t>(std::abs(*seed))
                    : static_cast<int64_t>(std::random_device()()));
}

[[noreturn]] void refuse_context(int64_t most, int64_t prompt, int64_t wanted) {
  throw HttpError(400, "context_length_exceeded",
                  "This model's maximum context length is " + std::to_string(most) +
                      " tokens. However, you requested " + std::to_string(prompt + wanted) +
                      " tokens (" + std::to_string(prompt) + " in the prompt, " +
                      std::to_string(wanted) +
                      " in the completion). Please reduce the length of "
                      "the prompt or of the completion.");
}

std::string new_id(const char* prefix) {
  static std::atomic<uint64_t> number = std::random_device()();
  char text[32];
  std::snprintf(text, sizeof text, "%s%016llx", prefix,
                static_cast<unsigned long long>(++number * 0x9e3779b97f4a7c15ULL));
  return text;
}

using TokenRows = std::vector<std::vector<int64_t>>;

/// Gives all prompts to the engine.
void write_texts(ServeState& state, const Request& request, const ReplyPtr& reply,
                 ServedModel& model, const Json& body, const TokenRows& prompts, bool chats) {
  refuse_unknown(body);
  const auto writing = std::make_shared<Writing>();
  writing->reply = reply, writing->metrics = &state.metrics;
  writing->id = new_id(chats ? "chatcmpl-" : "cmpl-"), writing->model = model.name();
  writing->created = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  writing->chats = chats, writing->streams = flag_in(body, "stream", false);
  if (body.contains("stream_options") && body["stream_options"].is_object())
    writing->says_usage = flag_in(body["stream_options"], "include_usage", false);
  writing->left = std::ssize(prompts);
  writing->texts.resize(prompts.size()), writing->reasons.resize(prompts.size());
  const auto stops = stops_of(body);
  auto wanted = number_in(body, "max_tokens", 1, 1 << 20);
  if (const auto newer = number_in(body, "max_completion_tokens", 1, 1 << 20)) wanted = newer;
  const int64_t most = model.sequence_model()->max_positions();
  std::vector<serve::BatchItemPtr> items;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const int64_t given = std::ssize(prompts[i]);
    const auto writer = std::make_shared<TextWriter>(*model.writer());
    writer->options.stop(stops).beam_size(1).num_hypotheses(1);
    set_drawing(writer->options, body);
    auto options = writer->going_on(prompts[i]);
    int64_t max_new = wanted ? static_cast<int64_t>(*wanted) : 0;
    if (!wanted && !chats) max_new = kCompletion;
    if (!wanted && chats)
      max_new = options.max_new() > 0 ? options.max_new()
                                      : std::max<int64_t>(1, options.max_length() - given);
    if (!wanted && most > 0) max_new = std::min(max_new, std::max<int64_t>(1, most - given));
    if (most > 0 && given + max_new > most) refuse_context(most, given, max_new);
    options.max_new(max_new).min_length(0);
    if (options.min_new() > max_new) options.min_new(0);
    writing->prompt_tokens += given;
    const auto text = std::make_shared<WrittenText>(
        WrittenText{.all = writing, .number = i, .writer = writer, .stops = stops});
    const auto item = std::make_shared<ServedItem>();
    item->client = request.client, item->over = request.over;
    item->lane = -1, item->tokens = given;
    item->model = &model, item->work = ServedWork::write;
    item->text = std::make_shared<ServedText>(
        ServedText{.asked = {prompts[i], std::move(options)},
                   .on_token = [text](const models::Written& written) { text->take(written); },
                   .on_error = [writing](const HttpError& error) { writing->fail(error); }});
    items.push_back(item);
  }
  state.engine.push(items);
}

/// Of a model that reads a source and writes a text of its own, as a translator: whole, by the beams of its recipe.
void write_from_source(ServeState& state, const Request& request, const ReplyPtr& reply,
                       ServedModel& model, const Json& body) {
  refuse_unknown(body);
  for (const char* key : {"max_tokens", "temperature", "top_p", "stop", "seed"})
    refuse_key(body, key, nullptr, "this model writes as its recipe says: --set head.generate.*");
  const bool streams = flag_in(body, "stream", false);
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::answer,
        .examples = inputs_of(body, "prompt"),
        .error = openai_error,
        .answer = [streams, name = model.name()](auto& results, const auto& lengths) {
          Json json = {{"id", new_id("cmpl-")},
                       {"object", "text_completion"},
                       {"created", std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count()},
                       {"model", name},
                       {"choices", Json::array()}};
          int64_t prompt = 0, written = 0;
          for (size_t i = 0; i < results.size(); ++i) {
            const auto found = Json::parse(results[i].answers.front().json);
            prompt += lengths[i].tokens;
            if (found.contains("tokens")) written += std::ssize(found["tokens"]);
            json["choices"].push_back(
                {{"index", i},
                 {"text", found.value("output", "")},
                 {"logprobs", nullptr},
                 {"finish_reason", found.value("ended", true) ? "stop" : "length"}});
          }
          json["usage"] = {{"prompt_tokens", prompt},
                           {"completion_tokens", written},
                           {"total_tokens", prompt + written}};
          if (!streams) return json_answer(json);
          return Response{.content_type = "text/event-stream; charset=utf-8",
                          .body = "data: " + one_line(json) + "\n\ndata: [DONE]\n\n"};
        }});
}

/// A text, texts, tokens, or lists of tokens.
TokenRows prompts_of(const ServedModel& model, const Json& body) {
  if (!body.contains("prompt")) throw HttpError(400, "bad_request", "missing field `prompt`");
  const auto& given = body["prompt"];
  const auto is_number = [](const Json& one) { return one.is_number_integer(); };
  const auto row = [&](const Json& one) -> std::vector<int64_t> {
    if (one.is_string()) return model.prompts()->prompt_tokens(one.get<std::string>());
    if (one.is_array() && !one.empty() && std::all_of(one.begin(), one.end(), is_number))
      return one.get<std::vector<int64_t>>();
    throw HttpError(400, "bad_request", "`prompt`: expected texts or lists of tokens");
  };
  const bool is_one = !given.is_array() || (!given.empty() && is_number(given[0]));
  if (is_one) return {row(given)};
  if (given.empty()) throw HttpError(400, "bad_request", "`prompt` cannot be empty");
  TokenRows all;
  for (const auto& one : given) all.push_back(row(one));
  return all;
}

bool can_write(const ServedModel& model) {
  return model.writer() || (model.head() == "text" && model.texts_of_example() == 1);
}

void completions_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_write, "writes texts");
  if (!model.writer()) return write_from_source(state, request, reply, model, body);
  const auto prompts = prompts_of(model, body);
  if (std::ssize(prompts) > state.max_client_batch)
    throw HttpError(400, "bad_request", "`prompt`: too many texts");
  write_texts(state, request, reply, model, body, prompts, false);
}

std::string content_of(const Json& message) {
  if (!message.contains("content") || message["content"].is_null()) return "";
  const auto& content = message["content"];
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array())
    for (const auto& part : content) {
      if (!part.is_object() || part.value("type", "") != "text")
        throw HttpError(400, "bad_request", "`messages`: this model reads texts alone");
      text += text_in(part, "text");
    }
  return text;
}

void chat_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(
      body, [](const ServedModel& one) { return one.writer() != nullptr; }, "chats");
  if (!body.contains("messages") || !body["messages"].is_array() || body["messages"].empty())
    throw HttpError(400, "bad_request", "`messages`: expected at least one message");
  std::vector<data::ChatMessage> messages;
  for (const auto& message : body["messages"]) {
    if (!message.is_object()) throw HttpError(400, "bad_request", "`messages`: expected objects");
    messages.push_back({text_in(message, "role"), content_of(message)});
  }
  write_texts(state, request, reply, model, body, {model.prompts()->chat_tokens(messages)}, true);
}

}  // namespace

void add_writing_routes(serve::Router& router, ServeState& state) {
  add_post(router, "/v1/completions", state, openai_error, completions_route);
  add_post(router, "/v1/chat/completions", state, openai_error, chat_route);
}

}  // namespace heed::cli
