// Short messages between the first process and each other one, for which nobody ever waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/descriptor.h"

namespace heed {

/// A TCP connection from each other process to the first. Nothing blocks: what a socket does not take is kept and sent later,
/// and of a message that broke off the rest is waited for beside all others, so that who is cut off in the middle of one holds up
/// nobody (LibTorch's TCPStore serves one request after the other). Used by one thread, but for wake().
class PeerMessages {
 public:
  enum class Kind : uint8_t { hello, alive, failed, arrived, all_arrived, leaving, left, closed };
  struct Message {
    int64_t from;
    Kind kind;  ///< closed: the connection is gone
    std::string text;
  };

  /// Of the first process: listens at a free port of this machine's `address`. Throws FileError.
  PeerMessages(const std::string& address, int64_t count);
  /// Of another: connects to what place() of the first one says. Throws FileError.
  PeerMessages(const std::string& place, int64_t rank, int64_t count);
  ~PeerMessages();
  PeerMessages(const PeerMessages&) = delete;
  PeerMessages& operator=(const PeerMessages&) = delete;

  /// Address, port and the word by which others are known: "10.0.0.7 40123 5f1c...".
  const std::string& place() const { return place_; }

  /// To `to`, where it is connected; the others have the first one alone.
  void send(int64_t to, Kind kind, std::string_view text = "");
  /// What has arrived, after at most `most`, or earlier where something did or wake() was called.
  std::vector<Message> wait(std::chrono::milliseconds most);
  /// From any thread: wait() returns.
  void wake() const;

 private:
  struct Connection;
  void accept_all();
  void read(Connection& connection, std::vector<Message>& messages);
  bool take(Connection& connection, std::vector<Message>& messages);
  static void flush(Connection& connection);

  const int64_t count_;
  std::string place_, word_;
  Descriptor listener_, wake_;
  std::vector<Connection> connections_;
};

}  // namespace heed
