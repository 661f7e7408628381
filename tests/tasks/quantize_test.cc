#include "heed/tasks/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/models/summary.h"
#include "heed/tasks/export.h"
#include "heed/tasks/predictor.h"
#include "heed/train/model_folder.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;

class Quantize : public test::CellRuns {
 protected:
  std::string reviews(int64_t width) const {
    std::string text = "text,class\n";
    for (int i = 0; i < 24; ++i)
      text += (i % 2 ? "a good film number " : "a dull film number ") + std::to_string(i % 7) +
              (i % 2 ? ",for\n" : ",against\n");
    test::write_bytes(folder_ / "train.csv", text);
    return "seed = 1\ndata.train = '" + path("train.csv") + "'\ndata.valid = '" +
           path("train.csv") + R"('
[input]
kind = "text"
column = "text"
tokenizer = { kind = "words", size = 50 }
[encoder]
kind = "text"
layers = 2
width = )" +
           std::to_string(width) + R"(
attention = { num_heads = 2 }
[head]
kind = "class"
column = "class"
[train]
max_steps = 4
batch = 200
)";
  }

  std::string trained(const std::string& recipe) const {
    run(Recipe::read(RecipeFile::parse(recipe, "recipe.toml")), "run");
    return path("run");
  }
};

TEST_F(Quantize, WritesAFolderThatAnswersAlmostAlikeAndSaysHowFar) {
  const auto model = trained(reviews(64));
  const auto made = quantize_model(model, path("int8"));
  EXPECT_EQ(made.weights, 2 * 4);  // query, key and value; output; up; down
  EXPECT_THAT(made.stay, testing::Contains(HasSubstr("head.")));
  EXPECT_LT(made.bytes_written, made.bytes / 2);
  EXPECT_EQ(made.difference.examples, 24);
  EXPECT_GT(made.difference.outputs, 0);
  EXPECT_LT(made.difference.outputs, 0.1);
  EXPECT_GT(made.difference.same_largest, 0.9);
  EXPECT_TRUE(made.difference.has_maps);
  EXPECT_GT(made.difference.most_maps, 0);
  EXPECT_LT(made.difference.most_maps, 0.05);
  EXPECT_NEAR(metric(made.before, "accuracy"), metric(made.behind, "accuracy"), 0.1);

  const auto files = verify_model(path("int8"));
  EXPECT_TRUE(std::all_of(files.begin(), files.end(),
                          [](const auto& file) { return file.second == FileState::verified; }));
  const auto report = nlohmann::json::parse(test::read_bytes(folder_ / "int8" / "quantize.json"));
  EXPECT_EQ(report["int8"]["accuracy"], metric(made.behind, "accuracy"));

  auto before = Predictor::load(model), behind = Predictor::load(path("int8"));
  const auto examples = before.stream({path("train.csv")})->next(3);
  EXPECT_NE(before.predict(examples)[0][0].json, behind.predict(examples)[0][0].json);
  const auto summary = summarize(behind.module(), [&] { behind.run_example(); });
  EXPECT_EQ(std::count_if(summary.rows.begin(), summary.rows.end(),
                          [](const auto& row) { return row.kind == "Linear int8"; }),
            made.weights);
}

TEST_F(Quantize, Bfloat16RoundsTheWeightsAndNothingElse) {
  const auto model = trained(reviews(64));
  const auto made = quantize_model(model, path("half"), {}, SmallWeights::bfloat16);
  EXPECT_EQ(made.weights, 2 * 4);
  EXPECT_EQ(made.bytes - made.bytes_written, static_cast<uint64_t>(2 * made.numbers));
  EXPECT_GT(made.difference.outputs, 0);
  EXPECT_LT(made.difference.outputs, 0.01);
  const auto report = nlohmann::json::parse(test::read_bytes(folder_ / "half" / "quantize.json"));
  EXPECT_EQ(report["bfloat16"]["accuracy"], metric(made.behind, "accuracy"));

  auto before = Predictor::load(model), behind = Predictor::load(path("half"));
  int64_t rounded = 0;
  for (const auto& item : behind.module().named_parameters()) {
    const auto given = before.module().named_parameters()[item.key()];
    EXPECT_EQ(item.value().scalar_type(), at::kFloat);
    if (item.value().equal(given)) continue;
    EXPECT_TRUE(item.value().equal(given.to(at::kBFloat16).to(at::kFloat))) << item.key();
    ++rounded;
  }
  EXPECT_EQ(rounded, made.weights);
  EXPECT_THAT(test::message_of<ModelError>(
                  [&] { quantize_model(path("half"), path("again"), {}, SmallWeights::bfloat16); }),
              HasSubstr("bfloat16's already"));
}

TEST_F(Quantize, RefusesWhatIsNotToBeHadOfSuchAFolder) {
  const auto model = trained(reviews(64));
  quantize_model(model, path("int8"));
  const auto refused = [](const auto& call) { return test::message_of<ModelError>(call); };
  EXPECT_THAT(refused([&] { quantize_model(path("int8"), path("again")); }),
              HasSubstr("is of 8 bits already"));
  EXPECT_THAT(refused([&] { export_model(path("int8"), path("theirs")); }),
              HasSubstr("needs float32"));
  auto file = RecipeFile::parse(reviews(64), "recipe.toml");
  file.set("model.from=\"" + path("int8") + "\"");
  EXPECT_THAT(refused([&] { Recipe::read(file); }), HasSubstr("training needs float32"));
  EXPECT_THAT(test::message_of<UsageError>([&] { quantize_model(model, path("int8")); }),
              HasSubstr("is not empty"));
}

TEST_F(Quantize, RefusesAModelWithoutAWeightThatIsWorthIt) {
  const auto model = trained(reviews(16));
  EXPECT_THAT(test::message_of<ModelError>([&] { quantize_model(model, path("int8")); }),
              HasSubstr("64"));
  EXPECT_FALSE(std::filesystem::exists(path("int8")));
}

TEST_F(Quantize, AModelThatWritesMultipliesItsOutputMatrixIn8BitsToo) {
  std::string source, target;
  for (int i = 0; i < 30; ++i) {
    source += "eins zwei " + std::to_string(i % 9) + " drei\n";
    target += "one two " + std::to_string(i % 9) + " three\n";
  }
  test::write_bytes(folder_ / "a", source), test::write_bytes(folder_ / "b", target);
  const auto data = "[\"" + path("a") + "\", \"" + path("b") + "\"]\n";
  const auto model = trained("seed = 1\ndata.train = " + data + "data.valid = " + data + R"([input]
kind = "parallel"
source = { kind = "words", size = 200 }
target = { kind = "words", size = 200 }
[head]
kind = "text"
model = "transformer"
encoder_layers = 1
decoder_layers = 1
width = 64
hidden = 64
encoder_attention = { num_heads = 2 }
decoder_attention = { masks = ["causal"], num_heads = 2 }
cross_attention = { num_heads = 2 }
[head.generate]
max_length = 4
[head.metric]
kind = "bleu"
[train]
max_steps = 3
batch = 300
)");
  const auto made = quantize_model(model, path("int8"));
  EXPECT_GE(made.weights, 2 + 2 + 4 + 2);
  EXPECT_LT(made.difference.outputs, 0.1);
  EXPECT_TRUE(made.difference.has_maps);
}

}  // namespace
}  // namespace heed
