// heed explain as a user meets it: of a small image classifier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
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

class ExplainVerb : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = train_once("explain", write_small_set, {"--set", "train.epochs=1"});
    test_ = trained_.file("test");
  }
  static Result explain(std::vector<std::string> words, const RunOptions& options = {}) {
    words.insert(words.begin(), {"explain", trained_.model, test_ + ":3"});
    return run(words, options);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static inline Trained trained_;
  static inline std::string test_;  ///< images
  TemporaryFolder folder_;
};

TEST_F(ExplainVerb, JsonHasNumbersThatAddUpAndTheTestsOfThem) {
  const auto result = explain({"--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const auto all = json::parse(result.out);
  EXPECT_EQ(all["method"], "integrated_gradients");
  EXPECT_TRUE(all["signed"].get<bool>());
  EXPECT_THAT(all["explained"].get<std::string>(), StartsWith("the logit of '"));
  ASSERT_EQ(all["values"].size(), all["tokens"].size());
  double sum = 0;
  for (const auto& value : all["values"]) sum += value.get<double>();
  EXPECT_NEAR(sum, all["value"].get<double>() - all["value_without_tokens"].get<double>(), 1e-3);
  for (const char* kind : {"explanation", "random", "raw_weights", "p_value"})
    for (const char* test :
         {"comprehensiveness", "sufficiency", "soft_comprehensiveness", "soft_sufficiency"})
      EXPECT_TRUE(all["tests"][kind][test].is_number()) << kind << " " << test;
  EXPECT_TRUE(all["tests"]["verdict"] == all["verdict"]);
  EXPECT_EQ(all["tests"]["failures"].empty(),
            !all["verdict"].get<std::string>().starts_with("FAILS"));
}

TEST_F(ExplainVerb, EveryMethodAnswers) {
  for (const char* method :
       {"raw", "averaged", "rollout", "relevance", "value_norms", "input_gradient",
        "integrated_gradients", "value_zeroing", "shapley"}) {
    const auto result = explain({"--method", method, "--no-tests", "--json"});
    ASSERT_EQ(result.code, 0) << method << ": " << result.err;
    const auto all = json::parse(result.out);
    EXPECT_EQ(all["method"], method);
    EXPECT_FALSE(all["formula"].get<std::string>().empty() ||
                 all["source"].get<std::string>().empty());
    double largest = 0;
    for (const auto& value : all["values"])
      largest = std::max(largest, std::abs(value.get<double>()));
    EXPECT_GT(largest, 0) << method;
    EXPECT_FALSE(all.contains("tests"));
  }
}

TEST_F(ExplainVerb, DrawsWhatItSaysInEveryKindOfFile) {
  const auto result = explain({"--orders", "19", "--png", path("a.png"), "--svg", path("a.svg"),
                               "--pdf", path("a.pdf"), "--html", path("a.html")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(read_bytes(path("a.png")), StartsWith("\x89PNG"));
  EXPECT_THAT(read_bytes(path("a.pdf")), StartsWith("%PDF"));
  for (const char* name : {"a.svg", "a.html"}) {
    EXPECT_THAT(read_bytes(path(name)), HasSubstr("integrated_gradients")) << name;
    EXPECT_THAT(read_bytes(path(name)),
                testing::AnyOf(HasSubstr("passes"), HasSubstr("FAILS"), HasSubstr("NOT TESTED")))
        << name;
  }
  const auto terminal = explain({"--no-tests"});
  EXPECT_THAT(terminal.out, HasSubstr("explained: the logit of"));
}

TEST_F(ExplainVerb, HeadsLayersPatchesAndEdges) {
  const auto heads = json::parse(explain({"--heads", "importance", "--json"}).out);
  const auto zero = json::parse(explain({"--heads", "zero", "--json"}).out);
  ASSERT_EQ(heads["layers"].size(), zero["layers"].size());
  EXPECT_TRUE(heads["layers"][0]["importance"].is_array());
  EXPECT_TRUE(zero["layers"][0]["change"].is_array());
  const auto layers = json::parse(explain({"--layers", "zero", "--json"}).out);
  EXPECT_EQ(layers["layers"][0]["name"], "layer 1");
  const auto mean = json::parse(explain({"--heads", "mean", "--data", test_, "--json"}).out);
  EXPECT_GT(mean["examples"].get<int>(), 2);
  const auto patched =
      json::parse(explain({"--patch", "stream", "--against", test_ + ":4", "--json"}).out);
  EXPECT_EQ(patched["shares"].size(), patched["rows"].size());
  EXPECT_EQ(patched["shares"][0].size(), patched["columns"].size());
  const auto edge = json::parse(explain({"--edge", "1:1:2:1", "--json"}).out);
  double sum = 0;
  for (const auto& part : edge["channels"]) sum += part.get<double>();
  EXPECT_NEAR(sum, edge["score"].get<double>(), 1e-9);
}

TEST_F(ExplainVerb, RefusesWhatItWouldIgnore) {
  const auto refused = [&](std::vector<std::string> words, const std::string& why) {
    const auto result = explain(words);
    EXPECT_EQ(result.code, 2) << words[0];
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_EQ(result.out, "");
  };
  refused({"--method", "rolout"}, "did you mean 'rollout'?");
  refused({"--method", "rollout", "--baseline", "mean"}, "--baseline");
  refused({"--method", "rollout", "--unit", "token"}, "--unit");
  refused({"--heads", "zero", "--method", "raw"}, "--method");
  refused({"--heads", "zero", "--layers", "zero"}, "choose one");
  refused({"--patch", "stream"}, "--against");
  refused({"--against", "x"}, "--patch");
  refused({"--data", "x"}, "--data");
  refused({"--edge", "1:1:2"}, "4 numbers");
  refused({"--edge", "1:1:2:1", "--png", path("a.png")}, "--edge");
  refused({"--target", "no class"}, "no class");
  refused({"--tokens", "1:2"}, "--tokens");
  refused({"--unit", "sentence", "--method", "shapley"}, "sentence");
  refused({"--json", "--colour", "256"}, "--colour");
  refused({"--no-tests", "--orders", "20"}, "--orders");
  refused({"--of", "mood"}, "no head 'mood'");
}

}  // namespace
}  // namespace heed::test
