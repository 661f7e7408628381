#include "heed/data/times.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <tuple>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kDaySeconds = 86400;

/// Takes times apart from the front; each function says whether it found what it looks for.
class TimeScanner {
 public:
  explicit TimeScanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Digits only, as many as asked for.
  bool digits(size_t least, size_t most, int& value) {
    size_t count = 0;
    value = 0;
    while (count < rest_.size() && count < most && rest_[count] >= '0' && rest_[count] <= '9')
      value = value * 10 + (rest_[count++] - '0');
    rest_.remove_prefix(count);
    const bool more = !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9';
    return count >= least && !more;
  }

  bool at_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }

  /// Two digits, whatever follows.
  bool two_digits(int& value) {
    const auto rest = rest_;
    rest_ = rest.substr(0, 2);
    const bool found = digits(2, 2, value);
    rest_ = found ? rest.substr(2) : rest;
    return found;
  }

  /// The English name of a month, or its first three letters; 1 .. 12.
  bool month(int& value) {
    static constexpr std::array<std::string_view, 12> kNames{
        "january", "february", "march",     "april",   "may",      "june",
        "july",    "august",   "september", "october", "november", "december"};
    std::string word;
    while (word.size() < rest_.size() && std::isalpha(static_cast<uint8_t>(rest_[word.size()])))
      word += static_cast<char>(std::tolower(rest_[word.size()]));
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (word.size() < 3 || (word != kNames[i] && word != kNames[i].substr(0, 3))) continue;
      rest_.remove_prefix(word.size());
      value = static_cast<int>(i) + 1;
      return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
};

struct Day {
  int year = 0, month = 1, day = 1;
};

std::optional<int64_t> seconds_of(const Day& day) {
  namespace chrono = std::chrono;
  const chrono::year_month_day date(chrono::year(day.year),
                                    chrono::month(static_cast<unsigned>(day.month)),
                                    chrono::day(static_cast<unsigned>(day.day)));
  if (day.year < 1 || !date.ok()) return {};
  return chrono::sys_days(date).time_since_epoch().count() * kDaySeconds;
}

/// "2016-07-01", "2016/07/01", "2016-07".
bool take_iso_day(TimeScanner& scan, Day& day) {
  if (!scan.digits(4, 4, day.year)) return false;
  const char mark = scan.take('-') ? '-' : '/';
  if (mark == '/' && !scan.take('/')) return false;
  if (!scan.digits(2, 2, day.month)) return false;
  return !scan.take(mark) || scan.digits(2, 2, day.day);
}

/// "Jan 1 2000", "January 1, 2000", "1 Jan 2000", "Jan 2000".
bool take_named_day(TimeScanner& scan, Day& day) {
  const auto year = [&] { return scan.digits(4, 4, day.year); };
  if (!scan.month(day.month)) {
    return scan.digits(1, 2, day.day) && scan.take(' ') && scan.month(day.month) &&
           scan.take(' ') && year();
  }
  if (!scan.take(' ')) return false;
  int number = 0;
  if (!scan.digits(1, 4, number)) return false;
  if (number > 99) {
    day.year = number;
    return number > 999;
  }
  day.day = number;
  scan.take(',');
  return scan.take(' ') && year();
}

/// "00:05", "00:05:00", "00:05:00.000", with a zone; seconds.
bool take_clock(TimeScanner& scan, int64_t& seconds) {
  int hour = 0, minute = 0, second = 0, fraction = 0;
  if (!scan.digits(2, 2, hour) || !scan.take(':') || !scan.digits(2, 2, minute)) return false;
  if (scan.take(':')) {
    if (!scan.digits(2, 2, second)) return false;
    if (scan.take('.') && (!scan.digits(1, 9, fraction) || fraction != 0)) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  seconds = hour * 3600 + minute * 60 + second;
  if (scan.take('Z')) return true;
  const bool east = scan.take('+');
  if (!east && !scan.take('-')) return true;
  int zone_hour = 0, zone_minute = 0;
  if (!scan.two_digits(zone_hour)) return false;
  if ((scan.take(':') || scan.at_digit()) && !scan.digits(2, 2, zone_minute)) return false;
  if (zone_hour > 23 || zone_minute > 59) return false;
  seconds += (east ? -1 : 1) * (zone_hour * 3600 + zone_minute * 60);
  return true;
}

std::optional<int64_t> date_in(std::string_view text) {
  for (const auto take_day : {take_iso_day, take_named_day}) {
    TimeScanner scan(text);
    Day day;
    if (!take_day(scan, day)) continue;
    const auto midnight = seconds_of(day);
    int64_t clock = 0;
    if (!midnight) return {};
    if (scan.at_end()) return midnight;
    if ((scan.take('T') || scan.take(' ')) && take_clock(scan, clock) && scan.at_end()) {
      return *midnight + clock;
    }
  }
  return {};
}

std::optional<int64_t> whole_number_in(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text.empty()) return {};
  auto rest = text.substr(static_cast<size_t>(end - text.data()));
  if (rest.size() == 1 && rest[0] == '.') return {};
  if (rest.starts_with('.')) rest.remove_prefix(1);
  if (rest.find_first_not_of('0') != std::string_view::npos) return {};
  return number;
}

std::chrono::year_month_day day_of(int64_t time) {
  return std::chrono::year_month_day(
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(time))));
}

/// Months since year 0.
int64_t months_of(int64_t time) {
  const auto day = day_of(time);
  return static_cast<int>(day.year()) * int64_t{12} + static_cast<unsigned>(day.month());
}

/// Are all on one day of the month and one time of the day, in more than one month?
bool are_monthly(const Times& times) {
  if (times.kind != TimeKind::date || times.values.size() < 2) return false;
  const auto key = [](int64_t time) {
    const int64_t clock = ((time % kDaySeconds) + kDaySeconds) % kDaySeconds;
    return std::pair(day_of(time).day(), clock);
  };
  const auto first = key(times.values[0]);
  return months_of(times.values[0]) != months_of(times.values.back()) &&
         std::all_of(times.values.begin(), times.values.end(),
                     [&](int64_t time) { return key(time) == first; });
}

}  // namespace

TimeKind parse_time(std::string_view text, int64_t& time) {
  if (const auto number = whole_number_in(text)) {
    time = *number;
    return TimeKind::number;
  }
  if (const auto date = date_in(text)) {
    time = *date;
    return TimeKind::date;
  }
  return TimeKind::none;
}

std::string time_text(int64_t time, TimeKind kind) {
  if (kind == TimeKind::number) return std::to_string(time);
  const auto day = day_of(time);
  const int64_t clock = ((time % kDaySeconds) + kDaySeconds) % kDaySeconds;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                static_cast<int>(clock / 3600), static_cast<int>(clock / 60 % 60),
                static_cast<int>(clock % 60));
  return text;
}

Times read_times(const Records& records, int64_t column, const std::vector<int64_t>& which) {
  Times times;
  times.values.reserve(which.size());
  const auto refuse = [&](int64_t record, const std::string& what) {
    throw DataError(records.place(record) + ": column '" +
                    records.columns()[static_cast<size_t>(column)].name + "': " + what);
  };
  for (const int64_t record : which) {
    const auto text = records.text(record, column);
    int64_t time = 0;
    const auto kind = parse_time(text, time);
    const auto given = text.empty() ? "an empty cell" : text_of("'", text.substr(0, 40), "'");
    if (kind == TimeKind::none) {
      refuse(record,
             "expected a time, as 2016-07-01, 2016-07-01 00:00:00, Jan 1 2000 or a whole "
             "number, given " +
                 given);
    }
    if (times.kind != TimeKind::none && kind != times.kind) {
      refuse(record, "expected " +
                         std::string(times.kind == TimeKind::date ? "a date" : "a number") +
                         " as above, given " + given);
    }
    times.kind = kind;
    times.values.push_back(time);
  }
  return times;
}

int64_t sort_times(Times& times, std::vector<int64_t>& which) {
  int64_t moved = 0;
  for (size_t i = 1; i < which.size(); ++i) moved += times.values[i] < times.values[i - 1];
  if (moved == 0) return 0;
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (size_t i = 0; i < which.size(); ++i) rows.emplace_back(times.values[i], which[i]);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < which.size(); ++i) std::tie(times.values[i], which[i]) = rows[i];
  return moved;
}

TimeSteps check_order(const Times& times, const Records& records,
                      const std::vector<int64_t>& which) {
  TimeSteps steps;
  steps.in_months = are_monthly(times);
  const auto step_to = [&](size_t i) {
    const int64_t before = times.values[i - 1], time = times.values[i];
    return steps.in_months ? months_of(time) - months_of(before) : time - before;
  };
  std::map<int64_t, int64_t> counts;
  for (size_t i = 1; i < times.values.size(); ++i) {
    if (times.values[i] < times.values[i - 1]) {
      throw DataError(records.place(which[i]) + ": time " + time_text(times.values[i], times.kind) +
                      " is before " + time_text(times.values[i - 1], times.kind) + " of " +
                      records.place(which[i - 1]) +
                      "; sort the file by time, or name the column by which its series differ");
    }
    if (step_to(i) > 0) ++counts[step_to(i)];
  }
  int64_t most = 0;
  for (const auto& [step, count] : counts) {
    if (count > most) steps.usual = step, most = count;
  }
  for (size_t i = 1; i < times.values.size(); ++i) {
    const int64_t step = step_to(i);
    const auto index = static_cast<int64_t>(i);
    if (step == 0 && steps.repeats++ == 0) steps.first_repeat = index;
    if (step > steps.usual && steps.gaps++ == 0) steps.first_gap = index;
    if (step > 0 && step < steps.usual) ++steps.others;
  }
  return steps;
}

}  // namespace heed::data
