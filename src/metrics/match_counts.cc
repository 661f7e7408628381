#include "heed/metrics/metrics.h"

namespace heed {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

MatchCounts& MatchCounts::operator+=(const MatchCounts& other) {
  correct += other.correct, predicted += other.predicted, expected += other.expected;
  return *this;
}

double MatchCounts::precision() const { return ratio(correct, predicted); }
double MatchCounts::recall() const { return ratio(correct, expected); }
double MatchCounts::f1() const { return ratio(2 * correct, predicted + expected); }

}  // namespace heed
