// What `heed serve` counts, under the names of text-embeddings-inference and of vLLM, which dashboards know.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace heed::cli {

/// Every function may be called by several threads.
class ServeMetrics {
 public:
  /// A counter; `labels`: `err="validation"`, or none.
  void count(const std::string& name, const std::string& labels = "", double by = 1);
  /// A counter that somebody else keeps.
  void total(const std::string& name, double value, const std::string& labels = "");
  void gauge(const std::string& name, double value, const std::string& labels = "");
  /// An observation of a histogram: seconds where the name says duration or seconds, else a number from 1.
  void observe(const std::string& name, double value);
  /// Prometheus' text format.
  std::string text() const;

 private:
  struct Histogram {
    std::vector<double> bounds;
    std::vector<uint64_t> counts;
    double sum = 0;
    uint64_t count = 0;
  };
  using Values = std::map<std::string, double>;  // by labels
  mutable std::mutex mutex_;
  std::map<std::string, Values> counters_, gauges_;
  std::map<std::string, Histogram> histograms_;
};

}  // namespace heed::cli
