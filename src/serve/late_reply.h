// An answer that comes from another thread, later.
#pragma once

#include <boost/asio/post.hpp>

#include "serve/session.h"

namespace heed::serve {

/// A session lives and ends on the network's thread, so it is only named here, and met there.
class LateReply : public Reply {
 public:
  LateReply(const std::shared_ptr<Session>& session, Session::Over over,
            boost::asio::io_context& network)
      : session_(session), over_(std::move(over)), network_(network) {}
  ~LateReply() override {
    if (!answered_) send(error_response({500, "internal", "the request got no answer"}));
  }

  void send(Response response) override {
    answered_ = true;
    post([response = std::move(response)](Session& session, const Session::Over& over) mutable {
      session.on_late(over, std::move(response));
    });
  }
  void begin(Response head) override {
    post([head = std::move(head)](Session& session, const Session::Over& over) mutable {
      session.on_stream_begin(over, std::move(head));
    });
  }
  void write(std::string part) override {
    post([part = std::move(part)](Session& session, const Session::Over& over) mutable {
      session.on_stream_part(over, std::move(part), false);
    });
  }
  void end() override {
    answered_ = true;
    post([](Session& session, const Session::Over& over) {
      session.on_stream_part(over, "", true);
    });
  }

 private:
  template <class Use>
  void post(Use use) {
    boost::asio::post(network_, [session = session_, over = over_, use = std::move(use)]() mutable {
      if (const auto here = session.lock()) use(*here, over);
    });
  }

  std::weak_ptr<Session> session_;
  Session::Over over_;
  boost::asio::io_context& network_;
  bool answered_ = false;
};

}  // namespace heed::serve
