// What a server says to clients that behave, and to those that do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "files.h"
#include "serve/manners.h"
#include "serve/running.h"

namespace heed::test {
namespace {

using serve::ServerOptions;
using testing::HasSubstr;
using testing::StartsWith;

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

/// "413 body_too_large 100", or the status alone where the body is no error.
std::string verdict(const std::string& answer) {
  if (!answer.starts_with("HTTP/1.1 ")) return "none";
  std::string said = answer.substr(9, 3);
  const auto body = nlohmann::json::parse(body_of(answer), nullptr, false);
  if (!body.is_object() || !body.contains("error")) return said;
  said += " " + body["error"]["type"].get<std::string>();
  if (body["error"].contains("limit")) said += " " + body["error"]["limit"].dump();
  return said;
}

template <class Condition>
bool comes_true(Condition&& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Server, AnswersInOrderOnOneConnection) {
  const Running server;
  Client client(server.port());
  const std::string end = " HTTP/1.1\r\nHost: " + server.host() + "\r\n\r\n";
  client.send("GET /quick?say=a%20b+c" + end + "GET /nothing" + end + "GET /quick" + end);
  EXPECT_EQ(body_of(client.answer()), "a b c");
  EXPECT_EQ(verdict(client.answer()), "404 not_found");
  EXPECT_EQ(body_of(client.answer()), "quick");
}

TEST(Server, RefusesByTypedErrors) {
  const Running server({.max_header = 2000, .max_target = 1000, .max_body = 100});
  const std::string host = "Host: HOST\r\n", post = "POST /echo HTTP/1.1\r\nHost: HOST\r\n";
  const std::string text = "Content-Type: text/plain\r\n";
  const std::string x1500(1500, 'x'), x5000(5000, 'x');
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\x16\x03\x01\x02\r\n\r\n", "400 bad_request"},
      {"GET /quick HTTP/1.1\r\n\r\n", "400 bad_request"},
      {"GET /quick HTTP/1.1\r\n" + host + host + "\r\n", "400 bad_request"},
      {"GET /quick HTTP/3.1\r\n" + host + "\r\n", "400 bad_request"},
      {"GET quick HTTP/1.1\r\n" + host + "\r\n", "400 bad_request"},
      {"GET /quick?a=%4 HTTP/1.1\r\n" + host + "\r\n", "400 bad_request"},
      {"GET /quick HTTP/1.1\r\n" + host + "A b\r\n\r\n", "400 bad_request"},
      {post + text + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400 bad_request"},
      {post + text + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 bad_request"},
      {post + text + "Content-Length: -1\r\n\r\n", "400 bad_request"},
      {post + text + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400 bad_request"},
      {"GET /wrong HTTP/1.1\r\n" + host + "\r\n", "400 data_error"},
      {"GET /quick HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403 foreign_host"},
      {"GET /quick HTTP/1.1\r\nHost: localhost.evil.example:80\r\n\r\n", "403 foreign_host"},
      {"GET /quick HTTP/1.1\r\n" + host + "Origin: http://evil.example\r\n\r\n",
       "403 foreign_origin"},
      {"GET /quick HTTP/1.1\r\n" + host + "Origin: null\r\n\r\n", "403 foreign_origin"},
      {"GET /quick HTTP/1.1\r\n" + host + "Origin: https://HOST\r\n\r\n", "403 foreign_origin"},
      {"GET /quick HTTP/1.1\r\n" + host + "Sec-Fetch-Site: cross-site\r\n\r\n",
       "403 foreign_origin"},
      {"GET /../../etc/passwd HTTP/1.1\r\n" + host + "\r\n", "404 not_found"},
      {"GET /quick/ HTTP/1.1\r\n" + host + "\r\n", "404 not_found"},
      {"DELETE /quick HTTP/1.1\r\n" + host + "\r\n", "405 method_not_allowed"},
      {"OPTIONS /quick HTTP/1.1\r\n" + host + "Origin: http://HOST\r\n\r\n",
       "405 method_not_allowed"},
      {post + text + "\r\n", "411 length_required"},
      {post + text + "Content-Length: 101\r\n\r\n", "413 body_too_large 100"},
      {post + text + "Content-Length: 99999999999999\r\n\r\n", "413 body_too_large 100"},
      {post + text + "Transfer-Encoding: chunked\r\n\r\n3E8\r\n" + x1500, "413 body_too_large 100"},
      {"GET /quick HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\na", "413 body_too_large 0"},
      {"GET /" + x1500 + " HTTP/1.1\r\n" + host + "\r\n", "414 target_too_long 1000"},
      {"GET /" + x5000, "414 target_too_long 1000"},
      {post + "Content-Type: text/html\r\nContent-Length: 1\r\n\r\na", "415 wrong_content_type"},
      {"GET /quick HTTP/1.1\r\n" + host + "A: " + x5000 + "\r\n\r\n",
       "431 headers_too_large 2000"}};
  for (const auto& [bytes, expected] : cases)
    EXPECT_EQ(verdict(server.ask(bytes)), expected) << bytes.substr(0, 200);
}

TEST(Server, TakesWhatIsRight) {
  const Running server;
  const std::string post =
      "POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Type: Text/Plain; charset=utf-8\r\n";
  EXPECT_EQ(body_of(server.ask(post + "Content-Length: 3\r\n\r\nabc")), "abc");
  EXPECT_EQ(body_of(server.ask(post +
                               "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")),
            "abc");
  EXPECT_THAT(server.ask(post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 100 Continue"));
  EXPECT_EQ(verdict(server.ask("GET http://HOST/quick HTTP/1.1\r\nHost: HOST\r\n\r\n")), "200");
  EXPECT_EQ(verdict(server.get("/quick", "Origin: http://HOST\r\nSec-Fetch-Site: same-origin\r\n")),
            "200");
  EXPECT_EQ(
      verdict(server.get("/quick", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n")),
      "200");
  const auto head = server.ask("HEAD /quick HTTP/1.1\r\nHost: HOST\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_EQ(body_of(head), "");
  EXPECT_THAT(server.get("/quick"), testing::Not(HasSubstr("Access-Control")));
  EXPECT_THAT(server.ask("PUT /echo HTTP/1.1\r\nHost: HOST\r\n\r\n"), HasSubstr("Allow: POST\r\n"));
}

TEST(Server, WaitsForNobodyForEver) {
  const Running server({.idle_seconds = 0.2, .read_seconds = 0.2, .handle_seconds = 0.2});
  Client idle(server.port()), slow(server.port());
  slow.send("GET /qui");
  EXPECT_EQ(verdict(slow.answer()), "408 too_slow 0");
  EXPECT_TRUE(slow.is_closed());
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(verdict(server.ask("POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 9\r\n\r\nabc")),
            "408 too_slow 0");
  EXPECT_EQ(verdict(server.get("/slow")), "503 out_of_time 0");
}

TEST(Server, QueueIsBoundedAndForgetsThoseWhoLeft) {
  Running server({.max_queue = 1});
  const std::string ask = "GET /slow HTTP/1.1\r\nHost: " + server.host() + "\r\n\r\n";
  Client first(server.port()), second(server.port()), third(server.port());
  first.send(ask);
  ASSERT_TRUE(comes_true([&] { return server.slow_begun() == 1; }));
  second.send(ask);
  ASSERT_TRUE(comes_true(
      [&] { return server.get("/metrics").find("heed_http_queue 1") != std::string::npos; }));
  third.send(ask);
  EXPECT_EQ(verdict(third.answer()), "429 queue_full 1");
  second.close();
  EXPECT_TRUE(comes_true(
      [&] { return server.get("/metrics").find("heed_http_queue 0") != std::string::npos; }));
  server.release();
  EXPECT_EQ(body_of(first.answer()), "slow");
  EXPECT_EQ(verdict(server.get("/quick")), "200");
  EXPECT_EQ(server.slow_begun(), 1);
}

TEST(Server, ConnectionsAreBounded) {
  const Running server({.max_connections = 2});
  Client one(server.port()), two(server.port());
  const std::string ask = "GET /health HTTP/1.1\r\nHost: " + server.host() + "\r\n\r\n";
  one.send(ask), two.send(ask);
  EXPECT_EQ(verdict(one.answer()), "200");
  EXPECT_EQ(verdict(two.answer()), "200");
  EXPECT_EQ(verdict(server.get("/health")), "503 too_many_connections 2");
  one.close();
  EXPECT_TRUE(comes_true([&] { return verdict(server.get("/health")) == "200"; }));
}

TEST(Server, BodiesTogetherAreBounded) {
  const Running server({.max_body = 100, .max_bodies = 150});
  Client one(server.port());
  one.send("POST /echo HTTP/1.1\r\nHost: " + server.host() +
           "\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n");
  const std::string post = "POST /echo HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\n";
  const std::string body(60, 'x');
  EXPECT_TRUE(comes_true([&] {
    return verdict(server.ask(post + "Content-Length: 60\r\n\r\n" + body)) ==
           "503 too_many_bodies 150";
  }));
  one.close();
  EXPECT_TRUE(comes_true(
      [&] { return verdict(server.ask(post + "Content-Length: 60\r\n\r\n" + body)) == "200"; }));
}

TEST(Server, DemandsItsKey) {
  const std::string key = "0123456789abcdef";
  const Running server({.key = key});
  EXPECT_EQ(verdict(server.get("/quick")), "401 unauthorized");
  EXPECT_EQ(verdict(server.get("/metrics")), "401 unauthorized");
  EXPECT_EQ(verdict(server.get("/quick", "Authorization: Bearer 0123456789abcdeg\r\n")),
            "401 unauthorized");
  EXPECT_EQ(verdict(server.get("/quick", "Authorization: Basic " + key + "\r\n")),
            "401 unauthorized");
  EXPECT_EQ(verdict(server.get("/quick", "Authorization: bearer " + key + "\r\n")), "200");
  EXPECT_EQ(verdict(server.get("/health")), "200");
  EXPECT_FALSE(serve::is_same_secret(key + key, key));
  EXPECT_FALSE(serve::is_same_secret("", key));
}

TEST(Server, RefusesToBeSeenWithoutKey) {
  EXPECT_THROW(serve::Server({}, {.host = "0.0.0.0"}), UsageError);
  EXPECT_THROW(serve::Server({}, {.host = "example.org"}), UsageError);
  const serve::Server first({}, {});
  EXPECT_THROW(serve::Server({}, {.port = first.port()}), FileError);
}

TEST(Server, KeyFilesAreReadOrRefused) {
  const TemporaryFolder folder;
  const auto file = (folder / "key").string();
  write_bytes(file, "  0123456789abcdef\n");
  EXPECT_EQ(serve::read_key(file), "0123456789abcdef");
  write_bytes(file, "short\n");
  EXPECT_THROW(serve::read_key(file), UsageError);
  write_bytes(file, "0123456789 abcdef\n");
  EXPECT_THROW(serve::read_key(file), UsageError);
  EXPECT_THROW(serve::read_key((folder / "none").string()), FileError);
}

TEST(Server, DrainsWhatIsUnderWay) {
  Running server;
  Client idle(server.port()), busy(server.port());
  const std::string ask = "GET /slow HTTP/1.1\r\nHost: " + server.host() + "\r\n\r\n";
  busy.send(ask);
  ASSERT_TRUE(comes_true([&] { return server.slow_begun() == 1; }));
  auto stopped = std::async(std::launch::async, [&] { return server.stop(); });
  EXPECT_TRUE(idle.is_closed());
  EXPECT_THROW(Client(server.port()).answer(), std::runtime_error);
  server.release();
  const auto answer = busy.answer();
  EXPECT_EQ(body_of(answer), "slow");
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  busy.close();
  EXPECT_TRUE(stopped.get());
}

TEST(Server, SaysWhereWorkDoesNotEnd) {
  Running server({.drain_seconds = 0.2});
  Client busy(server.port());
  busy.send("GET /slow HTTP/1.1\r\nHost: " + server.host() + "\r\n\r\n");
  ASSERT_TRUE(comes_true([&] { return server.slow_begun() == 1; }));
  EXPECT_FALSE(server.stop());
}

TEST(Server, CountsItself) {
  const Running server;
  server.get("/nothing");
  const auto said = server.get("/metrics");
  EXPECT_THAT(said, HasSubstr("heed_http_responses_total{code=\"404\"} 1\n"));
  EXPECT_THAT(said, HasSubstr("heed_http_request_seconds_bucket{le=\"+Inf\"} 0\n"));
  EXPECT_THAT(said, HasSubstr("process_open_fds "));
  EXPECT_EQ(verdict(server.get("/ready")), "200");
}

}  // namespace
}  // namespace heed::test
