// A small HTTP/1.1 server that stays well whatever its clients do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "heed/serve/router.h"

namespace heed::serve {

/// A request that was answered, for a log.
struct Served {
  std::string peer;          ///< address of who asked
  std::string method, path;  ///< empty where the request was none
  unsigned status = 0;       ///< 499: who asked went away before
  int64_t bytes_in = 0, bytes_out = 0;
  double seconds = 0;  ///< from the first byte of its head to the last one of its answer
};

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< an address of this machine: "127.0.0.1", "::1", "0.0.0.0"
  uint16_t port = 0;               ///< 0: any that is free
  /// Demanded as "Authorization: Bearer KEY" from routes that are not open. Empty: no key, which
  /// other addresses than those of the loopback refuse.
  std::string key = {};
  int64_t max_header = 16 << 10;        ///< bytes of a request's line and headers
  int64_t max_target = 8 << 10;         ///< bytes of a request's path and query
  int64_t max_body = 16 << 20;          ///< bytes of a body
  int64_t max_bodies = 256 << 20;       ///< bytes of all bodies at a time
  int64_t max_connections = 1024;       ///< open at a time
  int64_t max_queue = 64;               ///< requests that wait for the worker
  double idle_seconds = 60;             ///< without a request, until a connection is closed
  double read_seconds = 20;             ///< from the first byte of a request to its last
  double write_seconds = 30;            ///< from the first byte of an answer to its last
  double handle_seconds = 300;          ///< waiting for the worker and its work
  double drain_seconds = 4;             ///< for requests that are under way when it stops
  std::function<bool()> is_ready = {};  ///< what /ready says; empty: always
  /// Whether a Host is taken that is no name of this machine, as that of a container or of a proxy. With a key alone.
  bool any_host = false;
  std::function<std::string()> more_metrics = {};     ///< lines behind those of /metrics
  std::function<void(const Served&)> on_served = {};  ///< called by the network's thread
};

/// Reads a key: the file's text without white space at its ends. Throws UsageError for fewer than
/// 16 characters or others than visible ASCII, FileError.
std::string read_key(const std::string& path);

/// Answers GET /health, /ready and /metrics (Prometheus' text), and what the router has. One thread
/// does the network, one more the handlers that take time, in the order of their requests; a request
/// whose client went away leaves the queue. What it refuses it answers by a typed JSON error:
///
///   400 bad_request           no HTTP, no or several Host, a bad parameter
///   401 unauthorized          no or another key
///   403 foreign_host          a Host that is not this server's (DNS rebinding), foreign_origin
///   404 not_found             405 method_not_allowed
///   408 too_slow              a request that took longer than read_seconds
///   411 length_required       a POST that does not say how long its body is
///   413 body_too_large        414 target_too_long       431 headers_too_large
///   415 wrong_content_type    a body of a kind that the route does not take
///   429 queue_full            max_queue requests wait already
///   500 internal
///   503 too_many_connections, too_many_bodies, out_of_time, out_of_memory, shutting_down
///
/// Errors of kind heed::Error that a handler throws are 400 with the type usage_error, data_error,
/// model_error or file_error.
class Server {
 public:
  /// Binds and listens. Throws UsageError for a host that is no address or that demands a key,
  /// FileError where the port is taken.
  Server(Router router, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  /// "http://127.0.0.1:8765/"
  std::string address() const;

  /// Serves on the calling thread until `should_stop`, which is asked ten times a second, says so;
  /// then refuses new requests and waits up to drain_seconds for those under way. False: the worker
  /// is still busy; then end the process, because the destructor waits for it.
  bool run(const std::function<bool()>& should_stop);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace heed::serve
