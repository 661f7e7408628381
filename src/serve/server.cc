#include "heed/serve/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "serve/session.h"

namespace heed::serve {
namespace {

namespace asio = boost::asio;
using boost::asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto kLook = milliseconds(100);        // how often should_stop is asked
constexpr auto kAcceptAgain = milliseconds(50);  // after descriptors ran out
constexpr int kBacklog = 1024;
constexpr int64_t kOtherDescriptors = 64;  // files of the model, standard streams
constexpr int64_t kRefusedAtOnce = 64;     // connections that are told that there are too many

asio::ip::address address_of(const std::string& host) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error)
    throw UsageError("--host '" + host +
                     "' is no address of this machine: expected 127.0.0.1, ::1, 0.0.0.0 or another "
                     "number of an interface");
  return address;
}

/// As many connections as descriptors allow, after their limit was raised as far as it goes.
int64_t possible_connections(int64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const auto needed = static_cast<rlim_t>(wanted + kRefusedAtOnce + kOtherDescriptors);
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min(limit.rlim_max, needed);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed) return wanted;
  return std::max<int64_t>(
      1, static_cast<int64_t>(limit.rlim_cur) - kRefusedAtOnce - kOtherDescriptors);
}

std::vector<std::string> names_of(const ServerOptions& options) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "[::1]"};
  char name[256] = {};
  if (!options.key.empty() && ::gethostname(name, sizeof name - 1) == 0) names.emplace_back(name);
  return names;
}

Response plain(unsigned status, const std::string& text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = text};
}

}  // namespace

struct Server::Parts {
  Parts(Router router, ServerOptions options)
      : hub(std::move(router), std::move(options)),
        acceptor(hub.network),
        clock(hub.network),
        accept_again(hub.network) {}

  void listen();
  void add_own_routes();
  void accept();
  void look(const std::function<bool()>& should_stop);
  void drain();
  void wait_for_end();

  Hub hub;
  tcp::acceptor acceptor;
  asio::steady_timer clock, accept_again;
  std::chrono::steady_clock::time_point end;
};

void Server::Parts::listen() {
  const auto& options = hub.options;
  const auto address = address_of(options.host);
  if (!address.is_loopback() && options.key.empty())
    throw UsageError("--host " + options.host +
                     " is seen by other machines: a key is demanded there, --key-file FILE");
  try {
    const tcp::endpoint endpoint(address, options.port);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(kBacklog);
  } catch (const boost::system::system_error& error) {
    throw FileError("cannot listen at " + options.host + " port " + std::to_string(options.port) +
                    ": " + error.code().message() + "; --port 0 takes one that is free");
  }
}

void Server::Parts::add_own_routes() {
  const auto add = [&](const char* path, bool is_open, std::function<Response()> handler) {
    hub.router.add("GET", path,
                   {.handler = [handler = std::move(handler)](const Request&) { return handler(); },
                    .is_open = is_open,
                    .is_immediate = true});
  };
  add("/health", true, [] { return plain(200, "ok\n"); });
  add("/ready", true, [this] {
    if (hub.is_draining) throw HttpError(503, "shutting_down", "the server is stopping");
    const bool is_ready = !hub.options.is_ready || hub.options.is_ready();
    if (!is_ready) throw HttpError(503, "not_ready", "the server is starting");
    return plain(200, "ready\n");
  });
  add("/metrics", false, [this] {
    auto response = plain(200, hub.stats.text({.connections = std::ssize(hub.sessions),
                                               .queue = static_cast<int64_t>(hub.queue.waiting()),
                                               .body_bytes = hub.body_bytes}));
    if (hub.options.more_metrics) response.body += hub.options.more_metrics();
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
}

void Server::Parts::accept() {
  acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (error) {  // no descriptor is free: those that wait, wait
      accept_again.expires_after(kAcceptAgain);
      accept_again.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) accept();
      });
      return;
    }
    hub.stats.connected();
    const auto open = std::ssize(hub.sessions);
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (open < hub.options.max_connections)
      std::make_shared<Session>(std::move(socket), hub)->begin();
    else if (open < hub.options.max_connections + kRefusedAtOnce)
      std::make_shared<Session>(std::move(socket), hub)->refuse();
    accept();
  });
}

void Server::Parts::look(const std::function<bool()>& should_stop) {
  if (should_stop()) return drain();
  clock.expires_after(kLook);
  clock.async_wait([this, &should_stop](boost::system::error_code error) {
    if (!error) look(should_stop);
  });
}

void Server::Parts::drain() {
  hub.is_draining = true;
  boost::system::error_code ignored;
  acceptor.close(ignored);
  accept_again.cancel(ignored);
  for (auto* session : std::set<Session*>(hub.sessions)) session->drain();
  end = std::chrono::steady_clock::now() +
        milliseconds(static_cast<int64_t>(hub.options.drain_seconds * 1000));
  wait_for_end();
}

void Server::Parts::wait_for_end() {
  if (hub.sessions.empty() || std::chrono::steady_clock::now() > end) return hub.network.stop();
  clock.expires_after(kLook);
  clock.async_wait([this](boost::system::error_code error) {
    if (!error) wait_for_end();
  });
}

Server::Server(Router router, ServerOptions options) {
  options.max_connections = possible_connections(options.max_connections);
  parts_ = std::make_unique<Parts>(std::move(router), std::move(options));
  parts_->hub.names = names_of(parts_->hub.options);
  parts_->listen();
  parts_->add_own_routes();
}

Server::~Server() = default;

uint16_t Server::port() const { return parts_->acceptor.local_endpoint().port(); }

std::string Server::address() const {
  const auto address = parts_->acceptor.local_endpoint().address();
  const auto host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return "http://" + host + ":" + std::to_string(port()) + "/";
}

bool Server::run(const std::function<bool()>& should_stop) {
  parts_->accept();
  parts_->look(should_stop);
  parts_->hub.network.run();
  return parts_->hub.queue.is_idle();
}

}  // namespace heed::serve
