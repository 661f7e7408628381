#include "serve/manners.h"

#include <algorithm>
#include <cstdio>

#include "heed/core/files.h"
#include "heed/serve/server.h"

namespace heed::serve {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = high >= 0 ? digit(text[i + 2]) : -1;
    if (low < 0) throw HttpError(400, "bad_request", "the query has a % without two digits");
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

}  // namespace

bool is_same_secret(std::string_view given, std::string_view expected) noexcept {
  unsigned different = given.size() != expected.size();
  for (size_t i = 0; i < given.size(); ++i) {
    const char against = expected.empty() ? '\0' : expected[i % expected.size()];
    different |= static_cast<unsigned char>(given[i] ^ against);
  }
  return different == 0;
}

std::string host_of(std::string_view authority) {
  const size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  const size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  return lowered(authority.substr(0, colon));
}

void check_origin(const Asker& asker, const std::vector<std::string>& own) {
  const auto host = host_of(asker.host);
  if (std::find(own.begin(), own.end(), host) == own.end())
    throw HttpError(403, "foreign_host",
                    "this server is not called '" + host + "' (header Host); ask " + own.front());
  const bool is_foreign =
      !asker.origin.empty() && lowered(asker.origin) != "http://" + lowered(asker.host);
  const bool is_foreign_site =
      (asker.site == "cross-site" || asker.site == "same-site") && asker.mode != "navigate";
  if (is_foreign || is_foreign_site)
    throw HttpError(403, "foreign_origin", "pages of other servers may not ask this one");
}

void check_key(std::string_view authorization, std::string_view key) {
  constexpr std::string_view kScheme = "bearer ";
  const bool is_bearer = lowered(authorization.substr(0, kScheme.size())) == kScheme;
  const auto given = is_bearer ? authorization.substr(kScheme.size()) : std::string_view();
  if (is_same_secret(given, key)) return;
  throw HttpError(401, "unauthorized",
                  "a key is demanded: send the header 'Authorization: Bearer KEY' with what stands "
                  "in the file that --key-file named");
}

std::pair<std::string, std::vector<std::pair<std::string, std::string>>> parse_target(
    std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {  // the absolute form of RFC 9112
    if (lowered(target.substr(0, scheme.size())) != scheme) continue;
    const size_t slash = target.find('/', scheme.size());
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  if (!target.starts_with('/'))
    throw HttpError(400, "bad_request", "the request's target is no path");
  target = target.substr(0, target.find('#'));
  const size_t mark = target.find('?');
  std::vector<std::pair<std::string, std::string>> query;
  auto rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const size_t equals = part.find('=');
    if (part.empty()) continue;
    query.emplace_back(decoded(part.substr(0, equals)),
                       equals == part.npos ? "" : decoded(part.substr(equals + 1)));
  }
  return {std::string(target.substr(0, mark)), std::move(query)};
}

std::string parameter_of(std::string_view field, std::string_view name) {
  size_t at = field.find(';');
  while (at != field.npos) {
    field.remove_prefix(at + 1);
    while (field.starts_with(' ')) field.remove_prefix(1);
    const size_t equals = field.find('=');
    if (equals == field.npos) return "";
    const auto own = lowered(field.substr(0, equals));
    field.remove_prefix(equals + 1);
    const bool is_quoted = field.starts_with('"');
    if (is_quoted) field.remove_prefix(1);
    const size_t end = std::min(field.size(), field.find(is_quoted ? '"' : ';'));
    if (own == lowered(name)) return std::string(field.substr(0, end));
    at = field.find(';', end);
  }
  return "";
}

std::string chunk_of(std::string_view part) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", part.size());
  return std::string(size).append(part).append("\r\n");
}

std::string read_key(const std::string& path) {
  constexpr uint64_t kLongest = 4096;
  constexpr size_t kShortest = 16;
  auto key = read_text(path, kLongest);
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!key.empty() && is_space(key.back())) key.pop_back();
  key.erase(key.begin(), std::find_if_not(key.begin(), key.end(), is_space));
  if (!std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
    throw UsageError(path + ": a key is one word of visible ASCII characters");
  if (key.size() < kShortest)
    throw UsageError(path + ": a key has at least " + std::to_string(kShortest) +
                     " characters, this one has " + std::to_string(key.size()) +
                     "; make one by: openssl rand -hex 32");
  return key;
}

}  // namespace heed::serve
