#include "serve/stats.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace heed::serve {
namespace {

/// Bytes of this process in memory.
int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

int64_t open_descriptors() {
  std::error_code failure;
  const std::filesystem::directory_iterator folder("/proc/self/fd", failure);
  return failure ? 0 : std::distance(begin(folder), end(folder)) - 1;  // that of the listing itself
}

class Lines {
 public:
  void metric(const char* name, const char* kind, const char* help) {
    text_ << "# HELP " << name << " " << help << "\n# TYPE " << name << " " << kind << "\n";
  }
  template <class Number>
  void value(const std::string& name, Number number) {
    text_ << name << " " << number << "\n";
  }
  template <class Number>
  void one(const char* name, const char* kind, const char* help, Number number) {
    metric(name, kind, help);
    value(name, number);
  }
  std::string str() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

}  // namespace

void Stats::handled(double seconds) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++buckets_[static_cast<size_t>(bound - kBounds.begin())];
  seconds_ += seconds;
}

std::string Stats::text(const Now& now) const {
  Lines lines;
  lines.metric("heed_http_responses_total", "counter", "Answers by status.");
  for (const auto& [status, count] : answers_)
    lines.value("heed_http_responses_total{code=\"" + std::to_string(status) + "\"}", count);
  lines.metric("heed_http_request_seconds", "histogram", "From the last byte read to the answer.");
  uint64_t count = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    count += buckets_[i];
    std::ostringstream bound;
    i < kBounds.size() ? bound << kBounds[i] : bound << "+Inf";
    lines.value("heed_http_request_seconds_bucket{le=\"" + bound.str() + "\"}", count);
  }
  lines.value("heed_http_request_seconds_sum", seconds_);
  lines.value("heed_http_request_seconds_count", count);
  lines.one("heed_http_connections_total", "counter", "Connections accepted.", connections_);
  lines.one("heed_http_connections", "gauge", "Open connections.", now.connections);
  lines.one("heed_http_queue", "gauge", "Requests that wait for the worker.", now.queue);
  lines.one("heed_http_body_bytes", "gauge", "Bytes kept for bodies.", now.body_bytes);
  lines.one("process_resident_memory_bytes", "gauge", "Memory of the process.", resident_bytes());
  lines.one("process_open_fds", "gauge", "Open descriptors.", open_descriptors());
  return lines.str();
}

}  // namespace heed::serve
