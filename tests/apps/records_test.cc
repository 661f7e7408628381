// Records of a table through the program: files, pipes, and what stands before a bad record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"

namespace heed {
namespace {

using test::run;
using testing::AllOf;
using testing::HasSubstr;

/// Whether a height is above 10.
std::string heights() {
  std::string text = "height,colour,side\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(i % 20) + (i % 3 == 0 ? ",red," : ",blue,") +
            (i % 20 > 10 ? "right\n" : "left\n");
  return text;
}

test::Trained trained() {
  return test::train_once("records", [](const std::filesystem::path& folder) {
    test::write_bytes(folder / "train.csv", heights());
    test::write_bytes(folder / "small.toml",
                      "data.train = '" + (folder / "train.csv").string() + "'\n" + R"(seed = 1
[input]
kind = "table"
ignore = ["side"]
[encoder]
kind = "table"
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "class"
column = "side"
[train]
epochs = 20
batch = 10
optimizer = { lr = 1e-2 }
)");
  });
}

TEST(Records, APipeIsReadAsTheFileIs) {
  const auto model = trained().model;
  const test::TemporaryFolder folder;
  const std::string some = "height,colour\n1,red\n19,blue\n";
  test::write_bytes(folder / "new.csv", some);
  const auto of_file = run({"predict", model, (folder / "new.csv").string()});
  EXPECT_EQ(of_file.code, 0) << of_file.err;
  EXPECT_THAT(of_file.out, testing::MatchesRegex("left\t[0-9.]+\nright\t[0-9.]+\n"));
  const auto of_pipe = run({"predict", model, "-"}, {.input = some});
  EXPECT_EQ(of_pipe.code, 0) << of_pipe.err;
  EXPECT_EQ(of_pipe.out, of_file.out);
}

TEST(Records, FilesOfAnotherFormatThanTheModelLearnedFrom) {
  const auto model = trained().model;
  const test::TemporaryFolder folder;
  const auto csv = (folder / "new.txt").string(), lines = (folder / "new.jsonl").string();
  test::write_bytes(csv, "height;colour;side\n1;red;left\n19;blue;right\n");
  test::write_bytes(lines, R"({"height": 1, "colour": "red", "side": "left"})"
                           "\n"
                           R"({"height": 19, "colour": "blue", "side": "right"})"
                           "\n");
  const auto of_csv =
      run({"predict", model, csv, "--set", "data.format=csv", "--set", "data.delimiter=;"});
  EXPECT_EQ(of_csv.code, 0) << of_csv.err;
  EXPECT_THAT(of_csv.out, testing::MatchesRegex("left\t[0-9.]+\nright\t[0-9.]+\n"));
  for (const auto& set : {std::vector<std::string>{}, {"--set", "data.format=jsonl"}}) {
    std::vector<std::string> words{"predict", model, lines};
    words.insert(words.end(), set.begin(), set.end());
    const auto of_lines = run(words);
    EXPECT_EQ(of_lines.code, 0) << of_lines.err;
    EXPECT_EQ(of_lines.out, of_csv.out);
  }
  const auto other = run(
      {"eval", model, "--data", lines, "--set", "data.format=jsonl", "--set", "data.delimiter=;"});
  const auto unknown = run({"predict", model, csv, "--set", "data.format=cvs"});
  EXPECT_EQ(unknown.code, 4);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("data.format"), HasSubstr("did you mean 'csv'")));
  EXPECT_EQ(other.code, 4) << "a key that this format has not, and that was given";
  EXPECT_THAT(other.err, HasSubstr("--set data.delimiter=;: data.delimiter: unknown key"));
}

TEST(Records, WhatStandsBeforeABadRecordIsAnswered) {
  const auto model = trained().model;
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "new.csv", "height,colour\n1,red\n19,blue\ntall,red\n2,red\n");
  const auto found = run({"predict", model, (folder / "new.csv").string()});
  EXPECT_EQ(found.code, 3);
  EXPECT_THAT(found.out, testing::MatchesRegex("left\t[0-9.]+\nright\t[0-9.]+\n"));
  EXPECT_THAT(found.err, AllOf(HasSubstr("new.csv:4"), HasSubstr("tall")));
}

TEST(Records, CheckNamesTheFirstAndTheLastOfManyFiles) {
  const test::TemporaryFolder folder;
  std::vector<std::string> files;
  for (const char* name : {"a.csv", "b.csv", "c.csv", "d.csv", "e.csv"}) {
    files.push_back((folder / name).string());
    test::write_bytes(files.back(), heights());
  }
  const auto paths = [&](size_t count) {
    std::string list;
    for (size_t i = 0; i < count; ++i) list += (i > 0 ? ", '" : "'") + files[i] + "'";
    return "data.train=[" + list + "]";
  };
  const auto recipe = trained().recipe;
  const auto many = run({"check", recipe, "--set", paths(5)});
  EXPECT_EQ(many.code, 0) << many.err;
  EXPECT_THAT(many.out, HasSubstr("train\t" + files[0] + " .. " + files[4] + ", 5 files\n"));
  const auto few = run({"check", recipe, "--set", paths(2)});
  EXPECT_THAT(few.out, HasSubstr("train\t" + files[0] + ", " + files[1] + "\n"));
  const auto json = run({"check", recipe, "--set", paths(5), "--json"});
  EXPECT_THAT(json.out, HasSubstr(files[2])) << "all of them";
}

TEST(Records, APlaceIsAWholeNumberOfALine) {
  const auto model = trained().model;
  const test::TemporaryFolder folder;
  std::string text = "height,colour\n";
  for (int i = 0; i < 12; ++i) text += std::to_string(i) + ",red\n";
  test::write_bytes(folder / "new.csv", text);
  const auto file = (folder / "new.csv").string();
  EXPECT_EQ(run({"map", model, file + ":11", "--json"}).code, 0);
  const auto header = run({"map", model, file + ":1", "--json"});
  EXPECT_EQ(header.code, 2) << header.out;
  EXPECT_THAT(header.err, HasSubstr("no record of the file begins in line 1"));
}

}  // namespace
}  // namespace heed
