#include "serve_state.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "heed/core/nearest.h"
#include "request_json.h"

namespace heed::cli {

using serve::HttpError, serve::Request, serve::Response;

namespace {

[[noreturn]] void refuse_body(const std::string& why) { throw HttpError(422, "Validation", why); }

/// As text-embeddings-inference calls what went wrong.
const char* tei_type(const HttpError& error) {
  for (const char* type : {"Validation", "Tokenizer", "Empty", "Overloaded", "Backend"})
    if (error.type == type) return type;
  if (error.status == 429 || error.status == 503) return "Overloaded";
  return error.status < 500 ? "Validation" : "Backend";
}

}  // namespace

Response tei_error(const HttpError& error) {
  const bool of_request = error.type == "data_error" || error.type == "usage_error";
  return {.status = of_request ? 422 : error.status,
          .body = one_line({{"error", error.what()}, {"error_type", tei_type(error)}})};
}

Response openai_error(const HttpError& error) {
  auto status = error.status;
  if (status == 422 || status == 424) status = 400;
  const char* type = status == 429   ? "requests"
                     : status >= 500 ? "server_error"
                                     : "invalid_request_error";
  Json code = error.type;
  if (status == 429) code = "rate_limit_exceeded";
  if (status == 401) code = "invalid_api_key";
  for (const char* own : {"Validation", "bad_request", "Empty", "Backend"})
    if (error.type == own) code = nullptr;
  return {.status = status,
          .body = one_line(
              {{"error",
                {{"message", error.what()}, {"type", type}, {"param", nullptr}, {"code", code}}}})};
}

Response cohere_error(const HttpError& error) {
  auto status = error.status;
  if (status == 424) status = 400;
  return {.status = status, .body = one_line({{"message", error.what()}})};
}

Response json_answer(const Json& json) { return {.body = one_line(json)}; }

ServedModel& ServeState::model(const Json& body,
                               const std::function<bool(const ServedModel&)>& fits,
                               const char* what) const {
  const auto given =
      body.contains("model") && !body["model"].is_null() ? text_in(body, "model") : "";
  std::vector<std::string> names;
  std::string fitting;  // names of those that fit
  ServedModel* only = nullptr;
  int64_t count = 0;
  for (const auto& one : models) {
    names.push_back(one->name());
    if (one->name() == given) {
      if (!fits(*one)) throw HttpError(424, "Backend", given + " is no model that " + what);
      return *one;
    }
    if (!fits(*one)) continue;
    only = one.get(), fitting += (count++ ? ", " : "") + one->name();
  }
  if (!given.empty())
    throw HttpError(404, "model_not_found",
                    "The model '" + given + "' does not exist" + suggestion(given, names));
  if (count == 0) throw HttpError(424, "Backend", std::string("no model here ") + what);
  if (count > 1)
    throw HttpError(
        422, "Validation",
        std::string("more than one model here ") + what + "; name one by `model`: " + fitting);
  return *only;
}

Json body_of(const Request& request) {
  auto json = request_json(request);
  if (!json.is_object()) refuse_body("the body is no JSON object");
  return json;
}

std::string text_in(const Json& body, const char* key) {
  if (body.contains(key) && body[key].is_string()) return body[key].get<std::string>();
  refuse_body(std::string("`") + key + "`: expected a text");
}

bool flag_in(const Json& body, const char* key, bool otherwise) {
  if (!body.contains(key) || body[key].is_null()) return otherwise;
  if (body[key].is_boolean()) return body[key].get<bool>();
  refuse_body(std::string("`") + key + "`: expected true or false");
}

std::optional<double> number_in(const Json& body, const char* key, double least, double most) {
  if (!body.contains(key) || body[key].is_null()) return {};
  if (body[key].is_number()) {
    const auto number = body[key].get<double>();
    if (number >= least && number <= most) return number;
  }
  std::ostringstream bounds;
  bounds << std::setprecision(16) << least << " to " << most;
  refuse_body(std::string("`") + key + "`: expected a number from " + bounds.str());
}

std::optional<int64_t> whole_number_in(const Json& body, const char* key, int64_t least,
                                       int64_t most) {
  const auto number = number_in(body, key, static_cast<double>(least), static_cast<double>(most));
  if (number && *number != std::floor(*number))
    refuse_body(std::string("`") + key + "`: expected a whole number, given " + body[key].dump());
  return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

void refuse_key(const Json& body, const char* key, const Json& harmless, const char* why) {
  if (!body.contains(key) || body[key].is_null() || body[key] == harmless) return;
  throw HttpError(400, "unsupported_parameter", std::string("`") + key + "`: " + why);
}

std::vector<ServedExample> inputs_of(const Json& body, const char* key) {
  std::vector<ServedExample> all;
  if (!body.contains(key)) refuse_body(std::string("missing field `") + key + "`");
  const auto& given = body[key];
  if (given.is_string()) return {{.texts = {given.get<std::string>()}}};
  if (!given.is_array())
    refuse_body(std::string("`") + key + "`: expected a text or a list of texts");
  if (given.empty()) throw HttpError(400, "Empty", std::string("`") + key + "` cannot be empty");
  for (const auto& one : given) {
    if (!one.is_string())
      refuse_body(std::string("`") + key +
                  "`: expected texts; numbers of tokens are not taken (LangChain sends "
                  "them unless check_embedding_ctx_length=False)");
    all.push_back({.texts = {one.get<std::string>()}});
  }
  return all;
}

void call(ServeState& state, const Request& request, const serve::ReplyPtr& reply,
          ServedCall call) {
  auto& metrics = state.metrics;
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [began] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const auto count = std::ssize(call.examples);
  const std::string method = count == 1 ? "method=\"single\"" : "method=\"batch\"";
  metrics.count("te_request_count", method);
  if (count > state.max_client_batch) {
    metrics.count("te_request_failure", "err=\"batch_size\"");
    throw HttpError(422, "Validation",
                    "batch size " + std::to_string(count) + " > maximum allowed batch size " +
                        std::to_string(state.max_client_batch));
  }
  std::vector<ServedLength> lengths;
  try {
    lengths = call.model.lengths(call.examples, call.cuts);
  } catch (const Error&) {
    metrics.count("te_request_failure", "err=\"validation\"");
    throw;
  }
  const auto prefix = std::string(call.work == ServedWork::embed ? "te_embed" : "te_predict");
  metrics.observe(prefix + "_tokenization_duration", seconds());
  const auto whole = std::make_shared<ServedRequest>();
  whole->reply = reply, whole->error = call.error, whole->over = request.over;
  whole->results.resize(call.examples.size()), whole->left = call.examples.size();
  std::string cut;
  for (size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i].whole > lengths[i].tokens) cut += (cut.empty() ? "" : ",") + std::to_string(i);
  whole->answer = [&metrics, answer = std::move(call.answer), lengths, cut, prefix, method,
                   began](std::vector<ServedResult>& results) {
    auto response = answer(results, lengths);
    if (!cut.empty()) response.headers.emplace_back("x-truncated-inputs", cut);
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    metrics.observe("te_request_duration", took), metrics.observe(prefix + "_duration", took);
    metrics.count("te_request_success", method);
    metrics.count(prefix + "_success", "", static_cast<double>(results.size()));
    return response;
  };
  std::vector<serve::BatchItemPtr> items;
  int64_t number = 0;
  for (const auto& one : state.models) {
    if (one.get() == &call.model) break;
    ++number;
  }
  for (size_t i = 0; i < call.examples.size(); ++i) {
    const auto item = std::make_shared<ServedItem>();
    item->client = request.client, item->over = request.over;
    item->lane = number * 64 + static_cast<int64_t>(call.work) * 8 + (call.cuts ? 4 : 0) +
                 (call.examples[i].record.is_null() ? 0 : 2) +
                 (call.examples[i].file.empty() ? 0 : 1);
    item->tokens = lengths[i].tokens;
    item->model = &call.model, item->work = call.work, item->cuts = call.cuts;
    item->example = std::move(call.examples[i]);
    item->explain = call.explain;
    item->request = whole, item->number = i;
    metrics.observe("te_request_input_length", static_cast<double>(lengths[i].tokens));
    items.push_back(item);
  }
  metrics.count(prefix + "_count", "", static_cast<double>(items.size()));
  state.engine.push(items);
}

void add_post(serve::Router& router, const char* path, ServeState& state, serve::ErrorShape error,
              void (*handler)(ServeState&, const Request&, const serve::ReplyPtr&),
              std::vector<std::string> types) {
  serve::Route route;
  route.content_types = std::move(types), route.error = std::move(error);
  route.late = [&state, handler](const Request& request, const serve::ReplyPtr& reply) {
    handler(state, request, reply);
  };
  router.add("POST", path, std::move(route));
}

}  // namespace heed::cli
