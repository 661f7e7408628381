// Routes of OpenAI's API beside those that write: embeddings, models, transcriptions.
#include <chrono>
#include <cmath>
#include <cstring>

#include "serve_files.h"
#include "serve_state.h"

namespace heed::cli {
namespace {

using serve::HttpError, serve::ReplyPtr, serve::Request, serve::Response;

/// float32 numbers, little-endian, in base 64.
std::string base64_of(const std::vector<float>& vector) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(vector.size() * sizeof(float), '\0'), text;
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j)
      word = word << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? kDigits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

void embeddings_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(
      body, [](const ServedModel& one) { return one.embeds(); }, "embeds");
  const auto dimensions = whole_number_in(body, "dimensions", 1, 1 << 20);
  refuse_key(body, "explain", false, "attributions are answered by /answer");
  const auto format = body.value("encoding_format", "float");
  if (format != "float" && format != "base64")
    throw HttpError(400, "bad_request", "`encoding_format`: expected float or base64");
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::embed,
        .examples = inputs_of(body, "input"),
        .cuts = state.truncates && model.max_length() > 0,
        .error = openai_error,
        .answer = [format, dimensions, name = model.name()](auto& results, const auto& lengths) {
          const auto width = static_cast<double>(results.front().vector.size());
          if (dimensions && *dimensions != width)
            throw HttpError(400, "unsupported_parameter",
                            "`dimensions`: vectors are answered whole, of " +
                                std::to_string(results.front().vector.size()) + " numbers");
          auto data = Json::array();
          int64_t tokens = 0;
          for (size_t i = 0; i < results.size(); ++i) {
            Json one = {{"object", "embedding"}, {"index", i}};
            if (format == "base64")
              one["embedding"] = base64_of(results[i].vector);
            else
              one["embedding"] = results[i].vector;
            data.push_back(std::move(one));
            tokens += lengths[i].tokens;
          }
          return json_answer({{"object", "list"},
                              {"data", data},
                              {"model", name},
                              {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
        }});
}

Response models_answer(const ServeState& state) {
  static const auto began = std::chrono::duration_cast<std::chrono::seconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count();
  auto data = Json::array();
  for (const auto& model : state.models)
    data.push_back(
        {{"id", model->name()}, {"object", "model"}, {"created", began}, {"owned_by", "heed"}});
  return json_answer({{"object", "list"}, {"data", data}});
}

/// {"text"} and, as verbose_json, the words with their times where the model tells them.
Response transcript_answer(const ServedResult& result, const std::string& format) {
  const auto json = Json::parse(result.answers.front().json);
  const auto text = json.value("output", result.answers.front().text);
  if (format == "text") return {.content_type = "text/plain; charset=utf-8", .body = text + "\n"};
  Json said = {{"text", text}};
  if (format == "verbose_json") {
    said["task"] = "transcribe";
    if (json.contains("words")) {
      said["words"] = Json::array();
      for (const auto& word : json["words"])
        said["words"].push_back({{"word", word.value("word", word.value("text", ""))},
                                 {"start", word.value("start", 0.0)},
                                 {"end", word.value("end", 0.0)}});
    }
  }
  return json_answer(said);
}

void transcriptions_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  Json body = Json::object();
  std::shared_ptr<const UploadedFile> file;
  for (const auto& part : serve::form_parts(request)) {
    if (part.name == "file")
      file = std::make_shared<UploadedFile>(part.file_name, part.body);
    else
      body[part.name] = part.body;
  }
  if (!file) throw HttpError(400, "bad_request", "the form has no `file`");
  auto& model = state.model(
      body, [](const ServedModel& one) { return one.transcribes(); }, "transcribes");
  const auto format = body.value("response_format", "json");
  if (format != "json" && format != "text" && format != "verbose_json")
    throw HttpError(400, "bad_request", "`response_format`: expected json, text or verbose_json");
  for (const char* key : {"language", "prompt", "stream", "timestamp_granularities[]"})
    refuse_key(body, key, key == std::string_view("stream") ? "false" : "",
               "the model writes as its recipe says: --set "
               "head.generate.tokens.language=\"de\"");
  const auto temperature = body.value("temperature", "0");
  if (temperature.empty() || temperature.find_first_not_of("0.") != temperature.npos)
    throw HttpError(400, "unsupported_parameter", "`temperature`: the likeliest text is answered");
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::answer,
        .examples = {{.file = file->path()}},
        .error = openai_error,
        .answer = [format, file](auto& results, const auto&) {
          return transcript_answer(results.front(), format);
        }});
}

}  // namespace

void add_openai_routes(serve::Router& router, ServeState& state) {
  add_post(router, "/v1/embeddings", state, openai_error, embeddings_route);
  add_post(router, "/v1/audio/transcriptions", state, openai_error, transcriptions_route,
           {"multipart/form-data"});
  router.add("GET", "/v1/models",
             {.handler = [&state](const Request&) { return models_answer(state); },
              .is_immediate = true,
              .error = openai_error});
}

}  // namespace heed::cli
