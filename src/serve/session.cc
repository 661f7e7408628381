#include "serve/session.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "serve/late_reply.h"
#include "serve/manners.h"

namespace heed::serve {
namespace {

namespace http = boost::beast::http;
namespace asio = boost::asio;
using boost::asio::ip::tcp;

constexpr double kLingerSeconds = 2;
constexpr int64_t kMostDiscarded = 1 << 20;
constexpr size_t kMostBuffered = 64 << 10;
constexpr size_t kMostStreamed = 4 << 20;  // bytes that wait for a client that reads slowly
constexpr unsigned kLeft = 499;            // in logs: who asked went away

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view field) {
  field = field.substr(0, field.find(';'));
  while (field.ends_with(' ')) field.remove_suffix(1);
  return lower_case(std::string(field));
}

}  // namespace

Session::Session(tcp::socket socket, Hub& hub)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      hub_(hub),
      buffer_(kMostBuffered + static_cast<size_t>(hub.options.max_header)) {
  hub_.sessions.insert(this);
  ErrorCode gone;
  peer_ = socket_.remote_endpoint(gone).address().to_string();
  connection_ = "connection " + std::to_string(++hub_.connections);
}

Session::~Session() {
  hub_.sessions.erase(this);
  forget_request();
}

void Session::begin() { wait_for_request(); }

void Session::refuse() {
  const int64_t most = hub_.options.max_connections;
  send(
      error_response({503, "too_many_connections",
                      "there are " + std::to_string(most) + " connections; try again later", most}),
      false);
}

void Session::drain() {
  if (phase_ == Phase::idle || phase_ == Phase::lingering) close();
}

void Session::close() {
  ErrorCode ignored;
  if (over_) {
    *over_ = true;
    hub_.queue.drop(over_);
  }
  tell_served(kLeft);
  deadline_.cancel(ignored);
  socket_.close(ignored);
}

void Session::set_phase(Phase phase, double seconds) {
  phase_ = phase;
  deadline_.expires_after(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  deadline_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (!error) self->on_deadline();
  });
}

void Session::on_deadline() {
  if (deadline_.expiry() > std::chrono::steady_clock::now()) return;  // it was set anew meanwhile
  switch (phase_) {
    case Phase::reading: {
      is_too_slow_ = true;
      ErrorCode ignored;
      socket_.cancel(ignored);  // the read ends and says so
      return;
    }
    case Phase::handling: {
      const auto most = static_cast<int64_t>(hub_.options.handle_seconds);
      *over_ = true;
      hub_.queue.drop(over_);
      return refuse_with(
          {503, "out_of_time", "the answer took longer than " + std::to_string(most) + " s", most});
    }
    default:
      return close();
  }
}

void Session::forget_request() {
  if (over_) {
    *over_ = true;
    over_.reset();
  }
  request_.reset();
  parser_.reset();
  hub_.body_bytes -= body_bytes_;
  body_bytes_ = 0;
}

void Session::wait_for_request() {
  forget_request();
  route_ = nullptr;
  asked_head_ = false;
  allowed_.clear();
  is_stream_ = stream_ends_ = false;
  to_stream_.clear();
  if (hub_.is_draining) return close();
  if (buffer_.size() > 0) return read_head();  // it was sent with the one before
  buffer_.shrink_to_fit();
  set_phase(Phase::idle, hub_.options.idle_seconds);
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    if (!error) self->read_head();
  });
}

void Session::read_head() {
  is_told_ = false;
  status_ = 0, bytes_in_ = bytes_out_ = 0;
  began_ = std::chrono::steady_clock::now();
  set_phase(Phase::reading, hub_.options.read_seconds);
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(hub_.options.max_header));
  parser_->body_limit(static_cast<uint64_t>(hub_.options.max_body));
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, size_t) { self->on_head(error); });
}

void Session::on_head(ErrorCode error) {
  if (error) return on_failed_read(error);
  try {
    check_head();
    check_body();
  } catch (const HttpError& refused) {
    return refuse_with(refused);
  }
  read_body();
}

void Session::check_head() {
  const auto& head = parser_->get();
  const auto field = [&](const char* name) { return view(head[name]); };
  asked_head_ = head.method() == http::verb::head;
  const auto target = view(head.target());
  if (static_cast<int64_t>(target.size()) > hub_.options.max_target)
    throw HttpError(
        414, "target_too_long",
        "the path and query are longer than " + std::to_string(hub_.options.max_target) + " bytes",
        hub_.options.max_target);
  if (head.count(http::field::host) != 1)
    throw HttpError(400, "bad_request", "expected one header Host");
  auto names = hub_.names;
  ErrorCode gone;
  const auto local = socket_.local_endpoint(gone).address();
  names.push_back(local.is_v6() ? "[" + local.to_string() + "]" : local.to_string());
  auto host = field("Host");
  if (hub_.options.any_host && !hub_.options.key.empty()) host = names.front();
  check_origin({.host = host,
                .origin = field("Origin"),
                .site = field("Sec-Fetch-Site"),
                .mode = field("Sec-Fetch-Mode"),
                .authorization = {}},
               names);
  request_ = std::make_shared<Request>();
  request_->method = std::string(head.method_string());
  std::tie(request_->path, request_->query) = parse_target(target);
  allowed_ = hub_.router.methods(request_->path);
  route_ = &hub_.router.find(request_->method, request_->path);
  if (!route_->is_open && !hub_.options.key.empty())
    check_key(field("Authorization"), hub_.options.key);
  request_->client = field("Authorization").empty() ? connection_ : field("Authorization");
  if (hub_.is_draining) throw HttpError(503, "shutting_down", "the server is stopping");
}

void Session::check_body() {
  const auto& head = parser_->get();
  const auto length = parser_->content_length();
  const bool has_body = parser_->chunked() || (length && *length > 0);
  const bool takes_one = !route_->content_types.empty();
  if (!takes_one && has_body)
    throw HttpError(413, "body_too_large", request_->path + " takes no body", 0);
  if (!takes_one) return;
  if (!length && !parser_->chunked())
    throw HttpError(411, "length_required", "expected the header Content-Length");
  const auto type = view(head[http::field::content_type]);
  request_->content_type = media_type(type);
  request_->boundary = parameter_of(type, "boundary");
  const auto& types = route_->content_types;
  if (std::find(types.begin(), types.end(), request_->content_type) == types.end())
    throw HttpError(
        415, "wrong_content_type",
        request_->path + " takes " + types.front() + ", not '" + request_->content_type + "'");
  body_bytes_ = length ? static_cast<int64_t>(*length) : hub_.options.max_body;
  hub_.body_bytes += body_bytes_;
  if (hub_.body_bytes > hub_.options.max_bodies)
    throw HttpError(503, "too_many_bodies",
                    "the bodies of all requests together are too large; try again later",
                    hub_.options.max_bodies);
}

void Session::read_body() {
  const auto read = [self = shared_from_this()] {
    http::async_read(self->socket_, self->buffer_, *self->parser_,
                     [self](ErrorCode error, size_t) { self->on_body(error); });
  };
  const auto expect = view(parser_->get()[http::field::expect]);
  if (lower_case(std::string(expect)) != "100-continue") return read();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this(), read](ErrorCode error, size_t) {
                      error ? self->close() : read();
                    });
}

void Session::on_body(ErrorCode error) {
  if (error) return on_failed_read(error);
  request_->body = std::move(parser_->get().body());
  bytes_in_ = std::ssize(request_->body);
  handle();
}

void Session::on_failed_read(ErrorCode error) {
  const auto& options = hub_.options;
  if (is_too_slow_) {
    const auto most = static_cast<int64_t>(options.read_seconds);
    return refuse_with(
        {408, "too_slow", "the request was not whole after " + std::to_string(most) + " s", most});
  }
  if (error == http::error::body_limit)
    return refuse_with({413, "body_too_large",
                        "the body is larger than " + std::to_string(options.max_body) + " bytes",
                        options.max_body});
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    const auto bytes = buffer_.data();
    const std::string_view begin(static_cast<const char*>(bytes.data()), bytes.size());
    const bool is_target = parser_ && !parser_->is_header_done() &&
                           parser_->get().target().empty() && begin.find('\n') == begin.npos;
    if (is_target)
      return refuse_with(
          {414, "target_too_long",
           "the path and query are longer than " + std::to_string(options.max_target) + " bytes",
           options.max_target});
    return refuse_with(
        {431, "headers_too_large",
         "the headers are larger than " + std::to_string(options.max_header) + " bytes",
         options.max_header});
  }
  const bool is_http =
      error.category() == http::make_error_code(http::error::bad_method).category();
  if (is_http && error != http::error::end_of_stream && error != http::error::partial_message)
    return refuse_with({400, "bad_request", "this is no HTTP request: " + error.message()});
  close();
}

void Session::handle() {
  over_ = std::make_shared<std::atomic<bool>>(false);
  request_->over = over_;
  read_ = std::chrono::steady_clock::now();
  if (route_->is_immediate) {
    phase_ = Phase::handling;
    return on_handled(answer(*route_, *request_));
  }
  set_phase(Phase::handling, hub_.options.handle_seconds);
  // The session goes back to the network's thread whatever happens, because it may end there alone.
  auto work = [self = shared_from_this(), request = request_, over = over_, &route = *route_,
               &network = hub_.network]() mutable {
    if (route.late) {
      if (!*over) answer_late(route, *request, std::make_shared<LateReply>(self, over, network));
      return asio::post(network, [self = std::move(self)] {});
    }
    auto response = *over ? Response() : answer(route, *request);
    asio::post(network, [self = std::move(self), over, response = std::move(response)]() mutable {
      if (!*over) self->on_handled(std::move(response));
    });
  };
  if (!hub_.queue.push(std::move(work), over_)) {
    const auto most = hub_.options.max_queue;
    return refuse_with({429, "queue_full",
                        std::to_string(most) + " requests wait already; try again later", most});
  }
  watch_client();
}

void Session::watch_client() {
  socket_.async_wait(
      tcp::socket::wait_read, [self = shared_from_this(), over = over_](ErrorCode error) {
        if (error || *over) return;
        char byte;
        const auto got = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) self->close();
      });
}

void Session::on_late(const Over& over, Response response) {
  if (over == over_ && !*over && phase_ == Phase::handling) on_handled(std::move(response));
}

void Session::on_stream_begin(const Over& over, Response head) {
  if (over != over_ || *over || phase_ != Phase::handling) return;
  hub_.stats.answered(head.status);
  status_ = head.status;
  is_stream_ = true, stream_ends_ = false;
  const auto& asked = parser_->get();
  stream_chunks_ = asked.version() == 11;
  stream_keeps_ = stream_chunks_ && asked.keep_alive() && !hub_.is_draining;
  to_stream_ = stream_head_of(head);
  set_phase(Phase::streaming, hub_.options.handle_seconds);
  on_stream_part(over, std::move(head.body), false);
}

/// Parts wait while one is being sent; who lets too many wait reads too slowly.
void Session::on_stream_part(const Over& over, std::string part, bool is_last) {
  if (over != over_ || *over || !is_stream_ || stream_ends_) return;
  if (to_stream_.size() + part.size() > kMostStreamed) return close();
  if (!part.empty()) to_stream_ += stream_chunks_ ? chunk_of(part) : part;
  if (is_last && stream_chunks_) to_stream_ += "0\r\n\r\n";
  stream_ends_ = is_last;
  if (is_last)
    hub_.stats.handled(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - read_).count());
  if (streamed_.empty()) write_stream();
}

void Session::write_stream() {
  if (to_stream_.empty()) {
    if (!stream_ends_) return;
    ErrorCode ignored;
    socket_.cancel(ignored);  // nobody watches the client any more
    return on_sent({}, stream_keeps_);
  }
  streamed_.swap(to_stream_);
  bytes_out_ += std::ssize(streamed_);
  set_phase(Phase::streaming,
            stream_ends_ ? hub_.options.write_seconds : hub_.options.handle_seconds);
  asio::async_write(socket_, asio::buffer(streamed_),
                    [self = shared_from_this()](ErrorCode error, size_t) {
                      self->streamed_.clear();
                      error ? self->close() : self->write_stream();
                    });
}

std::string Session::stream_head_of(const Response& head) const {
  auto text = head_of(head, stream_keeps_);
  const std::string length = "Content-Length: " + std::to_string(head.body.size()) + "\r\n";
  text.replace(text.find(length), length.size(),
               stream_chunks_ ? "Transfer-Encoding: chunked\r\n" : "");
  return text;
}

void Session::tell_served(unsigned status) {
  if (is_told_) return;
  is_told_ = true;
  if (!hub_.options.on_served || !(request_ || status_)) return;
  Served served{.peer = peer_, .status = status, .bytes_in = bytes_in_, .bytes_out = bytes_out_};
  if (request_) served.method = request_->method, served.path = request_->path;
  served.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  hub_.options.on_served(served);
}

void Session::on_handled(Response response) {
  hub_.stats.handled(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - read_).count());
  ErrorCode ignored;
  if (!route_->is_immediate) socket_.cancel(ignored);  // nobody watches the client any more
  const auto& head = parser_->get();
  const bool keep = head.version() == 11 && head.keep_alive() && !hub_.is_draining;
  send(std::move(response), keep);
}

void Session::refuse_with(const HttpError& error) {
  auto response = route_ ? route_->error(error) : error_response(error);
  if (error.status == 405) response.headers.emplace_back("Allow", allowed_);
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  // Where a body comes that was not read, the next request could not be told from it.
  const bool is_body_read = parser_ && parser_->is_done();
  const bool has_no_body = parser_ && parser_->is_header_done() && !parser_->chunked() &&
                           parser_->content_length().value_or(0) == 0;
  const bool is_well = !is_too_slow_ && parser_ && (is_body_read || has_no_body);
  send(std::move(response), is_well && error.status != 503 && parser_->get().keep_alive() &&
                                parser_->get().version() == 11 && !hub_.is_draining);
}

std::string Session::head_of(const Response& response, bool keep) const {
  const auto body = response.fixed.empty() ? std::string_view(response.body) : response.fixed;
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += std::string(http::obsolete_reason(http::int_to_status(response.status))) + "\r\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  add("Content-Type", response.content_type);
  add("Content-Length", std::to_string(body.size()));
  add("X-Content-Type-Options", "nosniff");
  add("Cross-Origin-Resource-Policy", "same-origin");
  add("Referrer-Policy", "no-referrer");
  bool says_caching = false;
  for (const auto& [name, value] : response.headers) {
    add(name, value);
    says_caching |= name == "Cache-Control";
  }
  if (!says_caching) add("Cache-Control", "no-store");
  if (!keep) add("Connection", "close");
  return head + "\r\n";
}

void Session::send(Response response, bool keep) {
  hub_.stats.answered(response.status);
  status_ = response.status;
  response_ = std::move(response);
  if (status_ == 429 || status_ == 503) response_.headers.emplace_back("Retry-After", "1");
  head_ = head_of(response_, keep);
  auto body = response_.fixed.empty() ? std::string_view(response_.body) : response_.fixed;
  if (asked_head_) body = {};
  set_phase(Phase::writing, hub_.options.write_seconds);
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head_),
                                                asio::buffer(body.data(), body.size())};
  bytes_out_ = std::ssize(head_) + std::ssize(body);
  asio::async_write(socket_, parts, [self = shared_from_this(), keep](ErrorCode error, size_t) {
    self->on_sent(error, keep);
  });
}

void Session::on_sent(ErrorCode error, bool keep) {
  if (!error) tell_served(status_);
  response_ = {};
  head_.clear();
  if (error) return close();
  if (keep) return wait_for_request();
  forget_request();
  linger();
}

/// What still comes is read and thrown away for a while: closed at once, the connection would be reset
/// and the answer lost on its way.
void Session::linger() {
  ErrorCode ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  set_phase(Phase::lingering, kLingerSeconds);
  buffer_.clear();
  discard();
}

void Session::discard() {
  constexpr size_t kPart = 16 << 10;
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kPart),
                          [self = shared_from_this()](ErrorCode error, size_t bytes) {
                            self->discarded_ += static_cast<int64_t>(bytes);
                            if (error || self->discarded_ > kMostDiscarded) return self->close();
                            self->discard();
                          });
}

}  // namespace heed::serve
