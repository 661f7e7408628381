// Who may ask: the checks of Host, Origin and key.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::serve {

/// Whether both texts are equal, in a time that depends on the length of `given` alone.
bool is_same_secret(std::string_view given, std::string_view expected) noexcept;

/// "[::1]:80" and "localhost" without the port, in lower case.
std::string host_of(std::string_view authority);

/// What the header fields of a request say of who asks.
struct Asker {
  std::string_view host;           ///< Host
  std::string_view origin;         ///< Origin; empty: not given
  std::string_view site, mode;     ///< Sec-Fetch-Site, Sec-Fetch-Mode
  std::string_view authorization;  ///< Authorization
};

/// Throws HttpError 403 for a host that is none of `own` (without a port), so that no foreign name
/// that was made to resolve to this machine reads anything; and for what the page of another origin
/// asks. A link from elsewhere may be followed.
void check_origin(const Asker& asker, const std::vector<std::string>& own);

/// Throws HttpError 401 unless `authorization` is "Bearer KEY".
void check_key(std::string_view authorization, std::string_view key);

/// The value of a parameter of a header field, "x" of `form-data; name="x"`; empty: there is none.
std::string parameter_of(std::string_view field, std::string_view name);

/// A part of a body that is sent in chunks.
std::string chunk_of(std::string_view part);

/// The path and the decoded parameters of a request's target. Throws HttpError 400 for a target that
/// is no path, or whose escapes are none.
std::pair<std::string, std::vector<std::pair<std::string, std::string>>> parse_target(
    std::string_view target);

}  // namespace heed::serve
