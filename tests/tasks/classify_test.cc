// The classifier as a library user meets it.
#include "heed/tasks/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/data/loader.h"

namespace heed {
namespace {

using testing::HasSubstr;

ClassifyRecipe recipe_of(const std::string& more = "") {
  return read_recipe<ClassifyRecipe>(RecipeFile::parse(R"(
data.classes = ["cat", "dog", "bird"]
data.shape = [1, 8, 12]
data.normalize = { mean = [0.5], std = [0.25] }
model.encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }
)" + more,
                                                       "recipe.toml"));
}

data::Image grey(int64_t height, int64_t width, uint8_t value) {
  return {{1, height, width}, std::vector<uint8_t>(static_cast<size_t>(height * width), value)};
}

TEST(Classifier, NormalisesWhatItReads) {
  Classifier classifier(recipe_of());
  const auto input = classifier.input(grey(8, 12, 255), "x.png");
  EXPECT_EQ(input.sizes(), at::IntArrayRef({1, 1, 8, 12}));
  EXPECT_TRUE(at::allclose(input, at::full_like(input, (1 - 0.5) / 0.25)));
}

TEST(Classifier, ProbabilitiesAreThat) {
  Classifier classifier(recipe_of());
  const auto one = classifier.input(grey(8, 12, 10), "a"),
             two = classifier.input(grey(8, 12, 200), "b");
  const auto p = classifier.probabilities(at::cat({one, two}));
  EXPECT_EQ(p.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_TRUE(at::allclose(p.sum(1), at::ones({2})));
  EXPECT_FALSE(p.requires_grad());
}

TEST(Classifier, RefusesAnImageOfAnotherShapeUnlessTheRecipeResizes) {
  Classifier strict(recipe_of());
  try {
    strict.input(grey(28, 28, 0), "shoe.png");
    ADD_FAILURE() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("shoe.png: the image is 1 x 28 x 28"));
    EXPECT_THAT(error.what(), HasSubstr("1 x 8 x 12"));
  }
  Classifier resizing(recipe_of("data.size = [8, 12]"));
  EXPECT_EQ(resizing.input(grey(28, 28, 0), "shoe.png").size(3), 12);
}

/// A folder of three classes with a colour image of noise each, 15 x 20 pixels.
void write_pictures(const test::TempFolder& folder) {
  torch::manual_seed(7);
  for (const char* name : {"cat", "dog", "bird"}) {
    const auto values = torch::randint(256, {15 * 20 * 3}, at::kByte);
    const auto* first = values.data_ptr<uint8_t>();
    folder.write(std::string(name) + "/a.png",
                 test::png({15, 20, 2, 8, test::Bytes(first, first + values.numel())}));
  }
}

TEST(Classifier, ReadsAFileAsTrainingDoes) {
  // Grey and 8 x 12 pixels: which comes first changes pixels.
  const test::TempFolder folder;
  write_pictures(folder);
  Classifier classifier(recipe_of("data.size = [8, 12]\ndata.channels = 1"));
  data::Loader loader(classifier.open(folder.path()),
                      {.batch = 3, .normalize = classifier.recipe().data.normalize});
  const auto batch = loader.next();
  ASSERT_TRUE(batch);
  for (int64_t i = 0; i < 3; ++i) {
    const auto label = static_cast<size_t>(batch->labels[i].item<int64_t>());
    const auto file = folder.path() / classifier.classes()[label] / "a.png";
    EXPECT_TRUE(batch->images[i].equal(classifier.input(data::read_image(file), "a.png")[0]));
  }
}

TEST(ClassifyTask, WorkersChangeNothing) {
  const test::TempFolder folder;
  write_pictures(folder);
  const auto losses = [&](const std::string& workers) {
    const auto task =
        make_task(recipe_of("data.size = [8, 12]\ndata.channels = 1\n"
                            "data.augment = { flip = true, shift = 2 }\n"
                            "train.batch = 1\ndata.workers = " +
                            workers + "\ndata.train = '" + folder.path().string() + "'\n"));
    task->model().eval();
    std::vector<double> all;
    for (int i = 0; i < 7; ++i) all.push_back(task->next().loss.item<double>());
    return all;
  };
  const auto one = losses("1");
  EXPECT_EQ(losses("3"), one);
  EXPECT_EQ(losses("0"), one) << "as many as there are threads";
  EXPECT_THROW(recipe_of("data.workers = -1"), ModelError);
}

TEST(Classifier, WantsACompleteRecipe) {
  auto recipe = recipe_of();
  recipe.data.shape.clear();
  EXPECT_THROW(Classifier{recipe}, ModelError);
  recipe = recipe_of();
  recipe.data.images.classes.clear();
  EXPECT_THROW(Classifier{recipe}, ModelError);
}

TEST(Evaluation, AccuracyIsTheDiagonal) {
  Evaluation evaluation{.records = 8, .confusion = at::tensor({3, 1, 2, 2}).view({2, 2})};
  EXPECT_DOUBLE_EQ(evaluation.accuracy(), 5.0 / 8);
}

}  // namespace
}  // namespace heed
