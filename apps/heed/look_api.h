// The answers of `heed look`.
#pragma once

#include "heed/serve/router.h"
#include "look_state.h"

namespace heed::cli {

/// Adds to the router:
///
///   GET  /api/model                                     models and inputs
///   POST /api/look      {"model", "text" | "input", "number", "target", "ablated"}   tokens, answers, maps
///   POST /api/upload    ?name                           a file as an input
///   GET  /api/overview  ?id&map&pool                    all heads of a map, small
///   GET  /api/map       ?id&map&head&pool               its pyramid's levels and scale
///   GET  /api/tile      ?id&map&head&pool&level&x&y     256 x 256 bytes
///   GET  /api/rows      ?id&map&head&row&rows&column&columns   weights as they are
///   POST /api/explain   {"id", "method", "tests"}       what moved the answer, with its tests
///   GET  /api/image     ?id                             the input that is one, PNG
///   GET  /api/picture   ?id&map&head&format             the map as png, svg, pdf or html
///
/// `state` outlives the router.
void add_look_routes(serve::Router& router, LookState& state);

}  // namespace heed::cli
