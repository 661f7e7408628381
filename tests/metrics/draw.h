// The numbers that both a test and the script that asked the field's own scorer draw:
// x' = (1103515245 x + 12345) mod 2^31, u = x' / 2^31.
#pragma once

#include <cmath>
#include <cstdint>

namespace heed::test {

class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed) {}

  /// 0 .. 1
  double unit() {
    state_ = (1103515245 * state_ + 12345) % (uint64_t{1} << 31);
    return static_cast<double>(state_) / static_cast<double>(uint64_t{1} << 31);
  }
  /// 0 .. below - 1
  int64_t below(int64_t below) { return static_cast<int64_t>(unit() * static_cast<double>(below)); }

 private:
  uint64_t state_;
};

}  // namespace heed::test
