// A client that sends any bytes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace heed::test {

class Client {
 public:
  explicit Client(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET, to.sin_port = htons(port), to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  /// False once the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  /// One answer, or what came of it until the end. Those of HEAD and of the kind 1xx have no body.
  std::string answer(bool is_head = false) {
    while (true) {
      const size_t end = pending_.find("\r\n\r\n");
      if (end != pending_.npos) {
        const size_t at = pending_.find("Content-Length: ");
        const bool has_none = is_head || at > end;
        const size_t body = has_none ? 0 : std::stoul(pending_.substr(at + 16));
        if (pending_.size() >= end + 4 + body) {
          auto one = pending_.substr(0, end + 4 + body);
          pending_.erase(0, end + 4 + body);
          return one;
        }
      }
      if (!read_more()) return std::exchange(pending_, {});
    }
  }

  /// Whether the other side closes within ten seconds.
  bool is_closed() {
    while (read_more()) {
    }
    return is_closed_;
  }

 private:
  bool read_more() {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, 10000) <= 0) return false;
    char bytes[4096];
    const auto got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) return is_closed_ = true, false;
    pending_.append(bytes, static_cast<size_t>(got));
    return true;
  }

  int socket_;
  std::string pending_;
  bool is_closed_ = false;
};

}  // namespace heed::test
