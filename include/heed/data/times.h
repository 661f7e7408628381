// Points in time, and the steps between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heed/data/records.h"

namespace heed::data {

enum class TimeKind {
  none,    ///< no time
  number,  ///< a whole number, of whatever unit
  date     ///< seconds since 1970-01-01T00:00:00Z
};

/// Reads a time:
/// - ISO 8601: "2016-07-01", "2016-07", "2014-04-01T00:05:00", "2014-04-01 00:05", with "Z" or
///   "+02:00" behind; "2016/07/01" too. Without a zone: UTC.
/// - a month's English name: "Jan 1 2000", "January 1, 2000", "1 Jan 2000", "Jan 2000".
/// - a whole number: "17", "17.0".
/// A fraction of a second must be zero. Years 1 .. 9999. "01/02/2000" is none: it may be February
/// or January. Returns TimeKind::none for anything else.
TimeKind parse_time(std::string_view text, int64_t& time);

/// The time as text: "2016-07-01 00:00:00", or the number.
std::string time_text(int64_t time, TimeKind kind);

/// Times of records, in the order of the records.
struct Times {
  TimeKind kind = TimeKind::none;
  std::vector<int64_t> values;
};

/// Reads a column of times for these records. Throws DataError, with file, line and column: no
/// time, a missing one, or numbers beside dates.
Times read_times(const Records& records, int64_t column, const std::vector<int64_t>& which);

/// Brings times that are out of order, and the records in `which` with them, into order; equal ones
/// keep theirs. Returns how many were before the one above them.
int64_t sort_times(Times& times, std::vector<int64_t>& which);

/// What is said of the steps from a time to the next. The usual step is the most frequent one.
/// Dates on one day of the month (and one time of the day) have steps of months.
struct TimeSteps {
  int64_t usual = 0;  ///< in seconds, months or the numbers' unit; 0: fewer than two times
  bool in_months = false;
  int64_t gaps = 0;        ///< steps above the usual one
  int64_t first_gap = -1;  ///< index of the time behind the first
  int64_t repeats = 0;     ///< times equal to the one before
  int64_t first_repeat = -1;
  int64_t others = 0;  ///< steps below the usual one and above 0
};

/// Throws DataError, with the place of `which[i]`, where a time is before the one above it.
TimeSteps check_order(const Times& times, const Records& records,
                      const std::vector<int64_t>& which);

}  // namespace heed::data
