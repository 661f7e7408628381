// A request and its answer, as handlers see them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/core/error.h"

namespace heed::serve {

/// What a handler throws to be answered with this status and
/// {"error": {"type": ..., "message": ..., "limit": ...}}.
struct HttpError : UsageError {
  HttpError(unsigned status, std::string type, const std::string& message,
            std::optional<int64_t> limit = {})
      : UsageError(message), status(status), type(std::move(type)), limit(limit) {}

  unsigned status;
  std::string type;              ///< for programs: "body_too_large"
  std::optional<int64_t> limit;  ///< that was passed: bytes, seconds, connections
};

struct Request {
  /// Who asks, for fairness and never to be shown: the key of its header Authorization, else its connection.
  std::string client;
  std::string method, path;                                ///< "GET", "/api/tile"
  std::vector<std::pair<std::string, std::string>> query;  ///< percent-decoded, in their order
  std::string content_type;                                ///< of the body, without parameters
  std::string boundary;                                    ///< of multipart/form-data
  std::string body;

  /// The value of a parameter of the query; unset: not given.
  std::optional<std::string> find(std::string_view name) const;
  /// Throws HttpError 400 for one that is not given.
  std::string text(std::string_view name) const;
  /// A whole number of the query. Throws HttpError 400 for another value than `least` to `most`.
  int64_t number(std::string_view name, int64_t least, int64_t most) const;

  /// Whether nobody waits for the answer any more: the client went away, or time ran out. A handler
  /// that works for long asks now and then.
  bool is_over() const { return over && *over; }

  std::shared_ptr<const std::atomic<bool>> over = {};
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  /// Bytes that outlive the server, sent in place of `body`.
  std::string_view fixed = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// The answer that an error gets.
Response error_response(const HttpError& error);

/// Where an answer goes that comes later, from any thread: one send(), or begin(), parts and end(). What nobody waits for any
/// more is dropped; Request::over says so. One that goes without an answer says 500.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void send(Response response) = 0;
  /// Status, type and headers of an answer whose parts follow; its body is the first of them.
  virtual void begin(Response head) = 0;
  virtual void write(std::string part) = 0;
  virtual void end() = 0;
};
using ReplyPtr = std::shared_ptr<Reply>;

/// A part of a body of the kind multipart/form-data.
struct FormPart {
  std::string name, file_name, body;  ///< file_name is empty where it is no file
};
/// Throws HttpError 400 for a body that is none.
std::vector<FormPart> form_parts(const Request& request);

}  // namespace heed::serve
