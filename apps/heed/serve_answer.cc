// POST /answer: what `heed predict --json` and `heed explain --json` say, of any model.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "serve_files.h"
#include "serve_state.h"

namespace heed::cli {
namespace {

using serve::HttpError, serve::ReplyPtr, serve::Request;

ExplainAsked explain_of(const Json& body) {
  ExplainAsked asked;
  if (body["explain"].is_boolean()) return asked;
  const auto& given = body["explain"];
  if (!given.is_object())
    throw HttpError(422, "Validation", "`explain`: expected true or {\"method\", \"target\"}");
  for (const auto& [key, value] : given.items())
    if (key != "method" && key != "target")
      throw HttpError(422, "Validation", "`explain`: unknown key `" + key + "`");
  if (given.contains("target")) asked.aim.target = text_in(given, "target");
  if (!given.contains("method")) return asked;
  const auto method = from_word<lens::Method>(text_in(given, "method"));
  if (!method)
    throw HttpError(422, "Validation",
                    "`explain`: unknown method '" + text_in(given, "method") + "'");
  asked.options.method = *method;
  return asked;
}

Json answer_json(const ServedResult& result, const std::vector<std::string>& heads) {
  if (!result.explained.is_null()) return result.explained;
  Json one = {{"input", result.shown}};
  if (result.answers.size() == 1) {
    one.update(Json::parse(result.answers.front().json));
    return one;
  }
  for (size_t i = 0; i < result.answers.size(); ++i)
    one[heads[i]] = Json::parse(result.answers[i].json);
  return one;
}

/// Examples of `inputs`, of `records`, or of a file.
std::vector<ServedExample> examples_of(const Json& body) {
  if (!body.contains("records")) {
    if (!body.contains("inputs") || !body["inputs"].is_array() || body["inputs"].empty() ||
        !body["inputs"][0].is_array())
      return inputs_of(body, "inputs");
    std::vector<ServedExample> all;
    for (const auto& one : body["inputs"]) {
      all.emplace_back();
      for (const auto& example : inputs_of(Json{{"inputs", one}}, "inputs"))
        all.back().texts.push_back(example.texts[0]);
    }
    return all;
  }
  if (!body["records"].is_array() || body["records"].empty())
    throw HttpError(422, "Validation", "`records`: expected a list of objects");
  std::vector<ServedExample> all;
  for (const auto& record : body["records"]) {
    if (!record.is_object() || record.empty())
      throw HttpError(422, "Validation", "`records`: expected objects with columns");
    all.push_back({.record = record});
  }
  return all;
}

void answer_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  Json body = Json::object();
  std::shared_ptr<const UploadedFile> file;
  if (request.content_type == "multipart/form-data") {
    for (const auto& part : serve::form_parts(request))
      if (part.name == "file")
        file = std::make_shared<UploadedFile>(part.file_name, part.body);
      else
        body[part.name] = part.body;
    if (!file) throw HttpError(400, "bad_request", "the form has no `file`");
    if (body.contains("explain")) body["explain"] = body["explain"] == "true";
  } else {
    body = body_of(request);
  }
  auto& model = state.model(
      body, [](const ServedModel&) { return true; }, "is here");
  const bool explains =
      body.contains("explain") && !(body["explain"].is_boolean() && !body["explain"].get<bool>());
  auto examples = file ? std::vector<ServedExample>{{.file = file->path()}} : examples_of(body);
  const bool cuts = !file && flag_in(body, "truncate", state.truncates) && model.max_length() > 0;
  call(state, request, reply,
       {.model = model,
        .work = explains ? ServedWork::explain : ServedWork::answer,
        .examples = std::move(examples),
        .cuts = cuts,
        .explain = explains ? explain_of(body) : ExplainAsked(),
        .answer = [file, name = model.name(), heads = model.predictor().heads()](auto& results,
                                                                                 const auto&) {
          auto answers = Json::array();
          for (const auto& result : results) answers.push_back(answer_json(result, heads));
          return json_answer({{"model", name}, {"answers", answers}});
        }});
}

}  // namespace

UploadedFile::UploadedFile(const std::string& given, const std::string& bytes) {
  std::string name;
  for (const char c : given.substr(given.find_last_of("/\\") + 1))
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_') name += c;
  if (name.empty() || name.front() == '.') name.insert(0, "file");
  if (name.size() > 60) name = name.substr(name.size() - 60);
  auto pattern = (std::filesystem::temp_directory_path() / "heed-serve-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw FileError("mkdtemp", pattern, errno);
  folder_ = pattern, path_ = folder_ + "/" + name;
  replace_file(path_, bytes);
}

UploadedFile::~UploadedFile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void add_answer_routes(serve::Router& router, ServeState& state) {
  add_post(router, "/answer", state, tei_error, answer_route,
           {"application/json", "multipart/form-data"});
}

}  // namespace heed::cli
