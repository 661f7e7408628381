// Random orders that are the same on every machine.
#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/error.h"
#include "heed/core/random.h"

namespace heed::data {

// A seed gives the order of an epoch, a held-out part and the changes of a record; these keep the
// three streams apart.
inline constexpr uint64_t kOrderKey = 0x6f7264657220;
inline constexpr uint64_t kHoldOutKey = 0x686f6c64206f7574;

/// Every order of 0 .. count - 1 equally likely (Fisher-Yates). Throws UsageError over 2^32 - 1
/// records.
inline std::vector<uint32_t> permutation(int64_t count, Random random) {
  if (count > UINT32_MAX)
    throw UsageError("a dataset may have 2^32 - 1 records, given " + std::to_string(count));
  std::vector<uint32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0u);
  for (size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[random.below(static_cast<uint32_t>(left))]);
  return order;
}

/// {the rest, held out} of 0 .. size - 1, each in order: see hold_out in heed/data/dataset.h.
std::pair<std::vector<int64_t>, std::vector<int64_t>> hold_out_numbers(int64_t size,
                                                                       double fraction,
                                                                       uint64_t seed);

}  // namespace heed::data
