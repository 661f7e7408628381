// What the page of `heed look` is told, and what it asks.
#pragma once

#include "heed/serve/http.h"
#include "look_state.h"
#include "output.h"

namespace heed::cli {

/// Models, inputs that are offered, what can be done.
Json json_of(const LookState& state);

/// Tokens, answers and maps of what was looked at, without weights.
Json json_of(const Seen& seen, const LookSource& source);

/// All heads of a map in at most `cells` x `cells` cells each, as bytes (base64) with one scale.
Json overview_of(const lens::TextMap& map, int64_t cells, MapPool pool);

/// Throws HttpError 400 that names the key.
LookInput input_of(const Json& json);

/// Throws HttpError 400 where the key holds no text.
std::string text_of_key(const Json& json, const char* key);

/// Throws HttpError 400 for no JSON object.
Json parse_body(const serve::Request& request);

}  // namespace heed::cli
