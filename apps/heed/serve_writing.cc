// OpenAI's /v1/completions and /v1/chat/completions: what a request asks for.
#include <algorithm>
#include <chrono>
#include <random>

#include "serve_written.h"

namespace heed::cli {
namespace {

using serve::HttpError, serve::ReplyPtr, serve::Request;

constexpr int64_t kCompletion = 16;    // tokens, where a request does not say: as OpenAI has it
constexpr int64_t kMostChoices = 16;   // of a prompt
constexpr size_t kMostStops = 16;      // each is looked for behind every token
constexpr size_t kLongestStop = 1024;  // bytes

std::vector<std::string> stops_of(const Json& body) {
  std::vector<std::string> stops;
  if (!body.contains("stop") || body["stop"].is_null()) return stops;
  const auto given = body["stop"].is_array() ? body["stop"] : Json::array({body["stop"]});
  if (given.size() > kMostStops)
    throw HttpError(400, "bad_request",
                    "`stop`: expected at most " + std::to_string(kMostStops) + " texts");
  for (const auto& stop : given) {
    if (!stop.is_string() || stop.get<std::string>().empty())
      throw HttpError(400, "bad_request", "`stop`: expected texts");
    if (stop.get_ref<const std::string&>().size() > kLongestStop)
      throw HttpError(400, "bad_request",
                      "`stop`: expected at most " + std::to_string(kLongestStop) + " bytes");
    stops.push_back(stop.get<std::string>());
  }
  return stops;
}

void refuse_unknown(const Json& body) {
  refuse_key(body, "best_of", 1, "texts are not chosen among");
  refuse_key(body, "echo", false, "what is written is answered alone");
  refuse_key(body, "suffix", nullptr, "texts are gone on from");
  refuse_key(body, "top_logprobs", 0, "log-probabilities are those of the tokens that are written");
  refuse_key(body, "frequency_penalty", 0, "`repetition_penalty` is taken");
  refuse_key(body, "presence_penalty", 0, "`repetition_penalty` is taken");
  refuse_key(body, "logit_bias", Json::object(), "no token is preferred");
  refuse_key(body, "tools", Json::array(), "no tools are called");
  refuse_key(body, "functions", Json::array(), "no functions are called");
  refuse_key(body, "response_format", {{"type", "text"}}, "texts are written, of no form");
  refuse_key(body, "modalities", Json::array({"text"}), "texts are written");
  refuse_key(body, "min_p", 0, "`top_k` and `top_p` are taken");
  refuse_key(body, "ignore_eos", false, "a text ends where the model ends it");
  for (const char* key : {"guided_json", "guided_regex", "guided_choice", "guided_grammar",
                          "structured_outputs", "use_beam_search", "stop_token_ids", "audio"})
    refuse_key(body, key, nullptr, "it is not known here");
  refuse_key(body, "explain", false, "attributions are answered by /answer");
  if (body.contains("stream_options") && !body["stream_options"].is_null() &&
      !flag_in(body, "stream", false))
    throw HttpError(400, "bad_request", "`stream_options`: only with `stream` true");
}

/// Whether log-probabilities of what is written are asked for: true of chats, 0 of completions.
bool says_log_probabilities(const Json& body, bool chats) {
  if (!body.contains("logprobs") || body["logprobs"].is_null()) return false;
  const auto& given = body["logprobs"];
  if (chats) return flag_in(body, "logprobs", false);
  if (given == 0) return true;
  if (given == false) return false;
  throw HttpError(400, "unsupported_parameter",
                  "`logprobs`: expected 0, those of the tokens that are written");
}

/// Temperature, top_p and seed of a request over what the model's recipe has.
void set_drawing(GenerateOptions& options, const Json& body) {
  const auto temperature = number_in(body, "temperature", 0, 2);
  const auto top_p = number_in(body, "top_p", 0, 1);
  const auto top_k = whole_number_in(body, "top_k", -1, 1'000'000);
  if (const auto penalty = number_in(body, "repetition_penalty", 0.01, 100))
    options.repetition_penalty(*penalty);
  if (temperature && *temperature == 0) {
    options.sample(false).temperature(1).top_k(0).top_p(1);
    return;
  }
  if (temperature) options.sample(true).temperature(*temperature);
  if (top_p && *top_p > 0) options.sample(true).top_p(*top_p);
  if (top_k && *top_k > 0) options.sample(true).top_k(*top_k);
  if (!options.sample()) return;
  constexpr int64_t kMostSeed = 9'000'000'000'000'000;
  const auto seed = whole_number_in(body, "seed", -kMostSeed, kMostSeed);
  options.seed(seed ? std::abs(*seed) : static_cast<int64_t>(std::random_device()()));
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

/// What is the same for all texts of a request.
struct AskedWriting {
  std::shared_ptr<Writing> writing;
  std::vector<std::string> stops;
  std::optional<int64_t> max_tokens = {}, min_tokens = {};
};

AskedWriting asked_writing(ServeState& state, const ReplyPtr& reply, const ServedModel& model,
                           const Json& body, bool chats, size_t texts) {
  refuse_unknown(body);
  const auto writing = std::make_shared<Writing>();
  writing->reply = reply, writing->metrics = &state.metrics;
  writing->id = new_id(chats ? "chatcmpl-" : "cmpl-"), writing->model = model.name();
  writing->created = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  writing->chats = chats, writing->streams = flag_in(body, "stream", false);
  writing->says_log_probabilities = says_log_probabilities(body, chats);
  if (body.contains("stream_options") && body["stream_options"].is_object())
    writing->says_usage = flag_in(body["stream_options"], "include_usage", false);
  writing->left = static_cast<int64_t>(texts), writing->choices.resize(texts);
  AskedWriting asked{.writing = writing, .stops = stops_of(body)};
  for (const char* key : {"max_tokens", "max_completion_tokens"})
    if (const auto most = whole_number_in(body, key, 1, 1 << 20)) asked.max_tokens = most;
  asked.min_tokens = whole_number_in(body, "min_tokens", 0, 1 << 20);
  if (asked.min_tokens && asked.max_tokens && *asked.min_tokens > *asked.max_tokens)
    throw HttpError(400, "bad_request", "`min_tokens`: expected at most `max_tokens`");
  return asked;
}

std::shared_ptr<ServedItem> item_of(const Request& request, ServedModel& model, int64_t tokens) {
  const auto item = std::make_shared<ServedItem>();
  item->client = request.client, item->over = request.over;
  item->lane = -1, item->tokens = tokens;
  item->model = &model, item->work = ServedWork::write;
  return item;
}

/// Whose texts go to the request.
std::shared_ptr<ServedText> text_of(const AskedWriting& asked, size_t number,
                                    const std::shared_ptr<const TextWriter>& writer) {
  const auto text = std::make_shared<WrittenText>(asked.writing, number, writer, asked.stops);
  return std::make_shared<ServedText>(ServedText{
      .on_written = [text](const models::Written& written) { text->take(written); },
      .on_error = [writing = asked.writing](const HttpError& error) { writing->fail(error); }});
}

/// With which a prompt is gone on from.
GenerateOptions going_on(const ServedModel& model, const TextWriter& writer,
                         const AskedWriting& asked, const std::vector<int64_t>& prompt) {
  auto options = writer.going_on(prompt);
  const int64_t given = std::ssize(prompt), most = model.sequence_model()->max_positions();
  int64_t max_new = asked.max_tokens.value_or(kCompletion);
  if (!asked.max_tokens && asked.writing->chats)
    max_new = options.max_new() > 0 ? options.max_new()
                                    : std::max<int64_t>(1, options.max_length() - given);
  if (!asked.max_tokens && most > 0)
    max_new = std::min(max_new, std::max<int64_t>(1, most - given));
  if (most > 0 && given + max_new > most) refuse_context(most, given, max_new);
  options.max_new(max_new).min_length(0).min_new(
      asked.min_tokens.value_or(options.min_new() > max_new ? 0 : options.min_new()));
  return options;
}

/// Gives all prompts to the engine, `n` times each.
void write_texts(ServeState& state, const Request& request, const ReplyPtr& reply,
                 ServedModel& model, const Json& body, const TokenRows& prompts, bool chats) {
  const auto n = static_cast<size_t>(whole_number_in(body, "n", 1, kMostChoices).value_or(1));
  if (std::ssize(prompts) * static_cast<int64_t>(n) > state.max_client_batch)
    throw HttpError(400, "bad_request",
                    "`prompt`: expected at most " + std::to_string(state.max_client_batch) +
                        " texts to be written, `n` of each prompt");
  const auto asked = asked_writing(state, reply, model, body, chats, n * prompts.size());
  std::vector<serve::BatchItemPtr> items;
  for (const auto& prompt : prompts) {
    asked.writing->prompt_tokens += std::ssize(prompt);
    for (size_t draw = 0; draw < n; ++draw) {
      const auto writer = std::make_shared<TextWriter>(*model.writer());
      writer->options.stop(asked.stops).beam_size(1).num_hypotheses(1);
      set_drawing(writer->options, body);
      const auto item = item_of(request, model, std::ssize(prompt));
      item->text = text_of(asked, items.size(), writer);
      auto options = going_on(model, *writer, asked, prompt);
      item->text->asked = {.prompt = prompt,
                           .options = options.first_line(static_cast<int64_t>(draw))};
      items.push_back(item);
    }
  }
  state.engine.push(items);
}

/// Of a model that reads a source, as a translator: by the recipe's beams unless the request draws.
void write_from_source(ServeState& state, const Request& request, const ReplyPtr& reply,
                       ServedModel& model, const Json& body) {
  refuse_key(body, "n", 1, "one text a source is written");
  auto examples = inputs_of(body, "prompt");
  if (std::ssize(examples) > state.max_client_batch)
    throw HttpError(400, "bad_request", "`prompt`: too many texts");
  const auto asked = asked_writing(state, reply, model, body, false, examples.size());
  const auto lengths = model.lengths(examples, false);
  const auto writer = std::make_shared<TextWriter>(*model.writer());
  set_drawing(writer->options.stop(asked.stops).num_hypotheses(1), body);
  if (writer->options.sample()) writer->options.beam_size(1);
  if (asked.max_tokens)
    writer->options.max_new(*asked.max_tokens).min_length(0).min_ratio(0).min_new(0);
  if (asked.min_tokens) writer->options.min_new(*asked.min_tokens);
  std::vector<serve::BatchItemPtr> items;
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto item = item_of(request, model, lengths[i].tokens);
    asked.writing->prompt_tokens += lengths[i].tokens;
    item->example = std::move(examples[i]);
    item->text = text_of(asked, i, writer);
    item->text->change = [writer, i](models::Asked& one) {
      one.options = writer->options_of({}, 1)
                        .front()
                        .prefixes(one.options.prefixes())
                        .first_line(static_cast<int64_t>(i));  // which draws of its own
    };
    items.push_back(item);
  }
  state.engine.push(items);
}

/// A text, texts, tokens, or lists of tokens.
TokenRows prompts_of(const ServedModel& model, const Json& body) {
  if (!body.contains("prompt")) throw HttpError(400, "bad_request", "missing field `prompt`");
  const auto& given = body["prompt"];
  const auto is_number = [](const Json& one) { return one.is_number_integer(); };
  const auto row = [&](const Json& one) -> std::vector<int64_t> {
    if (one.is_string()) return model.prompts()->prompt_tokens(one.get<std::string>());
    if (one.is_array() && !one.empty() && std::all_of(one.begin(), one.end(), is_number)) {
      const auto tokens = one.get<std::vector<int64_t>>();
      const auto is_known = [&](int64_t token) {
        return token >= 0 && token < model.sequence_model()->vocabulary();
      };
      if (std::all_of(tokens.begin(), tokens.end(), is_known)) return tokens;
      throw HttpError(400, "bad_request",
                      "`prompt`: expected tokens 0 to " +
                          std::to_string(model.sequence_model()->vocabulary() - 1));
    }
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
  return model.goes_on() || (model.has_source() && model.texts_of_example() == 1);
}

void completions_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_write, "writes texts");
  if (!model.goes_on()) return write_from_source(state, request, reply, model, body);
  write_texts(state, request, reply, model, body, prompts_of(model, body), false);
}

std::string content_of(const Json& message) {
  if (!message.contains("content"))
    throw HttpError(400, "bad_request", "`messages`: one lacks its `content`");
  if (message["content"].is_null()) return "";
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
      body, [](const ServedModel& one) { return one.goes_on(); }, "chats");
  if (!body.contains("messages") || !body["messages"].is_array() || body["messages"].empty())
    throw HttpError(400, "bad_request", "`messages`: expected a list of at least one message");
  std::vector<data::ChatMessage> messages;
  for (const auto& message : body["messages"]) {
    if (!message.is_object()) throw HttpError(400, "bad_request", "`messages`: expected objects");
    refuse_key(message, "tool_calls", Json::array(), "no tools are called");
    const auto role = text_in(message, "role");
    messages.push_back({role == "developer" ? "system" : role, content_of(message)});
  }
  write_texts(state, request, reply, model, body, {model.prompts()->chat_tokens(messages)}, true);
}

}  // namespace

void add_writing_routes(serve::Router& router, ServeState& state) {
  add_post(router, "/v1/completions", state, openai_error, completions_route);
  add_post(router, "/v1/chat/completions", state, openai_error, chat_route);
}

}  // namespace heed::cli
