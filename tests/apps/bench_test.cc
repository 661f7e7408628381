// heed_bench: its verbs and what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/bench.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

TEST(Bench, NamesItselfAndItsFlags) {
  EXPECT_EQ(bench({"attention", "--lenght", "16"}).err,
            "heed_bench: error: unknown flag '--lenght' of 'heed_bench attention', did you mean "
            "'--length'?\n");
  EXPECT_THAT(bench({"mechanisms", "--treads", "1"}).err,
              HasSubstr("'heed_bench mechanisms', did you mean '--threads'?"));
  EXPECT_THAT(bench({"train", "--x=1"}).err,
              testing::EndsWith("of 'heed_bench train'; known: --help, -h, --json, --threads, "
                                "--seconds, --set, --version\n"));
  const auto unknown = bench({"atention"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_EQ(unknown.err, "heed_bench: error: unknown verb 'atention', did you mean 'attention'?\n");
}

TEST(Bench, GoalsStandBesideWhatIsMeasured) {
  const auto result =
      bench({"goals", "--json", "--only", "dropout", "--threads", "1", "--seconds", "0"});
  EXPECT_EQ(result.code, 0) << result.err;
  const auto row = nlohmann::json::parse(result.out);
  EXPECT_THAT(row["what"].get<std::string>(), HasSubstr("dropout"));
  EXPECT_EQ(row["threads"], 1);
  EXPECT_GT(row["value"], 0);
  EXPECT_EQ(row["sense"], "at most");
  EXPECT_LT(row["limit"], row["goal"]);
  EXPECT_LT(row["goal"], row["floor"]);
  EXPECT_EQ(row["met"], row["value"] <= row["floor"]);
}

TEST(Bench, LoadMeasuresThreadsInTurns) {
  const auto result =
      bench({"load", "--json", "--load", "1", "--threads", "2,1", "--seconds", "0"});
  EXPECT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  for (const char* work : {"train", "write"}) {
    for (const int threads : {2, 1}) {
      ASSERT_TRUE(std::getline(lines, line));
      const auto row = nlohmann::json::parse(line);
      EXPECT_EQ(row["work"], work);
      EXPECT_EQ(row["load"], 1);
      EXPECT_EQ(row["threads"], threads);
      EXPECT_GT(row["ms"], 0);
      if (threads == 2) {
        EXPECT_EQ(row["of_first"], 1);
      }
    }
  }
}

}  // namespace
}  // namespace heed::test
