// A counter-based random generator: any number of the stream in any order, on any machine, the
// same.
#pragma once

#include <array>
#include <cstdint>

namespace heed {

/// Philox4x32 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four 32-bit
/// words from a 64-bit key and a 128-bit counter. Pure. Seven rounds are the fewest that pass all
/// of the paper's tests (BigCrush), ten its choice with a margin.
template <int kRounds = 10>
constexpr std::array<uint32_t, 4> philox(uint64_t key, std::array<uint32_t, 4> counter) noexcept {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(a)};
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  return counter;
}

/// A stream of numbers named by a seed and up to two indices (for example an epoch and a record),
/// so that what a record draws depends on nothing that was drawn before.
class Random {
 public:
  explicit constexpr Random(uint64_t seed, uint32_t stream = 0, uint32_t substream = 0) noexcept
      : seed_(seed), stream_(stream), substream_(substream) {}

  /// 32 uniform bits.
  constexpr uint32_t bits() noexcept {
    if (used_ == 4) {
      block_ = philox(seed_, {static_cast<uint32_t>(next_), static_cast<uint32_t>(next_ >> 32),
                              stream_, substream_});
      ++next_, used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1), 24 bits.
  constexpr float uniform() noexcept { return static_cast<float>(bits() >> 8) * 0x1p-24f; }

  /// Uniform in [0, n), without bias (Lemire 2019); n > 0.
  constexpr uint32_t below(uint32_t n) noexcept {
    uint64_t product = uint64_t{bits()} * n;
    if (static_cast<uint32_t>(product) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{bits()} * n;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  uint64_t seed_, next_ = 0;
  uint32_t stream_, substream_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace heed
