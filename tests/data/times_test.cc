#include "heed/data/times.h"

#include <gmock/gmock.h>

#include <cmath>

#include "data/record_samples.h"
#include "heed/data/series.h"
#include "words.h"

namespace heed::data {
namespace {

using test::record_refusal;
using test::records_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

int64_t date(std::string_view text) {
  int64_t time = -1;
  EXPECT_EQ(parse_time(text, time), TimeKind::date) << text;
  return time;
}

TEST(Times, ReadsDates) {  // `date -u -d TEXT +%s` gave the numbers
  EXPECT_EQ(date("1970-01-01"), 0);
  EXPECT_EQ(date("2016-07-01 00:00:00"), 1467331200);
  EXPECT_EQ(date("2016-07"), 1467331200);
  EXPECT_EQ(date("2016/07/01"), 1467331200);
  EXPECT_EQ(date("2014-04-01T00:05:00"), 1396310700);
  EXPECT_EQ(date("2014-04-01T00:05Z"), 1396310700);
  EXPECT_EQ(date("2014-04-01 02:05:00.000+02:00"), 1396310700);
  EXPECT_EQ(date("2014-03-31T20:05:00-0400"), 1396310700);
  EXPECT_EQ(date("Jan 1 2000"), 946684800);
  EXPECT_EQ(date("January 1, 2000"), 946684800);
  EXPECT_EQ(date("1 Jan 2000"), 946684800);
  EXPECT_EQ(date("JAN 2000"), 946684800);
  EXPECT_EQ(date("2000-02-29 23:59:59"), 951868799);
  EXPECT_EQ(date("1900-03-01"), -2203891200);
  EXPECT_EQ(date("0001-01-01"), -62135596800);
  EXPECT_EQ(date("9999-12-31"), 253402214400);
  EXPECT_EQ(time_text(951868799, TimeKind::date), "2000-02-29 23:59:59");
  EXPECT_EQ(time_text(-1, TimeKind::date), "1969-12-31 23:59:59");
}

TEST(Times, ReadsNumbersAndNothingElse) {
  int64_t time = 0;
  for (const auto& [text, value] : std::vector<std::pair<std::string, int64_t>>{
           {"17", 17}, {"-3.00", -3}, {"20160701", 20160701}, {"1396310700000", 1396310700000}}) {
    EXPECT_EQ(parse_time(text, time), TimeKind::number) << text;
    EXPECT_EQ(time, value);
  }
  for (const char* text : {"",
                           " ",
                           "x",
                           "1.5",
                           "1.",
                           "99999999999999999999",
                           "01/02/2000",
                           "2000-13-01",
                           "1900-02-29",
                           "2000-1-1",
                           "2000-01-01x",
                           "2000-01-01 ",
                           "2000-01-01 24:00:00",
                           "2000-01-01 00:60",
                           "2000-01-01 00:00:00.5",
                           "0000-01-01",
                           "Jan 32 2000",
                           "Jan 1",
                           "Janu 1 2000",
                           "Jan 123",
                           "2000-01-01T00:00:00+25:00",
                           "2000-01/01",
                           "12000-01-01"}) {
    EXPECT_EQ(parse_time(text, time), TimeKind::none) << text;
  }
}

TEST(Series, NamesGapsAndRepeats) {
  const auto records = records_of(
      "t,v\n2000-01-01 00:00,1\n2000-01-01 01:00,2\n2000-01-01 01:00,3\n2000-01-01 02:00,4\n"
      "2000-01-01 05:00,5\n2000-01-01 05:30,6\n",
      "x.csv");
  const auto series = read_series(*records, {.time = "t"});
  ASSERT_EQ(series.size(), 1u);
  const auto& steps = series[0].steps;
  EXPECT_EQ(steps.usual, 3600);
  EXPECT_FALSE(steps.in_months);
  EXPECT_EQ(steps.gaps, 1);
  EXPECT_EQ(steps.first_gap, 4);
  EXPECT_EQ(steps.repeats, 1);
  EXPECT_EQ(steps.first_repeat, 2);
  EXPECT_EQ(steps.others, 1);
}

TEST(Series, RefusesTimesOutOfOrderUnlessSorted) {
  const auto records = records_of("t,v\n3,1\n1,2\n3,3\n2,4\n", "x.csv");
  EXPECT_THAT(test::message_of<DataError>([&] { read_series(*records, {.time = "t"}); }),
              AllOf(HasSubstr("x.csv:3: time 1 is before 3"), HasSubstr("x.csv:2")));
  const auto series = read_series(*records, {.time = "t", .sort = true});
  EXPECT_THAT(series[0].times.values, ElementsAre(1, 2, 3, 3));
  EXPECT_THAT(series[0].records, ElementsAre(1, 3, 0, 2));
  EXPECT_EQ(series[0].moved, 2);
  EXPECT_TRUE(
      at::equal(series[0].values, at::tensor({2., 4., 1., 3.}).to(at::kDouble).view({4, 1})));
}

TEST(Series, GroupsByColumnAndFillsWhatIsMissing) {
  const auto records =
      records_of("s,t,a,b\nx,1,1,\nx,2,,5\ny,1,7,8\nx,5,9,nan\nx,6,10,6\n", "x.csv");
  const auto read = [&](const std::string& missing) {
    return read_series(
        *records, {.time = "t", .values = {"a"}, .group = "s", .missing = test::Word{missing}});
  };
  const auto forward = read("forward"), linear = read("linear"), mask = read("mask");
  ASSERT_EQ(linear.size(), 2u);
  EXPECT_EQ(linear[0].name, "x");
  EXPECT_THAT(linear[0].columns, ElementsAre("a"));
  EXPECT_THAT(linear[1].records, ElementsAre(2));
  EXPECT_EQ(forward[0].values[1].item<double>(), 1);
  EXPECT_EQ(linear[0].values[1].item<double>(), 3);  // 1 + (9 - 1) (2 - 1) / (5 - 1)
  EXPECT_TRUE(std::isnan(mask[0].values[1].item<double>()));
  EXPECT_TRUE(mask[0].missing[1].item<bool>() && linear[0].missing[1].item<bool>());
  EXPECT_EQ(mask[0].missing.sum().item<int64_t>(), 1);
  const auto refusal = [&](const std::string& column, const std::string& missing) {
    return test::message_of<DataError>([&] {
      read_series(*records,
                  {.time = "t", .values = {column}, .group = "s", .missing = test::Word{missing}});
    });
  };
  EXPECT_THAT(refusal("a", "error"), AllOf(HasSubstr("x.csv:3: column 'a'"), HasSubstr("linear")));
  EXPECT_THAT(refusal("b", "forward"), AllOf(HasSubstr("x.csv:2"), HasSubstr("none before it")));
  EXPECT_THAT(refusal("s", "mask"), AllOf(HasSubstr("column 's'"), HasSubstr("'x'")));
  const auto end = records_of("a\n1\nNaN\n", "x.csv");
  EXPECT_THAT(
      test::message_of<DataError>([&] { read_series(*end, {.missing = MissingValues::linear}); }),
      HasSubstr("none behind it"));
  EXPECT_THAT(test::message_of<DataError>([&] {
                read_series(*records_of("t,v\n1,1\n2000-01-01,2\n", "x.csv"), {.time = "t"});
              }),
              HasSubstr("x.csv:3: column 't': expected a number as above"));
}

TEST(Series, ReadsHourlyDailyAndMonthlyData) {  // Python's datetime gave the numbers
  HEED_NEEDS_SHARED("etth");
  const auto folder = test::shared_data();
  const auto etth = read_series(*open_records({folder / "etth/ETTh1.csv"}), {.time = "date"});
  EXPECT_EQ(etth[0].steps.usual, 3600);
  EXPECT_EQ(etth[0].steps.gaps + etth[0].steps.repeats + etth[0].steps.others, 0);
  EXPECT_EQ(etth[0].values.size(0), 17420);
  EXPECT_EQ(etth[0].values.size(1), 7);
  EXPECT_EQ(etth[0].columns.back(), "OT");
  EXPECT_NEAR(etth[0].values.select(1, 6).sum().item<double>(), 232115.77909573913, 1e-6);
  const auto daily =
      read_series(*open_records({folder / "stocks/sp500-2000.csv"}), {.time = "date"});
  EXPECT_EQ(daily[0].steps.usual, 86400);
  EXPECT_EQ(daily[0].steps.gaps, 1109);
  EXPECT_EQ(daily[0].steps.first_gap, 5);
  const auto monthly = read_series(*open_records({folder / "stocks/stocks.csv"}),
                                   {.time = "date", .group = "symbol"});
  ASSERT_EQ(monthly.size(), 5u);
  EXPECT_EQ(monthly[0].name, "MSFT");
  for (const auto& stock : monthly) {
    EXPECT_TRUE(stock.steps.in_months);
    EXPECT_EQ(stock.steps.usual, 1);
    EXPECT_EQ(stock.steps.gaps, 0);
    EXPECT_EQ(stock.records.size(), stock.name == "GOOG" ? 68u : 123u);
  }
}

TEST(Series, ReadsAllOfNab) {
  HEED_NEEDS_SHARED("nab");
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(test::shared_data() / "nab/data")) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  const auto records = open_records(files);
  EXPECT_EQ(records->size(), 365558);
  EXPECT_THAT(test::message_of<DataError>(
                  [&] { read_series(*records, {.time = "timestamp", .by_file = true}); }),
              AllOf(HasSubstr("machine_temperature_system_failure.csv:"), HasSubstr("is before")));
  const auto all = read_series(*records, {.time = "timestamp", .by_file = true, .sort = true});
  EXPECT_EQ(all.size(), 58u);
  int64_t moved = 0;
  for (const auto& series : all) {
    moved += series.moved;
    if (!series.name.ends_with("exchange-3_cpc_results.csv")) continue;
    EXPECT_EQ(series.steps.gaps, 64);
    EXPECT_EQ(series.steps.first_gap, 147);
  }
  EXPECT_EQ(moved, 1);
}

}  // namespace
}  // namespace heed::data
