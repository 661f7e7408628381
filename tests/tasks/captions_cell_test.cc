// Sentences about images with several references each: learned, measured and compared with baselines.
#include <gmock/gmock.h>

#include "cell_runs.h"
#include "data/samples.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/heads/written_baselines.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// captions.csv beside 24 images of one colour each, of four, with three captions an image.
class CaptionsCell : public test::CellRuns {
 protected:
  struct Colour {
    const char* name;
    uint8_t red, green, blue;
  };
  static constexpr Colour kColours[] = {{"red", 220, 20, 20},
                                        {"green", 20, 200, 30},
                                        {"blue", 20, 40, 210},
                                        {"white", 240, 240, 240}};

  CaptionsCell() {
    for (int i = 0; i < 24; ++i) {
      const auto& colour = kColours[i % 4];
      test::Bytes pixels;
      for (int at = 0; at < 64; ++at)
        for (const int value : {colour.red, colour.green, colour.blue})
          pixels.push_back(static_cast<uint8_t>(value + (i * 7 + at) % 15));
      const auto png = test::png({8, 8, 2, 8, pixels});
      test::write_bytes(folder_ / image(i), std::string(png.begin(), png.end()));
    }
    test::write_bytes(folder_ / "captions.csv", table(0, 24));
  }

  static std::string image(int i) { return std::to_string(i) + ".png"; }
  static std::string table(int from, int to, int captions = 3) {
    std::string text = "image,caption\n";
    for (int i = from; i < to; ++i) {
      const std::string colour = kColours[i % 4].name;
      const std::string all[] = {"there is a wall in " + colour, "the whole wall is " + colour,
                                 "a wall painted in " + colour};
      for (int c = 0; c < captions; ++c) text += image(i) + "," + all[c] + "\n";
    }
    return text;
  }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("out = ''\nseed = " + std::to_string(test::learning_seed(3)) +
                                      "\ndata.train = '" + path("captions.csv") + "'\n" + R"(
data.folds = 4
data.group = "image"
input = { kind = "image" }
encoder = { patch = 4, width = 24, layers = 1, attention = { num_heads = 2 } }
[head]
kind = "text"
column = "caption"
references = "image"
from_encoder = true
encoder_layers = 0
decoder_layers = 1
width = 24
hidden = 48
dropout = 0.0
decoder_attention = { num_heads = 2 }
cross_attention = { num_heads = 2 }
tokenizer = { kind = "words" }
generate = { max_length = 8 }
metric = { kind = "cider", tokenize = "none" }
[train]
epochs = 40
batch = 18
optimizer = { lr = 0.01 }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  std::string complaint(const std::vector<std::string>& more = {}) const {
    try {
      make_task(recipe(more));
    } catch (const DataError& error) {
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return "";
  }
};

TEST_F(CaptionsCell, LearnsSentencesThatAreMeasuredAgainstAllReferences) {
  test::write_bytes(folder_ / "captions.csv", table(0, 16));
  test::write_bytes(folder_ / "test.csv", table(16, 24));
  const auto result =
      run(recipe({"data.folds=0", "data.group=''", "data.test='" + path("test.csv") + "'"}), "run");
  const auto& measured = *result.test;
  test::expect_learned("BLEU of captions", metric(measured, "bleu"), 50, 100);
  EXPECT_GT(metric(measured, "cider"), metric(measured, "baseline_cider"));
  EXPECT_LT(metric(measured, "baseline_bleu"), 95) << "one caption names one colour of four";
  EXPECT_NEAR(metric(measured, "baseline_nearest_bleu"), 100, 1e-9) << "an image of its colour";

  auto predictor = Predictor::load(folder_ / "run");
  const auto again = predictor.evaluate({path("test.csv")});
  for (const std::string name : {"bleu", "cider", "loss", "baseline_cider", "baseline_nearest_bleu",
                                 "baseline_nearest_cider"})
    EXPECT_EQ(metric(again.metrics, name), metric(measured, name)) << name;
  EXPECT_EQ(again.examples, 24);
  EXPECT_THAT(again.details, AllOf(HasSubstr("\"pairs\":24"), HasSubstr("\"sources\":8"),
                                   HasSubstr("nrefs:3|case:mixed|tok:none")));
  ASSERT_EQ(again.outputs.size(), 24u);
  EXPECT_EQ(again.outputs[0], again.outputs[2]) << "of one image";
  EXPECT_NE(again.outputs[0], again.outputs[3]);
}

TEST_F(CaptionsCell, MeasuresWhatReferencesOfDifferentNumbersSay) {
  // The same texts are measured once by image and once each: what is written does not change.
  run(recipe({"train.epochs=1", "head.metric.kind='bleu'"}), "run");
  const auto lines = table(0, 2) + "3.png,a wall painted in white\n";
  test::write_bytes(folder_ / "few.csv", lines);
  auto grouped = Predictor::load(folder_ / "run");
  auto alone = Predictor::load(folder_ / "run", {"head.references=''"});
  const auto by_image = grouped.evaluate({path("few.csv")});
  const auto each = alone.evaluate({path("few.csv")});
  EXPECT_THAT(by_image.details, AllOf(HasSubstr("\"sources\":3"), HasSubstr("nrefs:var")));
  EXPECT_THAT(each.details, AllOf(Not(HasSubstr("sources")), HasSubstr("nrefs:1|")));
  EXPECT_EQ(by_image.outputs, each.outputs);
  EXPECT_EQ(metric(by_image.metrics, "loss"), metric(each.metrics, "loss"));
  EXPECT_GE(metric(by_image.metrics, "bleu"), metric(each.metrics, "bleu"));
}

TEST_F(CaptionsCell, FoldsKeepTheCaptionsOfAnImageTogether) {
  const auto stats = make_task(recipe())->dataset_stats();
  EXPECT_EQ(metric(stats, "train examples"), 18 * 3) << "each caption is learned";
  EXPECT_EQ(metric(stats, "test examples"), 6 * 3);
  for (const auto& more : {"data.group=''", "data.group='caption'"})
    EXPECT_THAT(complaint({more}),
                AllOf(HasSubstr("captions.csv:"), HasSubstr(".png' in the column 'image'"),
                      HasSubstr("in the training data, too"), HasSubstr("data.group = \"image\"")))
        << more;
  EXPECT_THAT(complaint({"data.folds=0", "data.holdout=0.3", "data.group=''"}),
              HasSubstr("in the training data, too"));
  test::write_bytes(folder_ / "test.csv", table(23, 24));
  EXPECT_THAT(complaint({"data.folds=0", "data.group=''", "data.test='" + path("test.csv") + "'"}),
              AllOf(HasSubstr("test.csv:2: '23.png'"), HasSubstr("training data, too")));
}

TEST_F(CaptionsCell, NamesTheRecordThatIsWrong) {
  const auto with = [&](const std::string& row) {
    test::write_bytes(folder_ / "captions.csv", table(0, 24) + row + "\n");
  };
  with(",a red wall");
  EXPECT_THAT(complaint(), AllOf(HasSubstr("captions.csv:74"), HasSubstr("'image' is empty")));
  with("25.png,a red wall");
  EXPECT_THAT(complaint(), AllOf(HasSubstr("captions.csv:74"), HasSubstr("25.png")));
  for (const auto* empty : {"3.png,", "3.png,\"  \""}) {
    with(empty);
    EXPECT_THAT(complaint(), AllOf(HasSubstr("captions.csv:74"), HasSubstr("'caption'"),
                                   HasSubstr("is empty; expected a text")));
  }
  with("3.png,a white wall");
  EXPECT_THAT(complaint({"head.references=imag"}),
              AllOf(HasSubstr("'imag'"), HasSubstr("'image'")));
}

TEST(WrittenBaselines, RefusesAFileThatIsNone) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      WrittenBaselines().load({{"written.baselines.json", text}});
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("{\"consensus\": \"a\", \"images\": []}"), "");
  EXPECT_THAT(refusal("[]"), HasSubstr("written.baselines.json"));
  EXPECT_THAT(refusal("{\"images\": []}"), HasSubstr("consensus"));
  const auto image = [](const std::string& colours) {
    return "{\"consensus\": \"a\", \"images\": [{\"text\": \"b\", \"colours\": [" + colours +
           "]}]}";
  };
  EXPECT_THAT(refusal(image("1, 2")), AllOf(HasSubstr("colours"), HasSubstr("48")));
  EXPECT_THAT(refusal(image("256")), AllOf(HasSubstr("colours"), HasSubstr("255")));
}

}  // namespace
}  // namespace heed
