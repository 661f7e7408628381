// Answers that come later, in parts, and forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "serve/running.h"

namespace heed::test {
namespace {

using serve::ReplyPtr, serve::Request;
using testing::HasSubstr;

/// Keeps the last reply, to be used by the test's thread.
struct Later {
  std::mutex mutex;
  std::vector<std::pair<Request, ReplyPtr>> kept;
  std::vector<serve::Served> served;

  void keep(const Request& request, const ReplyPtr& reply) {
    const std::lock_guard lock(mutex);
    kept.emplace_back(request, reply);
  }
  std::pair<Request, ReplyPtr> take() {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (!kept.empty()) {
          auto one = kept.back();
          kept.pop_back();
          return one;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("nothing came");
  }
};

/// POST /later of forms and texts, GET /later, which refuses itself in a shape of its own.
class LateServer {
 public:
  LateServer() : server_(router(), options()) {
    thread_ = std::thread([this] { server_.run([this] { return stop_.load(); }); });
  }
  ~LateServer() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::string request(const std::string& head, const std::string& body = "") const {
    return head + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
           (body.empty() ? "\r\n"
                         : "Content-Type: text/plain\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  uint16_t port() const { return port_; }
  Later later;

 private:
  serve::Router router() {
    serve::Router router;
    serve::Route post;
    post.content_types = {"text/plain", "multipart/form-data"};
    post.late = [this](const Request& request, const ReplyPtr& reply) {
      later.keep(request, reply);
    };
    router.add("POST", "/later", post);
    serve::Route get;
    get.late = [](const Request&, const ReplyPtr&) {
      throw serve::HttpError(422, "no", "not today");
    };
    get.error = [](const serve::HttpError& error) {
      return serve::Response{.status = error.status, .body = "own: " + std::string(error.what())};
    };
    router.add("GET", "/later", get);
    return router;
  }
  serve::ServerOptions options() {
    serve::ServerOptions options;
    options.on_served = [this](const serve::Served& one) {
      const std::lock_guard lock(later.mutex);
      later.served.push_back(one);
    };
    return options;
  }
  serve::Server server_;
  uint16_t port_ = server_.port();
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST(LateReply, ComesFromAnotherThread) {
  LateServer server;
  Client client(server.port());
  client.send(server.request("POST /later", "hello"));
  {
    auto [request, reply] = server.later.take();
    EXPECT_EQ(request.body, "hello");
    reply->send({.body = "late"});
  }
  EXPECT_THAT(client.answer(), HasSubstr("late"));
  client.send(server.request("POST /later", "again"));
  server.later.take();  // nobody answers
  EXPECT_THAT(client.answer(), HasSubstr("500"));
  client.send(server.request("GET /later"));
  EXPECT_THAT(client.answer(), HasSubstr("own: not today"));
}

TEST(LateReply, StreamsPartsAndKeepsTheConnection) {
  LateServer server;
  Client client(server.port());
  client.send(server.request("POST /later", "x"));
  {
    auto [request, reply] = server.later.take();
    reply->begin({.content_type = "text/event-stream"});
    reply->write("data: one\n\n");
    reply->write("data: two\n\n");
    reply->end();
  }
  EXPECT_THAT(client.answer(), HasSubstr("Transfer-Encoding: chunked"));
  client.send(server.request("GET /later"));
  const auto rest = client.answer();
  EXPECT_THAT(rest, HasSubstr("b\r\ndata: one\n\n\r\n"));
  EXPECT_THAT(rest, HasSubstr("\r\n0\r\n\r\n"));
}

TEST(LateReply, ClientThatLeavesIsToldAndLoggedAndHarmsNobody) {
  LateServer server;
  Client stays(server.port());
  stays.send(server.request("POST /later", "stays"));
  auto [kept, stays_reply] = server.later.take();
  Client leaves(server.port());
  leaves.send(server.request("POST /later", "leaves"));
  auto [gone, leaves_reply] = server.later.take();
  EXPECT_FALSE(gone.is_over());
  leaves.close();
  for (int i = 0; i < 1000 && !gone.is_over(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone.is_over());
  EXPECT_FALSE(kept.is_over());
  leaves_reply->send({.body = "nobody"});
  stays_reply->send({.body = "somebody"});
  EXPECT_THAT(stays.answer(), HasSubstr("somebody"));
  EXPECT_NE(kept.client, gone.client);
  server.stop();
  std::vector<unsigned> statuses;
  for (const auto& one : server.later.served) statuses.push_back(one.status);
  EXPECT_THAT(statuses, testing::UnorderedElementsAre(499, 200));
}

TEST(Form, HasItsParts) {
  Request request;
  request.content_type = "multipart/form-data", request.boundary = "B";
  request.body =
      "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nw\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.wav\"\r\n"
      "Content-Type: audio/wav\r\n\r\n\r\n\r\n--B--\r\n";
  const auto parts = serve::form_parts(request);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].name, "model");
  EXPECT_EQ(parts[0].body, "w");
  EXPECT_EQ(parts[1].file_name, "a;b.wav");
  EXPECT_EQ(parts[1].body, "\r\n");
  for (const char* wrong : {"", "--B", "--B\r\n", "--B\r\nA: b\r\n\r\nx\r\n--B--", "--C--",
                            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"}) {
    request.body = wrong;
    EXPECT_THROW(serve::form_parts(request), serve::HttpError) << wrong;
  }
}

}  // namespace
}  // namespace heed::test
