#include "heed/metrics/nab.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed {
namespace {

constexpr double kProbation = 0.15;  // of the rows ...
constexpr int64_t kMostRows = 5000;  // ... but of no more than these
constexpr double kFar = 3;           // windows behind the last one, from where s is -1
constexpr int64_t kNoWindow = -1;

double scaled_sigmoid(double place) {
  return place > kFar ? -1 : 2 / (1 + std::exp(5 * place)) - 1;
}

/// A row that counts: what it is worth if it is detected.
struct Row {
  double score, worth;
  int64_t window;  // over all series, or kNoWindow
};

void check(const NabSeries& series, size_t number) {
  const std::string where = "nab: series " + std::to_string(number + 1) + ": ";
  const auto rows = static_cast<int64_t>(series.scores.size());
  if (rows == 0) throw UsageError(where + "expected at least one row, given none");
  for (size_t i = 0; i < series.scores.size(); ++i)
    if (!(std::isfinite(series.scores[i]) && series.scores[i] < kNabNothing))
      throw UsageError(where + "row " + std::to_string(i) + ": expected a score below 1.1, given " +
                       std::to_string(series.scores[i]));
  int64_t next = 0;
  for (const auto& [first, last] : series.windows) {
    if (first < next || last < first || last >= rows)
      throw UsageError(where + "expected windows in order, without overlap, within rows 0 .. " +
                       std::to_string(rows - 1) + ", given " + std::to_string(first) + " .. " +
                       std::to_string(last));
    next = last + 1;
  }
}

/// Rows behind the probationary part.
void append_rows(const NabSeries& series, const NabProfile& profile, int64_t first_window,
                 std::vector<Row>& rows) {
  const auto count = static_cast<int64_t>(series.scores.size());
  const double probation = std::min(std::floor(kProbation * static_cast<double>(count)),
                                    kProbation * static_cast<double>(kMostRows));
  size_t next = 0;  // window that is not over
  for (int64_t i = 0; i < count; ++i) {
    if (next < series.windows.size() && i > series.windows[next].second) ++next;
    const bool inside = next < series.windows.size() && i >= series.windows[next].first;
    double worth = -profile.false_positive;
    if (inside) {
      const auto& [first, last] = series.windows[next];
      const double place =
          -static_cast<double>(last - i + 1) / static_cast<double>(last - first + 1);
      worth = profile.true_positive * scaled_sigmoid(place) / scaled_sigmoid(-1);
    } else if (next > 0) {
      const auto& [first, last] = series.windows[next - 1];
      const double place = last == first
                               ? std::numeric_limits<double>::infinity()
                               : static_cast<double>(i - last) / static_cast<double>(last - first);
      worth = profile.false_positive * scaled_sigmoid(place);
    }
    if (static_cast<double>(i) < probation) continue;
    rows.push_back({series.scores[static_cast<size_t>(i)], worth,
                    inside ? first_window + static_cast<int64_t>(next) : kNoWindow});
  }
}

/// All rows while the threshold falls.
class Sweep {
 public:
  Sweep(std::span<const NabSeries> series, const NabProfile& profile) : profile_(profile) {
    if (series.empty()) throw UsageError("nab: expected at least one series, given none");
    for (size_t i = 0; i < series.size(); ++i) {
      check(series[i], i);
      append_rows(series[i], profile, windows_, rows_);
      windows_ += static_cast<int64_t>(series[i].windows.size());
    }
    if (windows_ == 0) throw UsageError("nab: expected at least one window, given none");
    best_.assign(static_cast<size_t>(windows_), 0);
    for (const auto& row : rows_) {
      if (row.window == kNoWindow) continue;
      best_[static_cast<size_t>(row.window)] = -profile.false_negative;
      ++now_.false_negatives;
    }
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.score > b.score; });
    for (const double part : best_) null_ += part;
    now_.raw = null_;
    now_.threshold = kNabNothing;
  }

  bool done() const { return next_ == rows_.size(); }
  double next_threshold() const { return rows_[next_].score; }
  const NabScore& now() const { return now_; }

  /// To the next smaller score.
  void lower() {
    now_.threshold = next_threshold();
    for (; !done() && rows_[next_].score == now_.threshold; ++next_) detect(rows_[next_]);
  }

  NabScore normalized(NabScore score) const {
    const double perfect = profile_.true_positive * static_cast<double>(windows_);
    score.score = 100 * (score.raw - null_) / (perfect - null_);
    return score;
  }

 private:
  void detect(const Row& row) {
    if (row.window == kNoWindow) {
      now_.raw += row.worth, ++now_.false_positives;
      return;
    }
    double& best = best_[static_cast<size_t>(row.window)];
    if (row.worth > best) now_.raw += row.worth - best, best = row.worth;
    ++now_.true_positives, --now_.false_negatives;
  }

  const NabProfile& profile_;
  std::vector<Row> rows_;
  std::vector<double> best_;  // what each window is worth
  int64_t windows_ = 0;
  double null_ = 0;
  size_t next_ = 0;
  NabScore now_;
};

}  // namespace

const std::vector<NabProfile>& nab_profiles() {
  static const std::vector<NabProfile> profiles = {{"standard", 1, 0.11, 1},
                                                   {"reward_low_FP_rate", 1, 0.22, 1},
                                                   {"reward_low_FN_rate", 1, 0.11, 2}};
  return profiles;
}

const NabProfile& nab_profile(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& profile : nab_profiles()) {
    if (profile.name == name) return profile;
    names.push_back(profile.name);
  }
  throw UsageError("nab: profile: unknown '" + name + "'" + suggestion(name, names));
}

NabScore nab_score_at(std::span<const NabSeries> series, double threshold,
                      const NabProfile& profile) {
  Sweep sweep(series, profile);
  while (!sweep.done() && sweep.next_threshold() >= threshold) sweep.lower();
  auto score = sweep.now();
  score.threshold = threshold;
  return sweep.normalized(score);
}

NabScore nab_score(std::span<const NabSeries> series, const NabProfile& profile) {
  Sweep sweep(series, profile);
  NabScore best = sweep.now();
  while (!sweep.done()) {
    sweep.lower();
    if (sweep.now().raw > best.raw) best = sweep.now();
  }
  return sweep.normalized(best);
}

}  // namespace heed
