// Which handler answers which request.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "heed/serve/http.h"

namespace heed::serve {

using Handler = std::function<Response(const Request&)>;

/// Begins an answer that comes later. What it throws is the answer.
using LateHandler = std::function<void(const Request&, const ReplyPtr&)>;
/// How errors of a route look.
using ErrorShape = std::function<Response(const HttpError&)>;

struct Route {
  Handler handler = {};
  /// Answered even where a key is demanded and none is given.
  bool is_open = false;
  /// By the network's own thread, before all that waits: for what takes microseconds. Otherwise by
  /// the worker, one request after the other.
  bool is_immediate = false;
  /// What a body may be: "application/json". Empty: the request has none.
  std::vector<std::string> content_types = {};
  /// In place of `handler`; called by the worker.
  LateHandler late = {};
  ErrorShape error = error_response;
};

/// Paths are compared as they stand, byte by byte; none is looked up anywhere else.
class Router {
 public:
  /// Throws UsageError where method and path have a route.
  void add(const std::string& method, const std::string& path, Route route);
  /// HEAD finds what GET does. Throws HttpError 404, and 405 where only other methods have a route.
  const Route& find(std::string_view method, std::string_view path) const;
  /// The methods of a path, for the header Allow: "GET, HEAD"; empty for an unknown path.
  std::string methods(std::string_view path) const;

 private:
  std::map<std::string, std::map<std::string, Route, std::less<>>, std::less<>> routes_;
};

}  // namespace heed::serve
