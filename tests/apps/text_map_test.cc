// Maps and alignments of a small translator, as a user asks for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

/// Two pairs, over and over, in `folder`, and a recipe that looks at them.
void write_two_pairs(const std::filesystem::path& folder) {
  std::string source, target;
  for (int i = 0; i < 60; ++i) {
    source += i % 2 ? "eins zwei drei\n" : "drei f\u00fcnf\n";
    target += i % 2 ? "one two three\n" : "three five\n";
  }
  const auto sources = folder / "a.de", targets = folder / "a.en";
  write_bytes(sources, source), write_bytes(targets, target);
  const std::string files = "[\"" + sources.string() + "\", \"" + targets.string() + "\"]";
  write_bytes(folder / "small.toml", "[data]\ntrain = " + files + "\nvalid = " + files + R"(
[input]
kind = "parallel"
source = { kind = "words" }
target = { kind = "words" }
[head]
kind = "text"
generate = { max_length = 8 }
encoder_layers = 1
decoder_layers = 2
width = 16
hidden = 16
encoder_attention = { position = "sinusoidal", num_heads = 2 }
decoder_attention = { position = "sinusoidal", masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[train]
epochs = 1
batch = 200
)");
}

class TextMap : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = train_once("text_map", write_two_pairs); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static Result map(std::vector<std::string> words) {
    words.insert(words.begin(), {"map", trained_.model});
    return run(words);
  }

  static inline Trained trained_;
  TemporaryFolder folder_;
};

TEST_F(TextMap, DrawsInTheTerminal) {
  const auto result = map({"eins zwei", "--target", "one two", "--layer", "cross 1"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("cross 1 head 2"));
  EXPECT_THAT(result.out, StartsWith("eins zwei \u2192 one two\n"));
  EXPECT_THAT(map({trained_.file("a.de") + ":1"}).out, HasSubstr("cross 2 mean"));
}

TEST_F(TextMap, JsonHasAllWeightsAndTheAlignment) {
  const auto result = map({"drei f\u00fcnf", "--target", "three five", "--alignment", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto said = json::parse(result.out);
  ASSERT_EQ(said["maps"].size(), 5u);
  const auto& cross = said["maps"][2];
  EXPECT_EQ(cross["title"], "cross 1");
  EXPECT_EQ(cross["rows"].size(), 3u);
  EXPECT_EQ(cross["heads"][1]["weights"].size(), 3u);
  double sum = 0;
  for (const double weight : cross["mean"][1]) sum += weight;
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_EQ(said["alignment"]["target_words"], json({"three", "five"}));
  EXPECT_EQ(said["alignment"]["weights_of"], "cross 1 mean");
}

TEST_F(TextMap, AlignmentBeginsWithPharaohsLine) {
  const auto result = map({"drei f\u00fcnf", "--target", "three five", "--alignment"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out.substr(0, result.out.find('\n')),
              testing::MatchesRegex("[01]-[01] [01]-[01]"));
}

TEST_F(TextMap, ReadsTheFirstLineOfStandardInput) {
  const auto given = map({"eins zwei", "--json"});
  const auto read = run({"map", trained_.model, "-", "--json"}, {.input = "eins zwei\r\nacht\n"});
  EXPECT_TRUE(read.out == given.out) << read.err;
  const auto none = run({"map", trained_.model, "-"}, {.input = ""});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("ends before a line"));
}

TEST_F(TextMap, WritesFiles) {
  const auto result = map({"drei", "--png", path("map.png"), "--svg", path("map.svg"), "--pdf",
                           path("map.pdf"), "--html", path("map.html")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(read_bytes(path("map.png")).substr(1, 3), "PNG");
  EXPECT_THAT(read_bytes(path("map.svg")), HasSubstr("rotate(-90)"));
  EXPECT_THAT(read_bytes(path("map.pdf")), StartsWith("%PDF-"));
  EXPECT_THAT(read_bytes(path("map.html")), StartsWith("<!doctype html>"));
}

TEST_F(TextMap, WritesWeightsAsAnArray) {
  const auto result = map(
      {"drei f\u00fcnf", "--target", "three five", "--layer", "cross", "--npy", path("map.npy")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const auto bytes = read_bytes(path("map.npy"));
  EXPECT_THAT(bytes, StartsWith("\x93NUMPY"));
  EXPECT_THAT(bytes, HasSubstr("'descr': '<f4'"));
  const auto said = json::parse(
      map({"drei f\u00fcnf", "--target", "three five", "--layer", "cross", "--json"}).out);
  const size_t rows = said["maps"][0]["rows"].size(), columns = said["maps"][0]["columns"].size();
  EXPECT_THAT(bytes,
              HasSubstr("(2, 2, " + std::to_string(rows) + ", " + std::to_string(columns) + ")"));
  std::vector<float> values(2 * 2 * rows * columns);
  std::memcpy(values.data(), bytes.data() + bytes.size() - 4 * values.size(), 4 * values.size());
  EXPECT_FLOAT_EQ(values[1], said["maps"][0]["heads"][0]["weights"][0][1].get<float>());
  EXPECT_FLOAT_EQ(values.back(),
                  said["maps"][1]["heads"][1]["weights"][rows - 1][columns - 1].get<float>());
  const auto other = map({"drei f\u00fcnf eins zwei", "--npy", path("other.npy")});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("choose --layer"));
}

TEST_F(TextMap, DrawsOtherViews) {
  const auto svg_of = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"eins zwei", "--svg", path("view.svg"), "--view"});
    const auto result = map(words);
    EXPECT_EQ(result.code, 0) << result.err;
    return read_bytes(path("view.svg"));
  };
  EXPECT_THAT(svg_of({"overview"}), HasSubstr(">decoder 2</text>"));
  EXPECT_THAT(svg_of({"tokens"}), HasSubstr("mean over queries and heads"));
  EXPECT_THAT(svg_of({"lines", "--layer", "cross 1"}), HasSubstr("<path"));
  const auto tokens = map({"eins zwei", "--view", "tokens"});
  EXPECT_EQ(tokens.code, 0) << tokens.err;
  EXPECT_THAT(tokens.out, HasSubstr("eins zwei"));
}

TEST_F(TextMap, RefusesViewsThatCannotBe) {
  const auto said = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "eins zwei");
    const auto result = map(words);
    EXPECT_EQ(result.code, 2);
    return result.err;
  };
  EXPECT_THAT(said({"--view", "line"}), HasSubstr("did you mean 'lines'?"));
  EXPECT_THAT(said({"--view", "overview"}), HasSubstr("add --png"));
  EXPECT_THAT(said({"--view", "tokens", "--json"}), HasSubstr("--view is of what is drawn"));
  EXPECT_THAT(said({"--view", "tokens", "--sinks"}), HasSubstr("--sinks is of --view heat"));
  EXPECT_THAT(said({"--view", "lines", "--png", path("x.png")}), HasSubstr("choose it by --layer"));
  EXPECT_THAT(said({"--view", "lines", "--alignment", "--png", path("x.png")}),
              HasSubstr("choose one"));
}

TEST_F(TextMap, NamesWhatThereIs) {
  const auto result = map({"drei", "--layer", "cross 9"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("cross 1, decoder 2, cross 2"));
  EXPECT_THAT(map({trained_.file("a.de") + ":61"}).err, HasSubstr("expected 1..60"));
}

}  // namespace
}  // namespace heed::test
