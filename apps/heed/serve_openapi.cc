#include "serve_openapi.h"

namespace heed::cli {
namespace {

Json of_type(const char* type) { return {{"type", type}}; }
Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json either(Json a, Json b) { return {{"anyOf", Json::array({std::move(a), std::move(b)})}}; }

/// An object with these properties, of which the first `required` must be there.
Json object_of(const std::vector<std::pair<const char*, Json>>& properties, size_t required = 0) {
  Json object = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
  for (size_t i = 0; i < properties.size(); ++i) {
    object["properties"][properties[i].first] = properties[i].second;
    if (i < required) object["required"].push_back(properties[i].first);
  }
  return object;
}

Json content_of_type(const char* type, Json schema) {
  return {{"content", {{type, {{"schema", std::move(schema)}}}}}};
}

Json post(const char* summary, Json body, Json answer, const char* type = "application/json") {
  Json responses;
  responses["200"] = content_of_type("application/json", std::move(answer));
  responses["200"]["description"] = "the answer";
  for (const auto& [status, what] : {std::pair{"400", "a request that is none"},
                                     {"404", "no such model"},
                                     {"413", "a body that is too large"},
                                     {"422", "an input that the model does not take"},
                                     {"424", "no model here does that"},
                                     {"429", "too many requests wait"}})
    responses[status] = {{"description", what}};
  auto request = content_of_type(type, std::move(body));
  request["required"] = true;
  return {{"post", {{"summary", summary}, {"requestBody", request}, {"responses", responses}}}};
}

Json get(const char* summary) {
  return {
      {"get", {{"summary", summary}, {"responses", {{"200", {{"description", "the answer"}}}}}}}};
}

Json texts() { return either(of_type("string"), list_of(of_type("string"))); }
Json of_model() { return of_type("string"); }

Json tei_paths() {
  const auto vectors = list_of(list_of(of_type("number")));
  const auto flag = of_type("boolean");
  const auto scores =
      list_of(object_of({{"score", of_type("number")}, {"label", of_type("string")}}));
  Json paths;
  paths["/embed"] = post(
      "Vectors of texts",
      object_of(
          {{"inputs", texts()}, {"model", of_model()}, {"normalize", flag}, {"truncate", flag}}, 1),
      vectors);
  paths["/similarity"] =
      post("Cosines of a text with others",
           object_of({{"inputs", object_of({{"source_sentence", of_type("string")},
                                            {"sentences", list_of(of_type("string"))}},
                                           2)},
                      {"parameters", object_of({{"truncate", flag}})},
                      {"model", of_model()}},
                     1),
           list_of(of_type("number")));
  paths["/predict"] = post("Classes of texts or pairs",
                           object_of({{"inputs", either(of_type("string"), list_of(texts()))},
                                      {"model", of_model()},
                                      {"truncate", flag}},
                                     1),
                           either(scores, list_of(scores)));
  paths["/rerank"] = post("Texts by how well they answer a query",
                          object_of({{"query", of_type("string")},
                                     {"texts", list_of(of_type("string"))},
                                     {"model", of_model()},
                                     {"raw_scores", flag},
                                     {"return_text", flag},
                                     {"truncate", flag}},
                                    2),
                          list_of(object_of({{"index", of_type("integer")},
                                             {"text", of_type("string")},
                                             {"score", of_type("number")}})));
  paths["/tokenize"] =
      post("Tokens of texts",
           object_of({{"inputs", texts()}, {"model", of_model()}, {"add_special_tokens", flag}}, 1),
           list_of(list_of(object_of({{"id", of_type("integer")},
                                      {"text", of_type("string")},
                                      {"special", flag},
                                      {"start", of_type("integer")},
                                      {"stop", of_type("integer")}}))));
  paths["/v1/rerank"] = post("The same as Cohere has it",
                             object_of({{"query", of_type("string")},
                                        {"documents", list_of(of_type("string"))},
                                        {"model", of_model()},
                                        {"top_n", of_type("integer")},
                                        {"return_documents", flag}},
                                       2),
                             of_type("object"));
  paths["/info"] = get("The model and the limits");
  return paths;
}

Json openai_paths() {
  const auto number = of_type("number"), flag = of_type("boolean");
  Json paths;
  paths["/v1/embeddings"] = post(
      "Vectors of texts",
      object_of({{"input", texts()}, {"model", of_model()}, {"encoding_format", of_type("string")}},
                1),
      of_type("object"));
  const std::vector<std::pair<const char*, Json>> drawing{{"model", of_model()},
                                                          {"max_tokens", of_type("integer")},
                                                          {"temperature", number},
                                                          {"top_p", number},
                                                          {"seed", of_type("integer")},
                                                          {"stop", texts()},
                                                          {"stream", flag},
                                                          {"stream_options", of_type("object")},
                                                          {"n", of_type("integer")},
                                                          {"top_k", of_type("integer")},
                                                          {"repetition_penalty", number},
                                                          {"min_tokens", of_type("integer")}};
  auto completion = drawing, chat = drawing;
  completion.emplace_back("logprobs", of_type("integer")), chat.emplace_back("logprobs", flag);
  chat.emplace_back("max_completion_tokens", of_type("integer"));
  completion.insert(completion.begin(), {"prompt", texts()});
  chat.insert(chat.begin(),
              {"messages", list_of(object_of(
                               {{"role", of_type("string")}, {"content", of_type("string")}}, 2))});
  paths["/v1/completions"] =
      post("A text goes on, or is translated", object_of(completion, 1), of_type("object"));
  paths["/v1/chat/completions"] = post("A chat goes on", object_of(chat, 1), of_type("object"));
  paths["/v1/models"] = get("The models");
  paths["/v1/audio/transcriptions"] =
      post("What is said in a recording",
           object_of({{"file", {{"type", "string"}, {"format", "binary"}}},
                      {"model", of_model()},
                      {"response_format", of_type("string")}},
                     1),
           of_type("object"), "multipart/form-data");
  return paths;
}

}  // namespace

Json openapi() {
  Json paths = tei_paths();
  paths.update(openai_paths());
  paths["/answer"] = post(
      "What any model answers, and why",
      object_of(
          {{"inputs", either(texts(), list_of(texts()))},
           {"records", list_of(of_type("object"))},
           {"model", of_model()},
           {"truncate", of_type("boolean")},
           {"explain", either(of_type("boolean"), object_of({{"method", of_type("string")},
                                                             {"target", of_type("string")}}))}}),
      object_of({{"model", of_model()}, {"answers", list_of(of_type("object"))}}));
  for (const auto& [path, what] : {std::pair{"/health", "Whether the server runs"},
                                   {"/ready", "Whether it takes requests"},
                                   {"/metrics", "Prometheus' text"},
                                   {"/openapi.json", "This"}})
    paths[path] = get(what);
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "heed serve"}, {"version", HEED_VERSION}}},
          {"paths", paths}};
}

}  // namespace heed::cli
