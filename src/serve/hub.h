// What the connections of a server share. Touched by the network's thread alone, but for the queue.
#pragma once

#include <boost/asio/io_context.hpp>
#include <set>

#include "heed/serve/server.h"
#include "serve/job_queue.h"
#include "serve/stats.h"

namespace heed::serve {

class Session;

struct Hub {
  Hub(Router router, ServerOptions options)
      : router(std::move(router)),
        options(std::move(options)),
        queue(static_cast<size_t>(this->options.max_queue)) {}

  Router router;
  const ServerOptions options;
  Stats stats;
  std::set<Session*> sessions;
  int64_t body_bytes = 0;          ///< promised to bodies that are read or worked on
  std::vector<std::string> names;  ///< what a request may call this server beside its address
  bool is_draining = false;
  uint64_t connections = 0;  ///< so far, which names them
  // In this order: the queue's thread ends first, then connections, which touch all above.
  boost::asio::io_context network{1};
  JobQueue queue;
};

}  // namespace heed::serve
