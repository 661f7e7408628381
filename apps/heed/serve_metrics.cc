#include "serve_metrics.h"

#include <algorithm>
#include <sstream>

namespace heed::cli {
namespace {

bool is_of_time(const std::string& name) {
  return name.ends_with("duration") || name.ends_with("seconds");
}

/// As text-embeddings-inference has them: powers of 1.5 from 15 us, or of 2 from 1.
std::vector<double> bounds_of(const std::string& name) {
  std::vector<double> bounds;
  const bool of_time = is_of_time(name);
  double bound = of_time ? 1e-5 * 1.5 : 1;
  for (int i = 0; i < (of_time ? 35 : 21); ++i, bound *= of_time ? 1.5 : 2) bounds.push_back(bound);
  return bounds;
}

std::string in_braces(const std::string& labels) {
  return labels.empty() ? "" : "{" + labels + "}";
}

}  // namespace

void ServeMetrics::count(const std::string& name, const std::string& labels, double by) {
  const std::lock_guard lock(mutex_);
  counters_[name][labels] += by;
}

void ServeMetrics::total(const std::string& name, double value, const std::string& labels) {
  const std::lock_guard lock(mutex_);
  counters_[name][labels] = value;
}

void ServeMetrics::gauge(const std::string& name, double value, const std::string& labels) {
  const std::lock_guard lock(mutex_);
  gauges_[name][labels] = value;
}

void ServeMetrics::observe(const std::string& name, double value) {
  const std::lock_guard lock(mutex_);
  auto& own = histograms_[name];
  if (own.bounds.empty()) own.bounds = bounds_of(name), own.counts.resize(own.bounds.size() + 1);
  const auto bound = std::lower_bound(own.bounds.begin(), own.bounds.end(), value);
  ++own.counts[static_cast<size_t>(bound - own.bounds.begin())];
  own.sum += value, ++own.count;
}

std::string ServeMetrics::text() const {
  const std::lock_guard lock(mutex_);
  std::ostringstream out;
  const auto all_of = [&](const std::map<std::string, Values>& all, const char* kind) {
    for (const auto& [name, values] : all) {
      out << "# TYPE " << name << " " << kind << "\n";
      for (const auto& [labels, value] : values)
        out << name << in_braces(labels) << " " << value << "\n";
    }
  };
  all_of(counters_, "counter"), all_of(gauges_, "gauge");
  for (const auto& [name, own] : histograms_) {
    out << "# TYPE " << name << " histogram\n";
    uint64_t count = 0;
    for (size_t i = 0; i < own.counts.size(); ++i) {
      count += own.counts[i];
      out << name << "_bucket{le=\"";
      i < own.bounds.size() ? out << own.bounds[i] : out << "+Inf";
      out << "\"} " << count << "\n";
    }
    out << name << "_sum " << own.sum << "\n" << name << "_count " << own.count << "\n";
  }
  return out.str();
}

}  // namespace heed::cli
