#include "heed/lens/sinks.h"

#include <cmath>
#include <numeric>

#include "heed/core/error.h"
#include "heed/lens/heat.h"

namespace heed::lens {
namespace {

constexpr double kLeastShare = 0.1, kTimesOthers = 5;

std::string percent(double share) { return number(std::round(100 * share)) + " %"; }

}  // namespace

double Sinks::mass() const { return std::accumulate(shares.begin(), shares.end(), 0.0); }

std::string Sinks::note(const std::vector<std::string>& labels) const {
  std::string text;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto key = static_cast<size_t>(keys[i]);
    text += i ? ", " : "sinks left out: ";
    text += key < labels.size() ? labels[key] : std::to_string(key + 1);
    text += (i ? " " : " holds ") + percent(shares[i]);
  }
  return text.empty() ? text : text + " of the weight";
}

Sinks sinks_of(const at::Tensor& received, const std::vector<bool>& special, bool first) {
  if (received.dim() != 1)
    throw UsageError("sinks_of: received has shape " + c10::str(received.sizes()) +
                     ", expected (keys)");
  const int64_t keys = received.size(0);
  if (!special.empty() && std::ssize(special) != keys)
    throw UsageError("sinks_of: special: expected " + std::to_string(keys) +
                     " flags, as many as keys, or none, given " + std::to_string(special.size()));
  const auto weights = received.detach().to(at::kCPU, at::kDouble).nan_to_num(0, 0, 0);
  const auto shares = weights.clamp_min(0).contiguous();
  const double total = shares.sum().item<double>();
  const double* share = shares.data_ptr<double>();
  const auto may_be = [&](int64_t key) {
    return (first && key == 0) || (!special.empty() && special[static_cast<size_t>(key)]);
  };
  double others = 0;
  int64_t count = 0;
  for (int64_t key = 0; key < keys; ++key)
    if (!may_be(key)) others += share[key], ++count;
  Sinks sinks;
  if (!(total > 0) || count == 0) return sinks;
  const double least = std::max(kLeastShare, kTimesOthers * others / total / double(count));
  for (int64_t key = 0; key < keys; ++key) {
    if (!may_be(key) || share[key] / total < least) continue;
    sinks.keys.push_back(key);
    sinks.shares.push_back(share[key] / total);
  }
  return sinks;
}

}  // namespace heed::lens
