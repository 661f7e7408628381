// A server in a thread of its own.
#pragma once

#include <atomic>
#include <future>
#include <semaphore>
#include <thread>

#include "heed/serve/server.h"
#include "serve/client.h"

namespace heed::test {

/// GET /quick, GET /slow (until `release`), POST /echo of text/plain.
class Running {
 public:
  explicit Running(serve::ServerOptions options = {}) : server_(router(), std::move(options)) {
    thread_ = std::thread([this] { idle_ = server_.run([this] { return stop_.load(); }); });
  }
  ~Running() {
    release();
    stop();
  }

  uint16_t port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  void release() { gate_.release(1000); }
  /// What run() gave.
  bool stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return idle_;
  }
  int slow_begun() const { return slow_; }

  /// Sends bytes on a connection of their own; "HOST" in them is this server's.
  std::string ask(std::string bytes) const {
    for (size_t at; (at = bytes.find("HOST")) != bytes.npos;) bytes.replace(at, 4, host());
    Client client(port_);
    client.send(bytes);
    return client.answer(bytes.starts_with("HEAD"));
  }
  std::string get(const std::string& path, const std::string& headers = "") const {
    return ask("GET " + path + " HTTP/1.1\r\nHost: HOST\r\n" + headers + "\r\n");
  }

 private:
  serve::Router router() {
    serve::Router router;
    router.add("GET", "/quick", {.handler = [](const serve::Request& r) {
                 return serve::Response{.body = r.find("say").value_or("quick")};
               }});
    router.add("GET", "/slow", {.handler = [this](const serve::Request&) {
                 ++slow_;
                 gate_.acquire();
                 return serve::Response{.body = "slow"};
               }});
    router.add("POST", "/echo",
               {.handler = [](const serve::Request& r) { return serve::Response{.body = r.body}; },
                .content_types = {"text/plain"}});
    router.add("GET", "/wrong", {.handler = [](const serve::Request&) -> serve::Response {
                 throw DataError("records.csv:3: no number");
               }});
    return router;
  }

  std::counting_semaphore<> gate_{0};
  std::atomic<int> slow_ = 0;
  std::atomic<bool> stop_ = false;
  serve::Server server_;
  uint16_t port_ = server_.port();
  bool idle_ = false;
  std::thread thread_;
};

}  // namespace heed::test
