// How a verb ends early, in good order.
#pragma once

namespace heed::cli {

/// Thrown by a verb that ends in good order with another code than 0: 128 + n after signal n.
struct Exit {
  int code;
};

}  // namespace heed::cli
