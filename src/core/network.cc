#include "core/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/descriptor.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr const char* kInterface = "GLOO_SOCKET_IFNAME";

struct Interface {
  std::string name, address;
  bool loopback;
};

std::string text_of(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  if (getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  return text.data();
}

/// Those that are up; IPv4 before IPv6.
std::vector<Interface> interfaces() {
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) throw FileError("list the interfaces of", "the network", errno);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(found, freeifaddrs);
  std::vector<Interface> up;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const auto* at = all.get(); at; at = at->ifa_next) {
      if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP)) continue;
      const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      const auto address = text_of(at->ifa_addr, size);
      if (!address.empty())
        up.push_back({at->ifa_name, address, (at->ifa_flags & IFF_LOOPBACK) != 0});
    }
  }
  return up;
}

std::string names_of(const std::vector<Interface>& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : ", ") + one.name + " " + one.address;
  return text;
}

/// The address from which packets to a host would come; nothing is sent. Empty: it is not known or not reached.
std::string address_towards(const std::string& host, int64_t port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return "";
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, freeaddrinfo);
  for (const auto* at = all.get(); at; at = at->ai_next) {
    const Descriptor socket(::socket(at->ai_family, SOCK_DGRAM, 0));
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (socket.number() < 0 || connect(socket.number(), at->ai_addr, at->ai_addrlen) != 0 ||
        getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own), &size) != 0)
      continue;
    return text_of(reinterpret_cast<const sockaddr*>(&own), size);
  }
  return "";
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "an unnamed machine";
  return name.data();
}

bool is_known_host(const std::string& host) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

OwnAddress own_address(const DistributedEnvironment& environment) {
  const auto all = interfaces();
  if (const char* given = std::getenv(kInterface); given && *given) {
    const std::string name(given, std::strcspn(given, ","));
    for (const auto& one : all)
      if (one.name == name) return {one.name, one.address, kInterface};
    throw UsageError(std::string(kInterface) + " = " + given +
                     ": no interface of that name is up; there are " + names_of(all));
  }
  if (environment.on_one_machine()) return {"lo", "127.0.0.1", "all processes are on this machine"};
  const auto towards = address_towards(environment.master_addr, environment.master_port);
  if (towards == "127.0.0.1" || towards == "::1")
    return {"lo", towards, "the way to " + environment.master_addr};
  for (const auto& one : all)
    if (one.address == towards && !one.loopback)
      return {one.name, one.address, "the way to " + environment.master_addr};
  for (const auto& one : all)
    if (!one.loopback) return {one.name, one.address, "the first that is up"};
  throw UsageError("no interface leads to other machines; there are " + names_of(all) +
                   ". Name one by " + kInterface);
}

int free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  auto* address = reinterpret_cast<sockaddr*>(&own);
  if (socket.number() < 0 || bind(socket.number(), address, size) != 0 ||
      getsockname(socket.number(), address, &size) != 0)
    throw FileError("find a free port of", "127.0.0.1", errno);
  return ntohs(own.sin_port);
}

}  // namespace heed
