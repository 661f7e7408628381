// Folders written again: the same tensors under the same names, and a head that was trained since.
#include <nlohmann/json.hpp>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/error.h"

namespace heed {
namespace {

class GoldenWrittenAgain : public testing::TestWithParam<const char*> {};

TEST_P(GoldenWrittenAgain, HasTheSameTensors) {
  HEED_NEEDS_GOLDEN(GetParam());
  const test::TemporaryFolder here;
  const auto folder = test::golden_folder(GetParam());
  const auto model = read_pretrained(folder);
  write_pretrained(here / "again", model);
  auto theirs = read_pretrained_files(folder).tensors;
  auto ours = read_pretrained_files(here / "again").tensors;
  std::map<std::string, at::Tensor> written(ours.begin(), ours.end());
  for (const auto& [name, tensor] : theirs) {
    ASSERT_TRUE(written.contains(name)) << name;
    EXPECT_EQ(written.at(name).sizes(), tensor.sizes()) << name;
    EXPECT_LE((written.at(name) - tensor).abs().max().item<double>(), 2e-7) << name;
    written.erase(name);
  }
  EXPECT_TRUE(written.empty()) << written.begin()->first;
  const auto again = read_pretrained(here / "again");
  EXPECT_EQ(again.recipe, model.recipe);
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenWrittenAgain,
                         testing::Values("bert", "bert_token_classification", "roberta", "gpt2",
                                         "llama", "qwen3", "t5", "t5_gated", "marian", "vit",
                                         "whisper", "modernbert", "gemma2", "gemma3"));

TEST(GoldenWritten, ANewHeadIsNamed) {
  HEED_NEEDS_GOLDEN("bert");
  const test::TemporaryFolder here;
  auto model = read_pretrained(test::golden_folder("bert"));
  model.recipe = model.recipe.substr(0, model.recipe.find("[head]")) +
                 "[head]\nkind = \"class\"\ndense = { activation = \"tanh\" }\n";
  model.others["classes.json"] = R"({"classes": ["bad", "good"], "counts": [1, 1]})";
  for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<int64_t>>>{
           {"head.dense.linear.weight", {48, 48}},
           {"head.dense.linear.bias", {48}},
           {"head.linear.weight", {2, 48}},
           {"head.linear.bias", {2}}})
    model.tensors.emplace_back(name, at::randn(shape));
  const auto files = to_pretrained(model);
  const auto config = nlohmann::json::parse(files.config);
  EXPECT_EQ(config["architectures"][0], "BertForSequenceClassification");
  EXPECT_EQ(config["id2label"]["1"], "good");
  const auto again = from_pretrained(files);
  EXPECT_EQ(again.tensors.size(), model.tensors.size());
  model.others.erase("config.json");
  EXPECT_THROW(to_pretrained(model), ModelError);
}

}  // namespace
}  // namespace heed
