#include "heed/data/sound_features.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kDeltaReach = 2;

/// The filter of deltas of that order: offsets -2 order .. 2 order.
std::vector<double> delta_filter(int64_t order) {
  std::vector<double> filter{1};
  for (int64_t i = 0; i < order; ++i) {
    std::vector<double> wider(filter.size() + 2 * kDeltaReach);
    for (size_t j = 0; j < filter.size(); ++j)
      for (int64_t k = -kDeltaReach; k <= kDeltaReach; ++k)
        wider[j + static_cast<size_t>(k + kDeltaReach)] += filter[j] * double(k) / 10;
    filter = std::move(wider);
  }
  return filter;
}

}  // namespace

void normalize_recording(SoundFeatures& features, RecordingNormalization how) {
  if (how == RecordingNormalization::none || features.frames == 0) return;
  const auto count = static_cast<double>(features.frames);
  for (int64_t c = 0; c < features.bands; ++c) {
    float* row = features.values.data() + c * features.frames;
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < features.frames; ++t) sum += row[t];
    const double mean = sum / count;
    for (int64_t t = 0; t < features.frames; ++t) squares += (row[t] - mean) * (row[t] - mean);
    const double std = std::sqrt(squares / count);
    const bool divides = how == RecordingNormalization::mean_and_std && std > 0;
    for (int64_t t = 0; t < features.frames; ++t)
      row[t] = static_cast<float>((row[t] - mean) / (divides ? std : 1));
  }
}

SoundFeatures with_deltas(SoundFeatures features, int64_t order) {
  if (order < 0 || order > 2)
    throw UsageError(text_of("with_deltas: order: expected 0, 1 or 2, given ", order));
  const int64_t bands = features.bands, frames = features.frames;
  features.values.resize(static_cast<size_t>(bands * (1 + order) * frames));
  for (int64_t i = 1; i <= order; ++i) {
    const auto filter = delta_filter(i);
    const int64_t reach = kDeltaReach * i;
    for (int64_t c = 0; c < bands; ++c)
      for (int64_t t = 0; t < frames; ++t) {
        double sum = 0;
        for (int64_t k = -reach; k <= reach; ++k)
          sum += filter[static_cast<size_t>(k + reach)] *
                 features.at(c, std::clamp<int64_t>(t + k, 0, frames - 1));
        features.values[static_cast<size_t>((i * bands + c) * frames + t)] =
            static_cast<float>(sum);
      }
  }
  features.bands = bands * (1 + order);
  return features;
}

void standardize(SoundFeatures& features, const std::vector<double>& mean,
                 const std::vector<double>& std) {
  if (std::ssize(mean) != features.bands || std::ssize(std) != features.bands)
    throw UsageError(text_of("standardize: expected ", features.bands,
                             " means and deviations, given ", mean.size(), " and ", std.size()));
  for (int64_t c = 0; c < features.bands; ++c) {
    float* row = features.values.data() + c * features.frames;
    const auto i = static_cast<size_t>(c);
    for (int64_t t = 0; t < features.frames; ++t)
      row[t] = static_cast<float>((row[t] - mean[i]) / std[i]);
  }
}

}  // namespace heed::data
