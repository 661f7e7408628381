// One pass over all images of a dataset.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <functional>

#include "heed/data/dataset.h"

namespace heed::data {

/// Sums of integers: exact, so the order of adding does not matter. Room for 2^47 pixels.
struct ChannelSums {
  std::array<uint64_t, 3> values{}, squares{};
  uint64_t pixels = 0;

  void add(const Image& image) noexcept;
  void add(const ChannelSums& other) noexcept;
  double mean(size_t channel) const noexcept;       ///< of values in 0 .. 1
  double deviation(size_t channel) const noexcept;  ///< of the population, values in 0 .. 1
};

/// What reading one record gave.
struct Scanned {
  ImageShape shape;
  ChannelSums sums;
  std::exception_ptr error;  ///< null where all is well
};

/// Decodes every record on all threads and calls `visit` for each in order, on this thread.
void scan(const ImageDataset& dataset, const std::function<void(int64_t, const Scanned&)>& visit);

}  // namespace heed::data
