#include "train/peer_messages.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <sstream>

namespace heed {
namespace {

constexpr size_t kHeader = 5;         // four bytes of the text's length, the lowest first; the kind
constexpr size_t kMostText = 65'536;  // of a message
constexpr int kMostConnect = 15;      // seconds

[[noreturn]] void refuse(const char* what, const std::string& place) {
  throw FileError(what, place, errno);
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolved(const std::string& address, const std::string& port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  if (getaddrinfo(address.c_str(), port.c_str(), &hints, &found) != 0) {
    errno = EADDRNOTAVAIL;
    refuse("use", address + ":" + port);
  }
  return {found, freeaddrinfo};
}

int stream_socket(const addrinfo& at) {
  return ::socket(at.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

std::string port_of(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  std::array<char, NI_MAXSERV> text{};
  auto* address = reinterpret_cast<sockaddr*>(&own);
  if (getsockname(socket, address, &size) != 0) return "0";
  getnameinfo(address, size, nullptr, 0, text.data(), text.size(), NI_NUMERICSERV);
  return text.data();
}

/// Which nobody guesses, so that who comes to the port by chance is none of the processes.
std::string random_word() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != std::ssize(bytes))
    refuse("read random bytes of", "the system");
  std::string word;
  for (const unsigned byte : bytes)
    word += "0123456789abcdef"[byte / 16], word += "0123456789abcdef"[byte % 16];
  return word;
}

void set_up(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

std::string framed(PeerMessages::Kind kind, std::string_view text) {
  text = text.substr(0, kMostText);
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(text.size() >> 8 * i & 255);
  bytes += static_cast<char>(kind);
  return bytes.append(text);
}

size_t length_in(std::string_view header) {
  size_t length = 0;
  for (size_t i = 0; i < 4; ++i) length |= size_t{static_cast<unsigned char>(header[i])} << 8 * i;
  return length;
}

}  // namespace

struct PeerMessages::Connection {
  explicit Connection(int number, int64_t rank = -1)
      : socket(std::make_unique<Descriptor>(number)), rank(rank) {
    set_up(number);
  }
  bool is_open() const { return socket != nullptr; }

  std::unique_ptr<Descriptor> socket;
  int64_t rank;  ///< -1: it has not said yet
  std::string in = {}, out = {};
};

PeerMessages::PeerMessages(const std::string& address, int64_t count)
    : count_(count),
      word_(random_word()),
      listener_(stream_socket(*resolved(address, "0"))),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  const auto own = resolved(address, "0");
  if (!listener_ || !wake_ || bind(listener_.number(), own->ai_addr, own->ai_addrlen) != 0 ||
      listen(listener_.number(), SOMAXCONN) != 0)
    refuse("listen at", address);
  set_up(listener_.number());
  place_ = address + " " + port_of(listener_.number()) + " " + word_;
}

PeerMessages::PeerMessages(const std::string& place, int64_t rank, int64_t count)
    : count_(count), place_(place), listener_(-1), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  std::istringstream words(place);
  std::string address, port;
  words >> address >> port >> word_;
  const auto first = resolved(address, port);
  const int socket = stream_socket(*first);
  const timeval most{.tv_sec = kMostConnect, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);  // of connecting, too
  if (socket < 0 || !wake_ || connect(socket, first->ai_addr, first->ai_addrlen) != 0) {
    const Descriptor closed(socket);
    refuse("connect to", address + ":" + port);
  }
  connections_.emplace_back(socket, 0);
  send(0, Kind::hello, word_ + " " + std::to_string(rank));
}

PeerMessages::~PeerMessages() = default;

void PeerMessages::send(int64_t to, Kind kind, std::string_view text) {
  for (auto& connection : connections_) {
    if (connection.rank != to || !connection.is_open()) continue;
    connection.out += framed(kind, text);
    flush(connection);
  }
}

void PeerMessages::flush(Connection& connection) {
  while (!connection.out.empty()) {
    const auto sent = ::send(connection.socket->number(), connection.out.data(),
                             connection.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;  // full, or gone, which reading finds out
    connection.out.erase(0, static_cast<size_t>(sent));
  }
}

void PeerMessages::accept_all() {
  while (true) {
    const int number = accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC);
    if (number < 0) return;
    connections_.emplace_back(number);
  }
}

/// One whole message off the front of what arrived; false where there is none. Who is not one of the processes is hung up on.
bool PeerMessages::take(Connection& connection, std::vector<Message>& messages) {
  if (connection.in.size() < kHeader) return false;
  const size_t length = length_in(connection.in);
  const auto kind = static_cast<Kind>(connection.in[4]);
  const bool is_known = connection.rank >= 0;
  if (length > kMostText || kind >= Kind::closed || is_known == (kind == Kind::hello)) {
    connection.socket.reset();
    return false;
  }
  if (connection.in.size() < kHeader + length) return false;
  const auto text = connection.in.substr(kHeader, length);
  connection.in.erase(0, kHeader + length);
  if (is_known) {
    messages.push_back({connection.rank, kind, text});
    return true;
  }
  int64_t rank = -1;
  const char *begin = text.data() + std::min(text.size(), word_.size() + 1),
             *end = text.data() + text.size();
  if (text.starts_with(word_ + " ") && std::from_chars(begin, end, rank).ptr == end && rank > 0 &&
      rank < count_) {
    connection.rank = rank;
    return true;
  }
  connection.socket.reset();
  return false;
}

void PeerMessages::read(Connection& connection, std::vector<Message>& messages) {
  std::array<char, 4096> bytes{};
  while (connection.is_open()) {
    const auto size = recv(connection.socket->number(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size <= 0) connection.socket.reset();
    if (size <= 0) break;
    connection.in.append(bytes.data(), static_cast<size_t>(size));
    while (take(connection, messages)) continue;
  }
  if (connection.rank >= 0) messages.push_back({connection.rank, Kind::closed, ""});
}

std::vector<PeerMessages::Message> PeerMessages::wait(std::chrono::milliseconds most) {
  std::vector<pollfd> waited{{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
  for (const auto& connection : connections_)
    waited.push_back({connection.socket->number(),
                      static_cast<short>(connection.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  std::vector<Message> messages;
  if (poll(waited.data(), waited.size(), static_cast<int>(most.count())) <= 0) return messages;
  uint64_t woken = 0;
  if (waited[0].revents) (void)!::read(wake_.number(), &woken, sizeof woken);
  for (size_t i = 0; i < connections_.size(); ++i) {
    const auto happened = waited[i + 2].revents;
    if (happened & POLLOUT) flush(connections_[i]);
    if (happened & ~POLLOUT) read(connections_[i], messages);
  }
  if (waited[1].revents) accept_all();
  std::erase_if(connections_, [](const Connection& one) { return !one.is_open(); });
  return messages;
}

void PeerMessages::wake() const {
  const uint64_t one = 1;
  (void)!::write(wake_.number(), &one, sizeof one);
}

}  // namespace heed
