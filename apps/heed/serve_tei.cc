// Routes of text-embeddings-inference, and Cohere's /v1/rerank.
#include <algorithm>
#include <cmath>

#include "heed/serve/server.h"
#include "serve_state.h"

namespace heed::cli {
namespace {

using serve::HttpError, serve::ReplyPtr, serve::Request, serve::Response;

bool can_embed(const ServedModel& model) { return model.embeds(); }
bool can_classify(const ServedModel& model) { return model.head() == "class"; }
bool can_rank(const ServedModel& model) {
  return model.reads_pairs() && (model.head() == "number" || model.head() == "class");
}
bool reads_text(const ServedModel& model) { return model.texts_of_example() > 0; }

/// Whether texts are cut, of a request or of its parameters.
bool cuts_of(const ServeState& state, const Json& body, const ServedModel& model) {
  refuse_key(body, "truncation_direction", "Right",
             "texts are cut where the model's tokenizer says; left out, it is taken");
  refuse_key(body, "explain", false, "attributions are answered by /answer");
  const bool cuts = flag_in(body, "truncate", state.truncates);
  return cuts && model.max_length() > 0;
}

std::vector<float> normalized(std::vector<float> vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  const double norm = std::max(std::sqrt(sum), 1e-12);
  for (float& x : vector) x = static_cast<float>(x / norm);
  return vector;
}

double cosine_of(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i)
    ab += double(a[i]) * b[i], aa += double(a[i]) * a[i], bb += double(b[i]) * b[i];
  return ab / std::max(std::sqrt(aa * bb), 1e-24);
}

void embed_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_embed, "embeds");
  refuse_key(body, "prompt_name", nullptr, "prompts are written into the texts here");
  refuse_key(body, "dimensions", nullptr, "vectors are answered whole");
  const bool normalizes = flag_in(body, "normalize", true);
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::embed,
        .examples = inputs_of(body, "inputs"),
        .cuts = cuts_of(state, body, model),
        .answer = [normalizes](auto& results, const auto&) {
          auto all = Json::array();
          for (auto& result : results)
            all.push_back(normalizes ? normalized(std::move(result.vector)) : result.vector);
          return json_answer(all);
        }});
}

void similarity_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_embed, "embeds");
  if (!body.contains("inputs") || !body["inputs"].is_object())
    throw HttpError(422, "Validation", "missing field `inputs`");
  const auto& inputs = body["inputs"];
  auto examples = inputs_of(inputs, "sentences");
  examples.insert(examples.begin(), {.texts = {text_in(inputs, "source_sentence")}});
  const auto parameters = body.value("parameters", Json::object());
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::embed,
        .examples = std::move(examples),
        .cuts = cuts_of(state, parameters, model),
        .answer = [](auto& results, const auto&) {
          auto all = Json::array();
          for (size_t i = 1; i < results.size(); ++i)
            all.push_back(static_cast<float>(cosine_of(results[0].vector, results[i].vector)));
          return json_answer(all);
        }});
}

/// A text, a pair, or a list of lists with one or two texts.
std::vector<ServedExample> sequences_of(const Json& body, bool& is_batch) {
  if (!body.contains("inputs")) throw HttpError(422, "Validation", "missing field `inputs`");
  const auto& given = body["inputs"];
  const auto sequence = [](const Json& one) {
    ServedExample example;
    const bool is_list = one.is_array() && (one.size() == 1 || one.size() == 2);
    for (const auto& text : is_list ? one : Json::array({one})) {
      if (!text.is_string())
        throw HttpError(422, "Validation",
                        "`inputs`: expected a string, a pair of strings [string, string] or a "
                        "batch of mixed strings and pairs [[string], [string, string], ...]");
      example.texts.push_back(text.get<std::string>());
    }
    return example;
  };
  is_batch = given.is_array() && !given.empty() && given[0].is_array();
  if (!is_batch) return {sequence(given)};
  std::vector<ServedExample> all;
  for (const auto& one : given) {
    if (!one.is_array()) throw HttpError(422, "Validation", "`inputs`: expected lists in a batch");
    all.push_back(sequence(one));
  }
  return all;
}

/// [{"score", "label"}], the best first.
Json labelled(const ServedResult& result) {
  auto all = Json::array();
  const auto json = Json::parse(result.answers.front().json);
  for (const auto& one : json["top"])
    all.push_back({{"score", static_cast<float>(one["probability"].template get<double>())},
                   {"label", one["class"]}});
  return all;
}

void predict_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_classify, "classifies");
  refuse_key(body, "raw_scores", false, "probabilities are answered");
  bool is_batch = false;
  auto examples = sequences_of(body, is_batch);
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::answer,
        .examples = std::move(examples),
        .cuts = cuts_of(state, body, model),
        .answer = [is_batch](auto& results, const auto&) {
          if (!is_batch) return json_answer(labelled(results.front()));
          auto all = Json::array();
          for (const auto& result : results) all.push_back(labelled(result));
          return json_answer(all);
        }});
}

/// Of a pair: the number that the model gives, or the probability of the last of its classes.
double relevance(const ServedResult& result, bool raw) {
  const auto json = Json::parse(result.answers.front().json);
  if (!json.contains("number")) {
    double last = 0;
    std::string name;
    for (const auto& one : json["top"])
      if (one["class"].get<std::string>() >= name)
        name = one["class"].get<std::string>(), last = one["probability"].get<double>();
    return last;
  }
  const auto number = json["number"].get<double>();
  return raw ? number : 1 / (1 + std::exp(-number));
}

struct Ranked {
  size_t index;
  double score;
};

std::vector<Ranked> ranked(const std::vector<ServedResult>& results, bool raw) {
  std::vector<Ranked> all;
  for (size_t i = 0; i < results.size(); ++i) all.push_back({i, relevance(results[i], raw)});
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  return all;
}

void rerank_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_rank, "ranks pairs of texts");
  const auto query = text_in(body, "query");
  auto examples = inputs_of(body, "texts");
  std::vector<std::string> texts;
  for (auto& example : examples)
    texts.push_back(example.texts[0]), example.texts = {query, example.texts[0]};
  const bool raw = flag_in(body, "raw_scores", false), says = flag_in(body, "return_text", false);
  if (raw && model.head() == "class")
    refuse_key(body, "raw_scores", false, "this model gives probabilities of classes");
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::answer,
        .examples = std::move(examples),
        .cuts = cuts_of(state, body, model),
        .answer = [raw, says, texts](auto& results, const auto&) {
          auto all = Json::array();
          for (const auto& [index, score] : ranked(results, raw)) {
            Json one = {{"index", index}};
            if (says) one["text"] = texts[index];
            one["score"] = static_cast<float>(score);
            all.push_back(std::move(one));
          }
          return json_answer(all);
        }});
}

void cohere_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  auto& model = state.model(body, can_rank, "ranks pairs of texts");
  const auto query = text_in(body, "query");
  if (!body.contains("documents") || !body["documents"].is_array() || body["documents"].empty())
    throw HttpError(400, "bad_request", "invalid request: list of documents must not be empty");
  refuse_key(body, "rank_fields", nullptr, "documents are texts or objects with `text`");
  refuse_key(body, "max_tokens_per_doc", nullptr, "the model's own length is the limit");
  refuse_key(body, "max_chunks_per_doc", nullptr, "the model's own length is the limit");
  std::vector<ServedExample> examples;
  std::vector<std::string> texts;
  for (const auto& document : body["documents"]) {
    texts.push_back(document.is_object() ? text_in(document, "text")
                                         : text_in(Json{{"documents", document}}, "documents"));
    examples.push_back({.texts = {query, texts.back()}});
  }
  const auto top = whole_number_in(body, "top_n", 1, 1'000'000'000);
  const bool says = flag_in(body, "return_documents", false);
  call(state, request, reply,
       {.model = model,
        .work = ServedWork::answer,
        .examples = std::move(examples),
        .cuts = cuts_of(state, body, model),
        .error = cohere_error,
        .answer = [top, says, texts](auto& results, const auto&) {
          auto all = Json::array();
          for (const auto& [index, score] : ranked(results, false)) {
            if (top && std::ssize(all) >= *top) break;
            Json one = {{"index", index}, {"relevance_score", score}};
            if (says) one["document"] = {{"text", texts[index]}};
            all.push_back(std::move(one));
          }
          static std::atomic<int64_t> number = 0;
          return json_answer(
              {{"id", "rerank-" + std::to_string(++number)},
               {"results", all},
               {"meta",
                {{"api_version", {{"version", "1"}}}, {"billed_units", {{"search_units", 1}}}}}});
        }});
}

void tokenize_route(ServeState& state, const Request& request, const ReplyPtr& reply) {
  const auto body = body_of(request);
  const auto& model = state.model(body, reads_text, "reads texts");
  refuse_key(body, "prompt_name", nullptr, "prompts are written into the texts here");
  const bool special = flag_in(body, "add_special_tokens", true);
  auto all = Json::array();
  for (const auto& example : inputs_of(body, "inputs"))
    all.push_back(model.tokenized(example.texts[0], special));
  reply->send(json_answer(all));
}

Json model_type(const ServedModel& model) {
  if (model.embeds()) return {{"embedding", {{"pooling", "as the model has it"}}}};
  if (can_rank(model)) return {{"reranker", Json::object()}};
  if (can_classify(model)) return {{"classifier", Json::object()}};
  return {{model.head(), Json::object()}};
}

Response info(const ServeState& state, const Request& request) {
  Json body = Json::object();
  if (const auto name = request.find("model")) body["model"] = *name;
  const auto& first = *state.models.front();
  const auto& model = body.empty() ? first
                                   : state.model(
                                         body, [](const ServedModel&) { return true; }, "is here");
  return json_answer({{"model_id", model.name()},
                      {"model_sha", nullptr},
                      {"model_dtype", "float32"},
                      {"served_model_name", model.name()},
                      {"model_type", model_type(model)},
                      {"max_concurrent_requests", state.engine.limits().max_waiting},
                      {"max_input_length", model.max_length()},
                      {"max_batch_tokens", state.engine.limits().max_tokens},
                      {"max_batch_requests", state.engine.limits().max_items},
                      {"max_client_batch_size", state.max_client_batch},
                      {"auto_truncate", state.truncates},
                      {"tokenization_workers", 1},
                      {"version", HEED_VERSION},
                      {"sha", nullptr},
                      {"docker_label", nullptr}});
}

}  // namespace

void add_tei_routes(serve::Router& router, ServeState& state) {
  add_post(router, "/embed", state, tei_error, embed_route);
  add_post(router, "/similarity", state, tei_error, similarity_route);
  add_post(router, "/predict", state, tei_error, predict_route);
  add_post(router, "/rerank", state, tei_error, rerank_route);
  add_post(router, "/tokenize", state, tei_error, tokenize_route);
  add_post(router, "/v1/rerank", state, cohere_error, cohere_route);
  router.add("GET", "/info",
             {.handler = [&state](const Request& request) { return info(state, request); },
              .is_immediate = true,
              .error = tei_error});
}

}  // namespace heed::cli
