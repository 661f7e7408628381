// heed map and heed summary as a user meets them: a small trained model, its
// images, its recipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "files.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class MapVerb : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = train_once("map", write_small_set, {"--set", "train.epochs=1"});
    test_ = trained_.file("test");
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// heed map MODEL IMAGE ...
  static Result map(std::vector<std::string> words, const RunOptions& options = {}) {
    words.insert(words.begin(), {"map", trained_.model, test_ + ":3"});
    return run(words, options);
  }

  static inline Trained trained_;
  static inline std::string test_;  ///< images
  TemporaryFolder folder_;
};

double sum(const json& grid) {
  double total = 0;
  for (const auto& row : grid) {
    for (const auto& value : row) total += value.get<double>();
  }
  return total;
}

TEST_F(MapVerb, JsonHoldsThePredictionAndEveryWeight) {
  const auto result = map({"--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const auto all = json::parse(result.out);
  double total = 0;
  for (const auto& entry : all["top"]) total += entry["probability"].get<double>();
  EXPECT_NEAR(total, 1, 1e-6);
  EXPECT_EQ(all["top"].size(), 4u);
  EXPECT_EQ(all["class"], all["top"][0]["class"]);
  EXPECT_TRUE(all["expected"].is_string()) << "the label of an image that has one";
  ASSERT_FALSE(all["maps"].empty());
  for (const auto& map : all["maps"]) {
    EXPECT_EQ(map["mean"].size(), all["grid"]["rows"]);
    EXPECT_EQ(map["mean"][0].size(), all["grid"]["columns"]);
    for (const auto& head : map["heads"]) {
      EXPECT_GT(sum(head["weights"]), 0);
      EXPECT_LT(sum(head["weights"]), 1 + 1e-5);
    }
  }
}

TEST_F(MapVerb, DrawsInTheTerminalAsAsked) {
  const auto plain = map({});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("head 1"));
  EXPECT_EQ(plain.out.find('\x1b'), std::string::npos);
  EXPECT_THAT(map({"--colour", "24bit"}).out, HasSubstr("\x1b[38;2;"));
  EXPECT_THAT(map({"--colour=256"}).out, HasSubstr("\x1b[38;5;"));
  const auto wide = map({}, {.environment = {{"COLUMNS", "300"}}});
  EXPECT_NE(wide.out, plain.out);
  const auto wrong = map({"--colour=265"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean '256'?"));
}

TEST_F(MapVerb, WritesPngAndSvg) {
  const auto result = map({"--png", path("map.png"), "--svg", path("map.svg")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(read_bytes(path("map.png")), StartsWith("\x89PNG"));
  const auto svg = read_bytes(path("map.svg"));
  EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
  // No letter of a font is a tab.
  const auto answer = json::parse(map({"--json"}).out)["class"].get<std::string>();
  EXPECT_THAT(svg, HasSubstr(">" + answer + "  0."));
  EXPECT_EQ(map({"--png", path("no/such/folder.png")}).code, 5);
}

TEST_F(MapVerb, WritesPdfHtmlAndNpy) {
  const auto result =
      map({"--pdf", path("map.pdf"), "--html", path("map.html"), "--npy", path("map.npy")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(read_bytes(path("map.pdf")), StartsWith("%PDF-"));
  EXPECT_THAT(read_bytes(path("map.html")), HasSubstr("data-grid"));
  EXPECT_THAT(read_bytes(path("map.npy")), StartsWith("\x93NUMPY"));
  const auto view = map({"--view", "tokens"});
  EXPECT_EQ(view.code, 2);
  EXPECT_THAT(view.err, HasSubstr("the model looks at an image"));
}

TEST_F(MapVerb, WithoutFontsTheTerminalStillWorks) {
  write_bytes(path("none.conf"), "<?xml version=\"1.0\"?><fontconfig></fontconfig>");
  const RunOptions without{.environment = {{"FONTCONFIG_FILE", path("none.conf")}}};
  EXPECT_EQ(map({}, without).code, 0);
  const auto drawn = map({"--png", path("map.png")}, without);
  EXPECT_EQ(drawn.code, 5);
  EXPECT_THAT(drawn.err, HasSubstr("fonts-dejavu-core"));
}

TEST_F(MapVerb, OneLayerOneHead) {
  const auto result = map({"--layer", "1", "--head", "2", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto one = json::parse(result.out);
  ASSERT_EQ(one["maps"].size(), 1u);
  EXPECT_EQ(one["maps"][0]["title"], "layer 1");
  ASSERT_EQ(one["maps"][0]["heads"].size(), 1u);
  EXPECT_EQ(one["maps"][0]["heads"][0]["head"], 2);
  const auto all = json::parse(map({"--json"}).out);
  EXPECT_EQ(one["maps"][0]["heads"][0], all["maps"][0]["heads"][1]);
}

TEST_F(MapVerb, WrongRequestsSayWhatThereIs) {
  const auto layer = map({"--layer", "99"});
  EXPECT_EQ(layer.code, 2);
  EXPECT_THAT(layer.err, HasSubstr("which has: layer 1"));
  const auto head = map({"--head", "99"});
  EXPECT_EQ(head.code, 2);
  EXPECT_THAT(head.err, HasSubstr("heads 1.."));
  const auto index = run({"map", trained_.model, test_ + ":100000"});
  EXPECT_EQ(index.code, 2);
  EXPECT_THAT(index.err, HasSubstr("expected 0.."));
  EXPECT_EQ(run({"map", trained_.model, path("absent.png")}).code, 5);
  EXPECT_EQ(run({"map", path("absent"), test_ + ":0"}).code, 5);
}

TEST_F(MapVerb, SummaryOfModelAndRecipeAgree) {
  const auto model = run({"summary", trained_.model, "--json"});
  const auto recipe = run({"summary", trained_.recipe, "--json"});
  ASSERT_EQ(model.code, 0) << model.err;
  ASSERT_EQ(recipe.code, 0) << recipe.err;
  EXPECT_EQ(model.out, recipe.out);
  const auto values = json::parse(model.out);
  int64_t parameters = 0;
  for (const auto& layer : values["layers"]) parameters += layer["parameters"].get<int64_t>();
  EXPECT_EQ(parameters, values["parameters"]);
  EXPECT_GT(values["operations"], 0);
  const auto table = run({"summary", trained_.model});
  EXPECT_THAT(table.out, StartsWith("layer "));
  EXPECT_THAT(table.out, HasSubstr("\ntotal "));
}

}  // namespace
}  // namespace heed::test
