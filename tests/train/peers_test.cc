// Who is lost, found by threads that talk through real sockets.
#include "train/peers.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <sstream>

#include "heed/core/error.h"

namespace heed {
namespace {

using PeerKind = PeerMessages::Kind;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds kLong{20'000};

/// What arrives first, or nothing after kLong.
PeerMessages::Message first_of(PeerMessages& messages) {
  for (const auto end = std::chrono::steady_clock::now() + kLong;
       std::chrono::steady_clock::now() < end;)
    for (auto& message : messages.wait(milliseconds(100))) return message;
  return {-1, PeerKind::hello, "nothing arrived"};
}

/// A connection without PeerMessages: what stands on the wire.
class Wire {
 public:
  explicit Wire(const std::string& place) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    std::istringstream words(place);
    std::string address;
    int port = 0;
    words >> address >> port >> word_;
    sockaddr_in to{};
    to.sin_family = AF_INET, to.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &to.sin_addr);
    EXPECT_EQ(connect(socket_.number(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  void write(const std::string& bytes) const {
    EXPECT_EQ(send(socket_.number(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
  }
  void say_hello(const std::string& rank, bool knows_word = true) const {
    const auto text = (knows_word ? word_ : std::string(word_.size(), '0')) + " " + rank;
    write(std::string{static_cast<char>(text.size()), 0, 0, 0, 0} + text);
  }
  /// The other side closes.
  bool is_hung_up() const {
    char byte = 0;
    return recv(socket_.number(), &byte, 1, 0) <= 0;
  }

 private:
  Descriptor socket_;
  std::string word_;
};

TEST(PeerMessages, ArriveBothWays) {
  PeerMessages first("127.0.0.1", 3), other(first.place(), 2, 3);
  other.send(0, PeerKind::failed, std::string(50'000, 'x'));
  const auto got = first_of(first);
  EXPECT_EQ(got.from, 2);
  EXPECT_EQ(got.kind, PeerKind::failed);
  EXPECT_EQ(got.text, std::string(50'000, 'x'));
  first.send(2, PeerKind::alive);
  first.send(1, PeerKind::failed, "nobody is there");
  EXPECT_EQ(first_of(other).kind, PeerKind::alive);
}

TEST(PeerMessages, AHalfOneHoldsUpNobody) {
  PeerMessages first("127.0.0.1", 3), other(first.place(), 2, 3);
  const Wire cut(first.place());
  cut.say_hello("1");
  cut.write(std::string{40, 0});  // of a header of five bytes
  other.send(0, PeerKind::alive);
  EXPECT_EQ(first_of(first).from, 2);
  cut.write(std::string{0, 0, 2} + std::string(39, 'y'));
  other.send(0, PeerKind::alive);
  EXPECT_EQ(first_of(first).from, 2);
  cut.write("z");
  const auto late = first_of(first);
  EXPECT_EQ(late.from, 1);
  EXPECT_EQ(late.text, std::string(39, 'y') + "z");
}

TEST(PeerMessages, WhoIsNoneOfTheProcessesIsHungUpOn) {
  PeerMessages first("127.0.0.1", 3), other(first.place(), 2, 3);
  const Wire browser(first.place()), outside(first.place()), rude(first.place()),
      guessing(first.place());
  browser.write("GET / HTTP/1.1\r\n\r\n");
  outside.say_hello("3");
  guessing.say_hello("1", false);
  rude.write(std::string{0, 0, 0, 0, 2});  // no hello
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(first.wait(milliseconds(20)).empty());
  for (const auto* wire : {&browser, &outside, &rude, &guessing}) EXPECT_TRUE(wire->is_hung_up());
  other.send(0, PeerKind::alive);
  EXPECT_EQ(first_of(first).from, 2);
}

std::string lost_of(Peers& peers) {
  try {
    peers.find_out("nothing");
  } catch (const LostPeerError& error) {
    return error.what();
  }
}

/// Peers of rank 0 and 2 of three; rank 1 is up to the test.
struct Three {
  Three() : first(new PeerMessages("127.0.0.1", 3)), place(first->place()) {
    other.reset(new PeerMessages(place, 2, 3));
  }
  void start() {
    rank_0 = std::make_unique<Peers>(std::move(first), 0, names);
    rank_2 = std::make_unique<Peers>(std::move(other), 2, names);
  }
  const Peers::Names names{"rank 0", "rank 1", "rank 2"};
  std::unique_ptr<PeerMessages> first, other;
  std::string place;
  std::unique_ptr<Peers> rank_0, rank_2;
};

TEST(Peers, WhoIsSilentInTheMiddleOfAMessageIsNamedByAll) {
  Three all;
  const Wire cut(all.place);
  cut.say_hello("1");
  cut.write(std::string{1, 0, 0});
  all.start();
  EXPECT_THAT(lost_of(*all.rank_0), HasSubstr("rank 1 is lost: nothing was heard of it for 7 s"));
  EXPECT_THAT(lost_of(*all.rank_2), HasSubstr("rank 1 is lost: nothing was heard of it for 7 s"));
  ASSERT_TRUE(all.rank_0->is_lost());
  EXPECT_FALSE(all.rank_0->arrive());
}

TEST(Peers, WhoseConnectionClosesIsNamedByAll) {
  Three all;
  auto killed = std::make_unique<Wire>(all.place);
  killed->say_hello("1");
  all.start();
  EXPECT_FALSE(all.rank_2->is_lost());
  killed.reset();
  EXPECT_THAT(lost_of(*all.rank_2), HasSubstr("rank 1 is lost: its connection broke"));
  EXPECT_THAT(lost_of(*all.rank_0), HasSubstr("rank 1 is lost: its connection broke"));
}

TEST(Peers, WhoHasNothingToSayIsNotMissed) {
  Three all;
  auto own = std::make_unique<PeerMessages>(all.place, 1, 3);
  all.start();
  Peers rank_1(std::move(own), 1, all.names);
  std::this_thread::sleep_for(Peers::kSilence + 3 * Peers::kPeriod);
  EXPECT_FALSE(all.rank_0->is_lost());
  EXPECT_FALSE(rank_1.is_lost());
  EXPECT_FALSE(all.rank_2->is_lost());
}

TEST(Peers, WhoLeavesBeforeTheEndIsMissed) {
  Three all;
  const Wire one(all.place);
  one.say_hello("1");
  all.start();
  all.rank_2->leave();
  EXPECT_THAT(lost_of(*all.rank_0), HasSubstr("rank 2 has ended before the others"));
}

TEST(Peers, AllArriveAndLeaveWithoutBeingMissed) {
  Three all;
  auto own = std::make_unique<PeerMessages>(all.place, 1, 3);
  all.start();
  Peers rank_1(std::move(own), 1, all.names);
  const auto end = [](Peers& peers) {
    EXPECT_TRUE(peers.arrive());
    peers.leave();
  };
  std::jthread two([&] { end(*all.rank_2); }), one([&] { end(rank_1); });
  EXPECT_TRUE(all.rank_0->arrive());
  EXPECT_TRUE(all.rank_0->wait_for_others(kLong));
  EXPECT_FALSE(all.rank_0->is_lost());
  all.rank_0->leave();
}

}  // namespace
}  // namespace heed
