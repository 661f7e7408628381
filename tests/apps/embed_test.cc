// Vectors of texts through the program: as lines, as files, and searched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"
#include "heed/core/files.h"

namespace heed {
namespace {

using test::run;
using testing::HasSubstr;
using Json = nlohmann::json;

const std::vector<std::string> kTexts = {"red house", "blue", "a small red house by the sea",
                                         "green boat", "sea sea sea"};

std::string lines(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += text + "\n";
  return all;
}

test::Trained embed_model() {
  return test::train_once("embed", [](const std::filesystem::path& folder) {
    std::string table = "text,like\n";
    for (int i = 0; i < 4; ++i)
      for (const auto& text : kTexts) table += text + ",the " + text + "\n";
    test::write_bytes(folder / "train.csv", table);
    test::write_bytes(folder / "small.toml",
                      "data.train = '" + (folder / "train.csv").string() + "'\n" + R"(seed = 1
[input]
kind = "text"
column = "text"
pair = "like"
tokenizer = { kind = "words", size = 50 }
[encoder]
kind = "text"
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "embedding"
[train]
epochs = 1
batch = 5
)");
  });
}

/// The vectors that heed predict gives.
std::vector<std::vector<float>> predicted(const std::string& model) {
  const auto result = run({"predict", model, "-", "--json"}, {.input = lines(kTexts)});
  EXPECT_EQ(result.code, 0) << result.err;
  std::vector<std::vector<float>> all;
  std::istringstream text(result.out);
  for (std::string line; std::getline(text, line);) all.push_back(Json::parse(line).at("vector"));
  return all;
}

TEST(Embed, APipeIsReadInTheFormatThatTheCallNames) {
  const auto trained = embed_model();
  std::string table = "text\n";
  for (const auto& text : kTexts) table += text + "\n";
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "x.csv", table);
  const auto of_file = run({"embed", trained.model, (folder / "x.csv").string()});
  ASSERT_EQ(of_file.code, 0) << of_file.err;
  const auto of_pipe =
      run({"embed", trained.model, "-", "--set", "data.format=csv"}, {.input = table});
  auto expected = of_file.out;
  const auto file = (folder / "x.csv").string();
  for (size_t at; (at = expected.find(file)) != std::string::npos;)
    expected.replace(at, file.size(), "standard input");
  EXPECT_EQ(of_pipe.out, expected) << of_pipe.err;
  const auto of_text = run({"map", trained.model, "red house", "--set", "data.format=csv"});
  EXPECT_EQ(of_text.code, 2);
  EXPECT_THAT(of_text.err, HasSubstr("--set data.format says how a file is read"));
}

TEST(Embed, ALineAnInputInOrder) {
  const auto model = embed_model().model;
  const auto expected = predicted(model);
  const auto result = run({"embed", model}, {.input = lines(kTexts)});
  EXPECT_EQ(result.code, 0) << result.err;
  std::istringstream text(result.out);
  size_t i = 0;
  for (std::string line; std::getline(text, line); ++i) {
    const auto json = Json::parse(line);
    EXPECT_EQ(json.at("input"), kTexts.at(i));
    EXPECT_EQ(json.at("vector").get<std::vector<float>>(), expected.at(i)) << i;
  }
  EXPECT_EQ(i, kTexts.size());
}

TEST(Embed, FilesHoldTheSameVectors) {
  const auto model = embed_model().model;
  const auto expected = predicted(model);
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "texts.txt", lines(kTexts));
  for (const char* name : {"v.npy", "v.safetensors", "v.jsonl"}) {
    const auto file = (folder / name).string();
    const auto result = run({"embed", model, (folder / "texts.txt").string(), "--output", file});
    EXPECT_EQ(result.code, 0) << name << result.err;
    EXPECT_EQ(result.out, "") << name;
  }
  const auto npy = read_text(folder / "v.npy");
  ASSERT_EQ(npy.size(), 128u + 5 * 8 * 4);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(0, std::memcmp(expected[i].data(), npy.data() + 128 + 32 * i, 32)) << i;
  const auto safetensors = read_text(folder / "v.safetensors");
  EXPECT_THAT(safetensors,
              HasSubstr(R"("embeddings":{"data_offsets":[0,160],"dtype":"F32","shape":[5,8]})"));
  EXPECT_EQ(safetensors.substr(safetensors.size() - 160), npy.substr(128));
  const auto jsonl = read_text(folder / "v.jsonl");
  EXPECT_EQ(std::count(jsonl.begin(), jsonl.end(), '\n'), 5);
}

TEST(Embed, SearchListsTheNearestFirst) {
  const auto model = embed_model().model;
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "all.txt", lines(kTexts));
  const auto all = (folder / "all.txt").string();
  const auto found = run({"embed", model, "-", "--search", all, "--top", "2", "--json"},
                         {.input = "green boat\nblue\n"});
  EXPECT_EQ(found.code, 0) << found.err;
  std::istringstream text(found.out);
  std::string first, second;
  std::getline(text, first), std::getline(text, second);
  const auto json = Json::parse(first);
  EXPECT_EQ(json.at("input"), "green boat");
  ASSERT_EQ(json.at("found").size(), 2u);
  EXPECT_EQ(json["found"][0]["text"], "green boat");
  EXPECT_NEAR(json["found"][0]["cosine"].get<double>(), 1, 1e-5);
  EXPECT_LE(json["found"][1]["cosine"], json["found"][0]["cosine"]);
  EXPECT_THAT(json["found"][0]["place"].get<std::string>(), HasSubstr("all.txt:4"));
  EXPECT_EQ(Json::parse(second)["found"][0]["text"], "blue");

  const auto plain = run({"embed", model, "--search", all, "--top", "1"}, {.input = "blue\n"});
  EXPECT_EQ(plain.out, "1.0000\t" + all + ":2\tblue\n\n");
  const auto default_top = run({"embed", model, "--search", all}, {.input = "blue\n"});
  EXPECT_EQ(std::count(default_top.out.begin(), default_top.out.end(), '\n'), 6);
}

TEST(Embed, RefusesWhatItWouldIgnore) {
  const auto model = embed_model().model;
  const auto refused = [&](const std::vector<std::string>& flags, int code, const char* says) {
    std::vector<std::string> arguments = {"embed", model};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto result = run(arguments, {.input = "blue\n"});
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  refused({"--top", "3"}, 2, "--search");
  refused({"--json"}, 2, "as JSON anyway");
  refused({"--output", "v.csv"}, 2, ".npy, .safetensors or .jsonl");
  refused({"--output", "v.npy", "--search", "x.txt"}, 2, "give one of them");
  refused({"--search", "absent.txt"}, 5, "absent.txt");
}

TEST(Embed, TruncateCutsAndSaysHowMuch) {
  const auto model = embed_model().model;
  const std::vector<std::string> limited = {"embed", model, "--set", "input.max_length=4"};
  const auto refused =
      run({"embed", model, "--set", "input.max_length=6"}, {.input = lines(kTexts)});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, testing::AllOf(HasSubstr("standard input:3"), HasSubstr("9 tokens"),
                                          HasSubstr("max_length = 6"), HasSubstr("--truncate")));
  auto cutting = limited;
  cutting.push_back("--truncate");
  const auto cut = run(cutting, {.input = lines(kTexts)});
  EXPECT_EQ(cut.code, 0) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("2 texts were cut to input.max_length = 4 tokens: 6 tokens were "
                                 "cut off, and the longest had 9"));
  const auto unlimited = run({"embed", model, "--truncate"}, {.input = lines(kTexts)});
  EXPECT_EQ(unlimited.code, 2);
  EXPECT_THAT(unlimited.err, HasSubstr("no such limit"));
}

TEST(Embed, AMapSaysHowLongTheVectorIs) {
  const auto map = run({"map", embed_model().model, "red house"});
  EXPECT_EQ(map.code, 0) << map.err;
  EXPECT_THAT(map.out, HasSubstr("red house \u2192 a vector of 8 numbers"));
}

TEST(Embed, AModelWithoutVectorsSaysWhatItHas) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "train.csv", "height,side\n1,left\n2,right\n3,left\n4,right\n");
  test::write_bytes(folder / "r.toml", "data.train = '" + (folder / "train.csv").string() + R"('
seed = 1
[input]
kind = "table"
[encoder]
kind = "table"
width = 4
layers = 1
attention = { num_heads = 1 }
[head]
kind = "class"
column = "side"
[train]
epochs = 1
)");
  const auto model = (folder / "model").string();
  ASSERT_EQ(run({"train", (folder / "r.toml").string(), "--set", "out=" + model}).code, 0);
  const auto result = run({"embed", model, (folder / "train.csv").string()});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("no head 'embedding'"));
}

}  // namespace
}  // namespace heed
