// What is said of a recipe and its data before anything is trained.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "files.h"
#include "heed/core/error.h"
#include "heed/tasks/supervised.h"
#include "tasks/learned_before.h"
#include "tasks/small_cells.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string refusal(const std::string& text, const std::vector<std::string>& changes) {
  auto file = RecipeFile::parse(text, "r.toml");
  for (const auto& change : changes) file.set(change);
  try {
    Recipe::read(file);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(KeysOfOtherRecipes, AreToldWithWhatBringsThem) {
  const std::string translation =
      "input.kind = 'parallel'\n[head]\nkind = 'text'\ncross_attention = { num_heads = 2 }\n";
  EXPECT_EQ(refusal(translation, {"head.encoder_layers=0"}),
            "r.toml:4: head.cross_attention: unknown key 'cross_attention', which is there only "
            "where head.encoder_layers is above 0 (it is 0), or where head.from_encoder is true "
            "(it is false); change that or remove this key");
  EXPECT_THAT(refusal(translation, {"head.memory=5"}),
              AllOf(HasSubstr("--set head.memory=5: head.memory: unknown key 'memory', which is "),
                    HasSubstr("head.encoder_layers is 0 (it is 6)")));
  const std::string text = "input.kind = 'text'\nhead.kind = 'class'\n";
  EXPECT_EQ(refusal(text, {"data.fold=1"}),
            "--set data.fold=1: data.fold: unknown key 'fold', which is there only where "
            "data.folds is above 0 (it is 0); change that or remove this key");
  EXPECT_THAT(refusal(text, {"train.schedule.min_lr=0.1"}),
              HasSubstr("only where train.schedule.kind is \"cosine\" (it is \"constant\");"));
  EXPECT_THAT(refusal(text, {"model.layer_decay=0.5"}),
              HasSubstr("only where model.from is given;"));
}

TEST(KeysOfOtherRecipes, OfNoRecipeHaveTheNearestName) {
  const std::string text = "input.kind = 'text'\nhead.kind = 'class'\n";
  EXPECT_THAT(refusal(text, {"data.fodls=1"}), HasSubstr("'fodls', did you mean 'folds'?"));
  std::vector<std::string> many;
  for (int i = 0; i < 2000; ++i) many.push_back("data.x" + std::to_string(i) + "=1");
  EXPECT_THAT(refusal(text, many), Not(HasSubstr("only where")));
}

class Notes : public testing::Test {
 protected:
  std::vector<std::string> notes(const std::string& text, const std::vector<std::string>& changes) {
    auto file = RecipeFile::parse(text, "r.toml");
    for (const auto& change : changes) file.set(change);
    return make_task(Recipe::read(file))->notes();
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string data(const std::string& role, const std::string& name) const {
    return "data." + role + "=['" + path(name) + "']";
  }
  test::TemporaryFolder folder_;
};

TEST_F(Notes, SayThatWhatIsMeasuredWasLearned) {
  const auto text = test::small_cell("class", folder_.path());
  const auto all = test::read_bytes(folder_ / "records.csv");
  const auto of = [](const char* role) {
    return HasSubstr(std::string("data.") + role + ": all of it");
  };
  EXPECT_THAT(notes(text, {data("test", "records.csv")}), ElementsAre(of("test")));
  std::filesystem::create_symlink("records.csv", path("link.csv"));
  EXPECT_THAT(notes(text, {data("valid", "link.csv"), data("test", "link.csv")}),
              ElementsAre(of("valid"), of("test")));
  const size_t second = all.find('\n', all.find('\n') + 1) + 1;
  test::write_bytes(folder_ / "part.csv", all.substr(0, second));
  EXPECT_THAT(notes(text, {data("test", "part.csv")}), ElementsAre(of("test")));
  test::write_bytes(folder_ / "new.csv",
                    all.substr(0, second) + "a new one,b,1.5,2,red,left,tall\n");
  EXPECT_THAT(notes(text, {data("test", "new.csv"), "data.max_unknown=1"}), IsEmpty());
}

TEST_F(Notes, AlsoOfFilesWithoutRecords) {
  const auto text = test::small_cell("corpus", folder_.path());
  std::filesystem::copy(path("text.txt"), path("copy.txt"));
  EXPECT_THAT(notes(text, {data("test", "copy.txt")}), ElementsAre(HasSubstr("data.test: all")));
  auto other = test::read_bytes(folder_ / "text.txt");
  other.back() = ' ';
  test::write_bytes(folder_ / "copy.txt", other);
  EXPECT_THAT(notes(text, {data("test", "copy.txt")}), IsEmpty());
}

TEST_F(Notes, AlsoOfAFolderByAnotherPath) {
  std::filesystem::create_directory(path("images")), std::filesystem::create_directory(path("new"));
  const Source learned{"train", {path("images")}};
  EXPECT_TRUE(is_learned({"test", {path("new/../images")}}, learned));
  EXPECT_FALSE(is_learned({"test", {path("new")}}, learned));
  EXPECT_FALSE(is_learned({"test", {path("images"), path("new")}}, learned));
}

}  // namespace
}  // namespace heed
