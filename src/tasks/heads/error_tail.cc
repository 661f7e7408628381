#include "tasks/heads/error_tail.h"

#include <algorithm>
#include <cmath>

namespace heed {
namespace {

constexpr double kLeastTail = 1e-50;

}  // namespace

double ErrorTail::add(double error) {
  errors_.push_back(error);
  if (static_cast<int64_t>(errors_.size()) > window_) errors_.pop_front();
  const double score = tail_score();
  const bool told =
      std::any_of(scores_.begin(), scores_.end(), [&](double before) { return before >= score; });
  scores_.push_back(score);
  if (static_cast<int64_t>(scores_.size()) > rest_) scores_.pop_front();
  return told ? 0 : score;
}

double ErrorTail::tail_score() const {
  const auto size = static_cast<int64_t>(errors_.size());
  if (size <= kWarmUp) return 0;
  // Sums are made anew: rolling ones would keep what a large error left when it went.
  double sum = 0, square = 0, last = 0;
  for (const double e : errors_) sum += e;
  const auto count = static_cast<double>(size);
  const double mean = sum / count;
  for (const double e : errors_) square += (e - mean) * (e - mean);
  const int64_t recent = std::min(recent_, size);
  for (auto at = errors_.end() - recent; at != errors_.end(); ++at) last += *at;
  const double deviation = std::sqrt(square / count);
  const double above = last / static_cast<double>(recent) - mean;
  if (deviation == 0 || above <= 0) return 0;
  const double tail = 0.5 * std::erfc(above / deviation / std::sqrt(2.0));
  return std::clamp(std::log(tail + kLeastTail) / std::log(kLeastTail), 0.0, 1.0);
}

}  // namespace heed
