// What the routes of `heed serve` share: models, the engine, and how requests are read and errors look.
#pragma once

#include "heed/serve/router.h"
#include "serve_engine.h"

namespace heed::cli {

struct ServeState {
  const std::vector<std::unique_ptr<ServedModel>>& models;  ///< which live longer than the engine
  ServeMetrics& metrics;
  ServeEngine& engine;
  int64_t max_client_batch = 512;  ///< inputs of a request
  bool truncates = false;          ///< what is done with longer texts where a request does not say

  /// The one of that name, or the only one that `fits`. Throws HttpError 404 model_not_found, and 424 where none fits.
  ServedModel& model(const Json& body, const std::function<bool(const ServedModel&)>& fits,
                     const char* what) const;
};

// Of a JSON object. What is of another type is HttpError 422.
Json body_of(const serve::Request& request);
std::string text_in(const Json& body, const char* key);  ///< must be there
bool flag_in(const Json& body, const char* key, bool otherwise);
std::optional<double> number_in(const Json& body, const char* key, double least, double most);
std::optional<int64_t> whole_number_in(const Json& body, const char* key, int64_t least,
                                       int64_t most);
/// Throws HttpError 400 for a key that has another value than those that change nothing.
void refuse_key(const Json& body, const char* key, const Json& harmless, const char* why);

/// A text, or a list of them.
std::vector<ServedExample> inputs_of(const Json& body, const char* key);

/// {"error", "error_type"} as text-embeddings-inference says it.
serve::Response tei_error(const serve::HttpError& error);
/// {"error": {"message", "type", "param", "code"}}
serve::Response openai_error(const serve::HttpError& error);
/// {"message"}
serve::Response cohere_error(const serve::HttpError& error);

/// How examples are computed and answered.
struct ServedCall {
  ServedModel& model;
  ServedWork work;
  std::vector<ServedExample> examples;
  bool cuts = false;
  serve::ErrorShape error = tei_error;
  ExplainAsked explain = {};
  /// Of all results and all lengths.
  std::function<serve::Response(std::vector<ServedResult>&, const std::vector<ServedLength>&)>
      answer;
};
/// Counts, refuses what is too much, and gives the examples to the engine. Answers say in x-truncated-inputs which were cut.
void call(ServeState& state, const serve::Request& request, const serve::ReplyPtr& reply,
          ServedCall call);

serve::Response json_answer(const Json& json);

void add_tei_routes(serve::Router& router, ServeState& state);
void add_openai_routes(serve::Router& router, ServeState& state);
void add_writing_routes(serve::Router& router, ServeState& state);
void add_answer_routes(serve::Router& router, ServeState& state);

/// A route of bodies that are JSON.
void add_post(serve::Router& router, const char* path, ServeState& state, serve::ErrorShape error,
              void (*handler)(ServeState&, const serve::Request&, const serve::ReplyPtr&),
              std::vector<std::string> types = {"application/json"});

}  // namespace heed::cli
