#include "look_api.h"

#include "explain_json.h"
#include "heed/lens/canvas.h"
#include "heed/lens/draw.h"
#include "look_json.h"
#include "look_picture.h"

namespace heed::cli {
namespace {

using serve::HttpError;
using serve::Request;
using serve::Response;

constexpr int64_t kOverviewCells = 64;
constexpr int64_t kMostWeights = 1 << 16;  // of one answer

Response json_response(const Json& json) { return {.body = one_line(json)}; }

/// The map and head that a request names.
struct Chosen {
  const Seen& seen;
  size_t map;
  const lens::TextMap& shown;
  int64_t head = 1;
  MapPool pool = MapPool::max;
};

MapPool pool_of(const Request& request) {
  const auto word = request.find("pool").value_or("max");
  if (word == "max") return MapPool::max;
  if (word == "mean") return MapPool::mean;
  throw HttpError(400, "bad_request",
                  "the parameter 'pool' is '" + word + "', expected max or mean");
}

Chosen map_of(LookState& state, const Request& request) {
  const auto& seen = state.seen(request.text("id"));
  const auto map = static_cast<size_t>(request.number("map", 0, std::ssize(seen.maps.maps) - 1));
  return {.seen = seen, .map = map, .shown = seen.maps.maps[map], .pool = pool_of(request)};
}

Chosen head_of(LookState& state, const Request& request) {
  auto chosen = map_of(state, request);
  chosen.head = request.number("head", 1, std::ssize(chosen.shown.heads));
  return chosen;
}

Response describe_map(LookState& state, const Request& request) {
  const auto chosen = head_of(state, request);
  const auto& view = state.view(chosen.seen, chosen.map, chosen.head, chosen.pool);
  const auto& pyramid = view.pyramid;
  return json_response(
      {{"levels", pyramid.levels()},
       {"sinks", view.sinks.keys},
       {"shares", view.sinks.shares},
       {"beside", view.beside},
       {"rows", pyramid.rows(0)},
       {"columns", pyramid.columns(0)},
       {"side", lens::MapPyramid::kSide},
       {"scale",
        {{"greatest", pyramid.scale().greatest}, {"smallest", pyramid.scale().smallest}}}});
}

Response tile(LookState& state, const Request& request) {
  const auto chosen = head_of(state, request);
  const auto& pyramid = state.view(chosen.seen, chosen.map, chosen.head, chosen.pool).pyramid;
  const auto level = request.number("level", 0, pyramid.levels() - 1);
  constexpr int64_t kSide = lens::MapPyramid::kSide;
  const auto x = request.number("x", 0, (pyramid.columns(level) - 1) / kSide);
  const auto y = request.number("y", 0, (pyramid.rows(level) - 1) / kSide);
  const auto found = pyramid.tile(level, x, y);
  return {.content_type = "application/octet-stream",
          .body = std::string(found.bytes.begin(), found.bytes.end())};
}

Response rows(LookState& state, const Request& request) {
  const auto chosen = head_of(state, request);
  const int64_t queries = std::ssize(chosen.shown.rows), keys = std::ssize(chosen.shown.columns);
  const auto row = request.number("row", 0, queries - 1);
  const auto count = request.number("rows", 1, queries - row);
  const auto column = request.number("column", 0, keys - 1);
  const auto width = request.number("columns", 1, keys - column);
  if (count * width > kMostWeights && count > 1)
    throw HttpError(400, "bad_request",
                    "expected at most " + std::to_string(kMostWeights) + " weights, or one row",
                    kMostWeights);
  const auto weights = chosen.shown.weights({row, row + count}, chosen.head)
                           .slice(1, column, column + width)
                           .contiguous();
  auto all = Json::array();
  for (int64_t i = 0; i < count; ++i) {
    const double* first = weights[i].data_ptr<double>();
    all.push_back(std::vector<double>(first, first + width));
  }
  return json_response({{"weights", all}});
}

/// {"id", "method", "tests"}: what `heed explain --json` prints.
Response explain(LookState& state, const Request& request) {
  const auto json = parse_body(request);
  const auto text = [&](const char* key) { return text_of_key(json, key); };
  const auto& seen = state.seen(text("id"));
  const auto method = from_word<lens::Method>(text("method"));
  auto& source = state.source_of(seen);
  if (!method) throw HttpError(400, "bad_request", "unknown method '" + text("method") + "'");
  if (!source.predictor)
    throw HttpError(400, "bad_request", source.name + " is a recording: there is no model to ask");
  if (!seen.input.ablated.empty())
    throw HttpError(400, "bad_request", "explanations are of the whole model: put its heads back");
  const auto question = source.predictor->ask(seen.example, {.target = seen.input.target});
  const lens::ExplainOptions options{.method = *method};
  const auto found = lens::explain(question, options);
  auto said = cli::json_of(question);
  said.update(cli::json_of(found));
  if (json.value("tests", false)) {
    const auto doubt = lens::doubt(question, options, found);
    said["tests"] = cli::json_of(doubt), said["verdict"] = doubt.verdict;
  }
  return json_response(said);
}

Response image(LookState& state, const Request& request) {
  const auto& seen = state.seen(request.text("id"));
  if (!seen.explanation.shown.image) throw HttpError(404, "not_found", "the input is no image");
  return {.content_type = "image/png",
          .body = lens::encode_png(lens::Canvas(*seen.explanation.shown.image))};
}

Response picture(LookState& state, const Request& request) {
  const auto chosen = head_of(state, request);
  const auto made = picture_of(chosen.seen, chosen.map, chosen.head, request.text("format"));
  return {.content_type = made.content_type,
          .body = made.bytes,
          .headers = {{"Content-Disposition", "attachment; filename=\"" + made.name + "\""},
                      {"Content-Security-Policy",
                       "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}}};
}

}  // namespace

void add_look_routes(serve::Router& router, LookState& state) {
  const auto get = [&](const char* path, auto answer) {
    router.add("GET", path, {.handler = [&state, answer](const Request& request) {
                 return answer(state, request);
               }});
  };
  get("/api/model",
      [](LookState& all, const Request&) { return json_response(cli::json_of(all)); });
  get("/api/overview", [](LookState& all, const Request& request) {
    const auto chosen = map_of(all, request);
    return json_response(overview_of(chosen.shown, kOverviewCells, chosen.pool));
  });
  get("/api/map", describe_map);
  get("/api/tile", tile);
  get("/api/rows", rows);
  get("/api/image", image);
  get("/api/picture", picture);
  const auto post = [&](const char* path, const char* content_type, auto answer) {
    router.add(
        "POST", path,
        {.handler = [&state, answer](const Request& request) { return answer(state, request); },
         .content_types = {content_type}});
  };
  post("/api/look", "application/json", [](LookState& all, const Request& request) {
    const auto& seen = all.look(input_of(parse_body(request)));
    return json_response(cli::json_of(seen, all.source_of(seen)));
  });
  post("/api/explain", "application/json", explain);
  post("/api/upload", "application/octet-stream", [](LookState& all, const Request& request) {
    return json_response({{"input", all.upload(request.text("name"), request.body)}});
  });
}

}  // namespace heed::cli
