#include "heed/serve/router.h"

namespace heed::serve {

void Router::add(const std::string& method, const std::string& path, Route route) {
  if (!routes_[path].emplace(method, std::move(route)).second)
    throw UsageError("router: " + method + " " + path + " has a route already");
}

const Route& Router::find(std::string_view method, std::string_view path) const {
  const auto found = routes_.find(path);
  if (found == routes_.end())
    throw HttpError(404, "not_found", "there is nothing at " + std::string(path));
  const auto route = found->second.find(method == "HEAD" ? "GET" : method);
  if (route != found->second.end()) return route->second;
  throw HttpError(
      405, "method_not_allowed",
      std::string(path) + " is asked by " + methods(path) + ", not by " + std::string(method));
}

std::string Router::methods(std::string_view path) const {
  std::string all;
  const auto found = routes_.find(path);
  if (found == routes_.end()) return all;
  for (const auto& [method, route] : found->second) {
    all += (all.empty() ? "" : ", ") + method;
    if (method == "GET") all += ", HEAD";
  }
  return all;
}

}  // namespace heed::serve
