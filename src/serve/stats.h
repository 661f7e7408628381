// What a server counts of itself.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace heed::serve {

/// Touched by the network's thread alone.
class Stats {
 public:
  void answered(unsigned status) { ++answers_[status]; }
  void handled(double seconds);
  void connected() { ++connections_; }

  /// What is true at this moment, beside what was counted.
  struct Now {
    int64_t connections = 0, queue = 0, body_bytes = 0;
  };
  /// Prometheus' text format, with the process's memory and descriptors.
  std::string text(const Now& now) const;

 private:
  static constexpr std::array<double, 10> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025,
                                                  0.05,  0.1,    0.5,   1,    10};
  std::map<unsigned, uint64_t> answers_;
  std::array<uint64_t, kBounds.size() + 1> buckets_{};
  double seconds_ = 0;
  uint64_t connections_ = 0;
};

}  // namespace heed::serve
