// What `heed recipe` prints, and docs/recipes.md, which is made by it.
#include "heed/tasks/recipe_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/core/error.h"
#include "heed/tasks/recipe.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

TEST(RecipeReference, TheDocumentIsUpToDate) {
  EXPECT_TRUE(read_bytes(std::filesystem::path(HEED_SOURCE_DIR) / "docs/recipes.md") ==
              recipe_reference())
      << "docs/recipes.md is stale: build/release/heed recipe --reference > docs/recipes.md";
}

TEST(RecipeReference, NamesKeysThatComeByAnotherValue) {
  const auto text = recipe_reference();
  EXPECT_THAT(text, HasSubstr("| `optimizer.weight_decay` | "));
  EXPECT_THAT(text, HasSubstr("; where `schedule.kind = plateau` |"));
  EXPECT_THAT(text, HasSubstr("| `quoting` | "));
  for (const auto& [kind, make] : registry<Head>())
    EXPECT_THAT(text, HasSubstr("## [head] kind = \"" + kind + "\""));
}

TEST(RecipeReference, ATemplateIsACompleteRecipe) {
  const auto text = recipe_template("text", "", "class");
  EXPECT_THAT(text, HasSubstr("[train]\n"));
  EXPECT_THAT(text, HasSubstr("holdout = 0.0  # share of train that is held out"));
  EXPECT_THAT(text, HasSubstr("; at least 0 and below 1"));
  auto recipe = Recipe::read(RecipeFile::parse(text, "template"));
  EXPECT_EQ(recipe_template("text", "text", "class"), text);
  EXPECT_EQ(recipe.heads.front().kind, "class");
}

TEST(RecipeReference, UnknownPartsNameTheNearest) {
  try {
    recipe_template("txet", "", "class");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no input 'txet', did you mean 'text'?"));
  }
  EXPECT_THROW(recipe_template("text", "x", "class"), UsageError);
  EXPECT_THROW(recipe_template("text", "", "clas"), UsageError);
}

}  // namespace
}  // namespace heed::test
