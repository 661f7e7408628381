// Series: windows, forecasts, anomalies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "heed/train/train.h"
#include "tasks/heads/error_tail.h"
#include "tasks/text_cells.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr int kRows = 400;

/// A wave of 12 hours and its double with a shift, hour by hour.
class SeriesCell : public testing::Test {
 protected:
  SeriesCell() { write("wave.csv", kRows); }

  static std::string row(int t, double jump = 0) {
    char text[96];
    std::snprintf(text, sizeof text, "2020-01-%02d %02d:00:00,%.6f,%.6f\n", 1 + t / 24, t % 24,
                  std::sin(t * 2 * M_PI / 12) + jump, 5 + 2 * std::cos(t * 2 * M_PI / 12));
    return text;
  }
  void write(const char* name, int rows, int jump_at = -1) const {
    std::ofstream out(folder_ / name);
    out << "date,a,b\n";
    for (int t = 0; t < rows; ++t) out << row(t % 720, t == jump_at ? 6 : 0);
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("out = \"\"\nseed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = \"" + path("wave.csv") + R"("
[input]
kind = "series"
time = "date"
look_back = 24
horizon = 6
borders = [200, 300, 400]
[encoder]
kind = "series"
width = 16
layers = 1
hidden = 16
dropout = 0.0
attention = { num_heads = 2 }
[head]
kind = "forecast"
period = 12
[train]
epochs = 15
batch = 32
optimizer = { kind = "adam", lr = 5e-3 }
schedule = { kind = "cosine", warmup = 10 }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  std::string trained(const char* name, const std::vector<std::string>& more = {}) const {
    auto recipe = this->recipe(more);
    const auto options = recipe.train;
    const auto task = make_task(std::move(recipe));
    train(*task, {.options = options, .folder = path(name)});
    return path(name);
  }

  template <class E>
  void expect_refused(const std::vector<std::string>& more,
                      const std::vector<std::string>& parts) const {
    try {
      make_task(recipe(more));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const E& error) {
      for (const auto& part : parts) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  test::TemporaryFolder folder_;
};

TEST_F(SeriesCell, WindowsLieWithinBorders) {
  const auto stats = test::by_name(make_task(recipe())->dataset_stats());
  EXPECT_EQ(stats.at("train examples"), 200 - 24 - 6 + 1);
  EXPECT_EQ(stats.at("valid examples"), 100 - 6 + 1);  // their look_back is of the rows before
  EXPECT_EQ(stats.at("test examples"), 100 - 6 + 1);
  EXPECT_EQ(stats.at("train rows"), 200);
  EXPECT_EQ(stats.at("test rows"), 100 + 24);
}

TEST_F(SeriesCell, BaselinesAreThoseOfTheStandardisedRows) {
  const auto task = make_task(recipe());
  task->model().eval();
  const auto found = test::by_name(*task->test());
  // Both columns by the mean and the deviation of their first 200 rows.
  double last = 0, naive = 0, count = 0;
  for (int column = 0; column < 2; ++column) {
    const auto value = [&](int t) {
      return column == 0 ? std::sin(t * 2 * M_PI / 12) : 5 + 2 * std::cos(t * 2 * M_PI / 12);
    };
    double mean = 0, square = 0;
    for (int t = 0; t < 200; ++t) mean += value(t) / 200;
    for (int t = 0; t < 200; ++t) square += (value(t) - mean) * (value(t) - mean) / 200;
    for (int first = 300; first <= 394; ++first)
      for (int h = 0; h < 6; ++h, ++count) {
        last += std::pow(value(first + h) - value(first - 1), 2) / square;
        naive += std::pow(value(first + h) - value(first + h - 12), 2) / square;
      }
  }
  EXPECT_NEAR(found.at("baseline_mse"), last / count, 1e-4);
  EXPECT_NEAR(found.at("baseline_seasonal_mse"), naive / count, 1e-4);
  EXPECT_GT(found.at("mse"), found.at("baseline_seasonal_mse"));  // nothing was learned yet
}

TEST_F(SeriesCell, LearnsAWaveAndForecastsWhatFollowsTheFile) {
  for (const std::string tokens : {"patches", "variates"}) {
    const auto folder = trained(tokens.c_str(), {"encoder.tokens=" + tokens});
    auto predictor = Predictor::load(folder);
    const auto found = test::by_name(predictor.evaluate().metrics);
    test::expect_learned("mse of " + tokens, found.at("mse"), 0.1, 0);
    const auto stream = predictor.stream({path("wave.csv")});
    const auto split = stream->next(64);
    const auto json = nlohmann::json::parse(predictor.predict(split)[0][0].json);
    EXPECT_EQ(stream->next(64), nullptr);
    ASSERT_EQ(json["times"].size(), 6U);
    EXPECT_EQ(json["times"][0], "2020-01-17 16:00:00");
    for (int h = 0; h < 6; ++h)
      EXPECT_NEAR(json["forecast"]["b"][static_cast<size_t>(h)].get<double>(),
                  5 + 2 * std::cos((kRows + h) * 2 * M_PI / 12), 1.2);
    // Read again: the same bits.
    auto again = Predictor::load(folder);
    EXPECT_EQ(nlohmann::json::parse(again.predict(again.find(path("wave.csv")))[0][0].json), json);
  }
}

TEST_F(SeriesCell, QuantilesDoNotCross) {
  auto predictor = Predictor::load(trained("q", {"head.loss=quantile", "train.epochs=2"}));
  const auto json =
      nlohmann::json::parse(predictor.predict(predictor.find(path("wave.csv")))[0][0].json);
  for (const auto& values : json["forecast"]["a"]) {
    ASSERT_EQ(values.size(), 3U);
    EXPECT_LE(values[0], values[1]);
    EXPECT_LE(values[1], values[2]);
  }
  const auto found = test::by_name(predictor.evaluate().metrics);
  EXPECT_NEAR(found.at("pinball"),
              (found.at("pinball_0.1") + found.at("pinball_0.5") + found.at("pinball_0.9")) / 3,
              1e-9);
  EXPECT_NEAR(found.at("pinball_0.5"), found.at("mae") / 2, 1e-6);
}

TEST_F(SeriesCell, GoesOnFromACursorWithTheSameBatches) {
  const auto one = make_task(recipe()), other = make_task(recipe());
  one->next();
  other->seek(one->cursor());
  const auto a = one->next(), b = other->next();
  EXPECT_EQ(a.records, b.records);
  EXPECT_TRUE(at::equal(a.loss, b.loss));
}

TEST_F(SeriesCell, KnownColumnsAreReadAhead) {
  std::ofstream out(folder_ / "known.csv");
  out << "t,y,price\n";
  int state = 1;
  const auto price = [&] { return (state = state * 7 % 1009) % 10; };
  for (int t = 0; t < 400; ++t) {
    const int p = price();
    out << t << ',' << 3 * p << ',' << p << '\n';
  }
  std::vector<int> ahead;
  for (int t = 400; t < 402; ++t) {
    ahead.push_back(price());
    out << t << ",," << ahead.back() << '\n';
  }
  out.close();
  const std::vector<std::string> more = {"data.train=" + path("known.csv"),
                                         "input.time=t",
                                         "input.known=[\"price\"]",
                                         "input.values=[\"y\"]",
                                         "input.horizon=2",
                                         "input.look_back=8",
                                         "encoder.tokens=variates",
                                         "head.period=1"};
  // Learning takes values in every row that it may look at.
  auto folder = trained("known", [&] {
    auto all = more;
    std::ofstream whole(folder_ / "whole.csv");
    whole << "t,y,price\n";
    state = 1;
    for (int t = 0; t < 400; ++t) {
      const int p = price();
      whole << t << ',' << 3 * p << ',' << p << '\n';
    }
    all[0] = "data.train=" + path("whole.csv");
    return all;
  }());
  auto predictor = Predictor::load(folder);
  const auto json =
      nlohmann::json::parse(predictor.predict(predictor.find(path("known.csv")))[0][0].json);
  EXPECT_EQ(json["times"][1], "401");
  ASSERT_EQ(json["forecast"]["y"].size(), 2U);
  try {
    predictor.predict(predictor.find(path("whole.csv")));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("known ahead have 0 rows"));
  }
}

TEST_F(SeriesCell, RefusesWhatIsNoSeries) {
  const auto damaged = [&](const char* name, int at, const std::string& line) {
    std::ofstream out(folder_ / name);
    out << "date,a,b\n";
    for (int t = 0; t < kRows; ++t)
      if (t == at)
        out << line;
      else
        out << row(t);
    return "data.train=" + path(name);
  };
  expect_refused<DataError>({damaged("gap.csv", 50, "")},
                            {"gap.csv:52", "steps longer than the usual", "input.steps"});
  expect_refused<DataError>({damaged("twice.csv", 50, row(49))}, {"twice.csv"});
  expect_refused<DataError>({damaged("back.csv", 50, row(10))}, {"back.csv:52", "is before"});
  expect_refused<DataError>({damaged("missing.csv", 50, "2020-01-03 02:00:00,,1\n")},
                            {"missing.csv:52", "'a'", "missing"});
  expect_refused<DataError>({"input.values=[\"a\", \"c\"]"}, {"wave.csv", "'c'"});
  expect_refused<DataError>({"input.borders=[20, 300, 400]"}, {"data.train", "20 rows"});
  expect_refused<ModelError>({"head.period=25"}, {"head.period", "24"});
  expect_refused<DataError>({"head={ kind = \"class\" }"}, {"'label'", "forecast and anomaly"});
  EXPECT_THROW(recipe({"input.borders=[0.5, 0.4, 1]"}), ModelError);
  std::ofstream flat(folder_ / "flat.csv");
  flat << "date,a,b\n";
  for (int t = 0; t < kRows; ++t) flat << row(t).substr(0, 20) << t << ",7\n";
  flat.close();
  expect_refused<DataError>({"data.train=" + path("flat.csv")}, {"flat.csv:2", "'b'", "7"});
}

TEST_F(SeriesCell, TellsAJumpAsItComes) {
  write("jump.csv", kRows, 350);
  const auto folder =
      trained("anomaly", {"input.horizon=1", "input.answer=rows", "head={kind=\"anomaly\"}"});
  auto predictor = Predictor::load(folder);
  const auto all = [&](int64_t most) {
    auto fresh = Predictor::load(folder);
    std::vector<std::string> lines;
    const auto stream = fresh.stream({path("jump.csv")});
    while (const auto split = stream->next(most))
      for (const auto& answers : fresh.predict(split)) lines.push_back(answers[0].text);
    return lines;
  };
  const auto lines = all(64);
  ASSERT_EQ(std::ssize(lines), kRows);
  for (int t = 0; t < kRows; ++t)
    EXPECT_EQ(lines[static_cast<size_t>(t)].ends_with("alarm"), t == 350)
        << lines[static_cast<size_t>(t)];
  EXPECT_THAT(lines[350], HasSubstr("2020-01-15 14:00:00"));
  // However many rows come together, each is answered from those before it.
  const auto by_seven = all(7);
  ASSERT_EQ(by_seven.size(), lines.size());
  const auto score = [](const std::string& line) {
    return std::stod(line.substr(line.find('\t')));
  };
  for (size_t t = 0; t < lines.size(); ++t) EXPECT_NEAR(score(lines[t]), score(by_seven[t]), 1e-3);
  write("line\nfeed.csv", kRows, 350);
  const auto outputs = predictor.evaluate({path("line\nfeed.csv")}).outputs;
  ASSERT_FALSE(outputs.empty());
  for (const auto& line : outputs) ASSERT_THAT(line, HasSubstr("line\\nfeed.csv\t"));
}

TEST(ErrorTail, IsTheTailOfANormalDistribution) {
  ErrorTail tail(1000, 1, 0);
  for (int i = 0; i < 99; ++i) tail.add(i % 2);
  // 50 zeros, 49 ones and a ten: mean 0.59, deviation by all hundred.
  const double mean = (49 + 10) / 100.0;
  const double variance =
      (50 * mean * mean + 49 * (1 - mean) * (1 - mean) + (10 - mean) * (10 - mean)) / 100;
  const double p = 0.5 * std::erfc((10 - mean) / std::sqrt(2 * variance));
  EXPECT_NEAR(tail.add(10), std::log(p) / std::log(1e-50), 1e-9);
  EXPECT_EQ(tail.add(0), 0);
}

TEST(ErrorTail, WhatGoesOnIsToldOnce) {
  ErrorTail tail(1000, 1, 5);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(tail.add(1), 0);  // no deviation
  EXPECT_GT(tail.add(3), 0.5);
  EXPECT_EQ(tail.add(3), 0);
  EXPECT_GT(tail.add(300), 0.5);  // higher
  for (int i = 0; i < 5; ++i) tail.add(1);
  EXPECT_GT(tail.add(20), 0);
}

}  // namespace
}  // namespace heed
