// One connection: requests in, answers out, one after the other, each step with its deadline.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "serve/hub.h"

namespace heed::serve {

/// What was thrown as an error of HTTP.
HttpError http_error_of(const std::exception& thrown);

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, Hub& hub);
  ~Session();

  void begin();   ///< reads the first request
  void refuse();  ///< says that there are too many connections
  /// Closes it if no request is under way.
  void drain();
  void close();

  // Of answers that come later; `over` names the request that they are of.
  using Over = std::shared_ptr<std::atomic<bool>>;
  void on_late(const Over& over, Response response);
  void on_stream_begin(const Over& over, Response head);
  void on_stream_part(const Over& over, std::string part, bool is_last);

 private:
  using ErrorCode = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  enum class Phase { idle, reading, handling, streaming, writing, lingering };

  void wait_for_request();
  void read_head();
  void on_head(ErrorCode error);
  void check_head();
  void check_body();
  void read_body();
  void on_body(ErrorCode error);
  /// What is said to a request that could not be read; nothing where nobody listens.
  void on_failed_read(ErrorCode error);

  void handle();
  void watch_client();
  void on_handled(Response response);
  void refuse_with(const HttpError& error);
  void send(Response response, bool keep);
  void on_sent(ErrorCode error, bool keep);
  void write_stream();
  void tell_served(unsigned status);
  void linger();
  void discard();

  void set_phase(Phase phase, double seconds);
  void on_deadline();
  void forget_request();
  std::string head_of(const Response& response, bool keep) const;
  std::string stream_head_of(const Response& head) const;

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  Hub& hub_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::shared_ptr<Request> request_;
  const Route* route_ = nullptr;
  Phase phase_ = Phase::idle;
  bool is_too_slow_ = false;  // the deadline ended the read
  bool asked_head_ = false;   // HEAD: the answer's body stays here
  int64_t body_bytes_ = 0;    // of the hub's, promised to this request
  int64_t discarded_ = 0;
  std::string allowed_;  // methods, for a 405
  std::string head_;     // being sent
  Response response_;
  std::shared_ptr<std::atomic<bool>> over_;
  std::string to_stream_, streamed_;  // what waits, and what is being sent
  bool is_stream_ = false, stream_ends_ = false, stream_keeps_ = false, stream_chunks_ = false;
  bool is_told_ = true;                          // whether on_served was called of this request
  unsigned status_ = 0;                          // of what is being sent
  int64_t bytes_in_ = 0, bytes_out_ = 0;         // of this request
  std::chrono::steady_clock::time_point began_;  // when its first byte was there
  std::string peer_, connection_;                // address; a name that no other connection has
  std::chrono::steady_clock::time_point read_;   // when the request was read
};

/// Runs the handler; what it throws becomes an answer in the route's shape.
Response answer(const Route& route, const Request& request);
void answer_late(const Route& route, const Request& request, const ReplyPtr& reply);

}  // namespace heed::serve
