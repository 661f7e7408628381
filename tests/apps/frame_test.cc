// The frame of the command line: verbs, flags, streams, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "files.h"

namespace heed::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Frame, NothingGivenExplainsOnStandardError) {
  const auto result = run({});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("Usage: heed"));
}

TEST(Frame, HelpAndVersionAreResults) {
  const auto help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.err, "");
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("env"));
  const auto version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, testing::MatchesRegex("heed [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const auto verb = run({"env", "--help"});
  EXPECT_EQ(verb.code, 0);
  EXPECT_THAT(verb.out, HasSubstr("--json"));
}

TEST(Frame, UnknownVerbNamesTheNearest) {
  const auto result = run({"evn", "--json"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "heed: error: unknown verb 'evn', did you mean 'env'?\n");
}

TEST(Frame, UnknownFlagNamesTheNearest) {
  const auto result = run({"env", "--jsn=1"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err,
            "heed: error: unknown flag '--jsn' of 'heed env', did you mean '--json'?\n");
  EXPECT_THAT(run({"env", "--treads", "1"}).err, HasSubstr("did you mean '--threads'?"));
  EXPECT_THAT(run({"--versoin"}).err, HasSubstr("did you mean '--version'?"));
  EXPECT_THAT(run({"env", "surplus"}).err,
              HasSubstr("unexpected argument 'surplus' of 'heed env'"));
}

// Loading LibTorch takes half a second.
TEST(Frame, LibTorchIsLoadedWhereAVerbRuns) {
  const auto loads = [](const std::vector<std::string>& arguments) {
    return run(arguments, {.environment = {{"LD_DEBUG", "files"}}}).err.find("libtorch") !=
           std::string::npos;
  };
  for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                     {"--version"},
                                                                     {"--help"},
                                                                     {"train", "--help"},
                                                                     {"evn"},
                                                                     {"train", "--treads", "1"},
                                                                     {"train"}})
    EXPECT_FALSE(loads(arguments)) << testing::PrintToString(arguments);
  EXPECT_TRUE(loads({"env"}));
}

TEST(Frame, AProgramWithoutItsLibraryNamesIt) {
  const TemporaryFolder folder;
  const auto alone = folder / "heed";
  std::filesystem::copy_file(HEED_PROGRAM, alone);
  EXPECT_EQ(run({"--version"}, {.program = alone.c_str()}).code, 0);
  const auto result = run({"env"}, {.program = alone.c_str()});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.err, HasSubstr("cannot load the verbs"));
  EXPECT_THAT(result.err, HasSubstr("libheed_verbs.so"));
}

TEST(Frame, WrongValuesAreUsageErrors) {
  for (const char* threads : {"0", "-1", "1025", "two", "", "2 ", "1e1", "0x2", "99999999999999"}) {
    const auto result = run({"env", "--threads", threads});
    EXPECT_EQ(result.code, 2) << threads;
    EXPECT_THAT(result.err, StartsWith("heed: error: ")) << threads;
    EXPECT_THAT(result.err, HasSubstr("--threads")) << threads;
  }
}

TEST(Frame, WrongNumbersOfThreadsInTheEnvironmentAreUsageErrors) {
  for (const char* name : {"HEED_NUM_THREADS", "OMP_NUM_THREADS"})
    for (const char* threads : {"0", "-4", "100000", "abc", "2x", "-4,2"}) {
      const RunOptions environment{.environment = {{name, threads}}};
      const auto result = run({"env"}, environment);
      EXPECT_EQ(result.code, 2) << name << " " << threads;
      EXPECT_THAT(result.err, HasSubstr(std::string("heed: error: ") + name +
                                        ": expected a number "
                                        "of threads from 1 to "))
          << threads;
      EXPECT_EQ(run({"env", "--threads", "1"}, environment).code, 0) << "the flag counts";
    }
  const auto threads = run({"env", "--json"}, {.environment = {{"OMP_NUM_THREADS", "2,1"}}});
  EXPECT_EQ(nlohmann::json::parse(threads.out)["threads"], 2);
}

TEST(Frame, EmptyValuesAreUsageErrors) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"map", "M", "text", "--target", ""},
        {"map", "M", ""},
        {"predict", ""},
        {"eval", "M", "--output", ""},
        {"train", "r.toml", "--out", ""}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.code, 2) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("expected a value, given an empty text")) << arguments[0];
  }
}

TEST(Frame, AFlagIsNoValueOfAnother) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"train", "r.toml", "--out", "--json"}, {"train", "r.toml", "--out", "--threads"}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err,
                HasSubstr("given the flag " + arguments.back() + "; a file of that name is ./"));
  }
}

TEST(Frame, NumbersBeyondTheirRangeAreToldInFewDigits) {
  for (const char* top : {"0", "1e300", "nan", "99999999999999999999", "many"}) {
    const auto result = run({"predict", "M", "--top", top});
    EXPECT_EQ(result.code, 2) << top;
    EXPECT_EQ(result.err, std::string("heed: error: --top: expected a whole number from 1 to "
                                      "1000000000, given '") +
                              top + "'\n");
  }
}

TEST(Frame, ValuesThatAreGivenTwiceAreUsageErrors) {
  EXPECT_THAT(run({"train", "r.toml", "--set", "train.epochs=1", "--set", "train.epochs=2"}).err,
              HasSubstr("--set train.epochs=2: 'train.epochs' is given twice; leave one out"));
  EXPECT_THAT(run({"eval", "M", "--data", "a.csv", "--data", "a.csv"}).err,
              HasSubstr("--data a.csv: 'a.csv' is given twice"));
}

TEST(Frame, ThreadsFlagBeatsTheEnvironment) {
  const auto threads = [](const std::vector<std::string>& arguments) {
    const auto result = run(arguments, {.environment = {{"HEED_NUM_THREADS", "3"}}});
    return nlohmann::json::parse(result.out);
  };
  EXPECT_EQ(threads({"env", "--json"})["threads"], 3);
  for (const auto& given : {std::vector<std::string>{"--threads", "1", "env", "--json"},
                            std::vector<std::string>{"env", "--json", "--threads", "1"}}) {
    EXPECT_EQ(threads(given)["threads"], 1);
    EXPECT_EQ(threads(given)["libtorch_threads"], 1);
  }
}

TEST(Frame, ResultThatCannotBeWrittenIsAFileError) {
  const auto result = run({"env"}, {.out = "/dev/full"});
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.err, "heed: error: cannot write standard output: No space left on device\n");
}

TEST(Environment, NamesWhatTheBuildStandsOn) {
  const auto result = run({"env", "--json"});
  ASSERT_EQ(result.code, 0);
  const auto values = nlohmann::json::parse(result.out);
  EXPECT_FALSE(values["libtorch"].get<std::string>().empty());
  EXPECT_FALSE(values["blas"].get<std::string>().empty());
  EXPECT_FALSE(values["simd"].get<std::string>().empty());
  EXPECT_GE(values["cpu"]["cores"], 1);
  EXPECT_GT(values["memory_mib"], 0);
  EXPECT_TRUE(values["cpu_quota"] == "none" || values["cpu_quota"] > 0);
}

TEST(Environment, SaysHowThreadsWait) {
  const auto waiting = [](const RunOptions& options) {
    return nlohmann::json::parse(run({"env", "--json"}, options).out)["waiting"].get<std::string>();
  };
  EXPECT_THAT(waiting({.environment = {{"OMP_WAIT_POLICY", "active"}}}),
              StartsWith("OMP_WAIT_POLICY=active"));
  EXPECT_THAT(waiting({.environment = {{"GOMP_SPINCOUNT", "7"}}}), StartsWith("GOMP_SPINCOUNT=7"));
}

}  // namespace
}  // namespace heed::test
