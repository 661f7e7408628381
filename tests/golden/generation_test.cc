// generation_config.json: the ids that generate() of transformers 5.24 writes with many of them. The
// cases of generation_cases.jsonl were made once, greedy and with beams: a model, the row of its
// prompts, what is added to its generation_config.json, and what is written behind the prompt.
#include <fstream>
#include <nlohmann/json.hpp>

#include "golden/golden.h"
#include "heed/data/tokenizer.h"
#include "heed/train/recipe.h"
#include "tasks/heads/text_writer.h"

namespace heed {
namespace {

using Json = nlohmann::json;
using test::Golden;

std::vector<Json> generation_cases() {
  std::ifstream file(std::string(HEED_SOURCE_DIR) + "/tests/golden/generation_cases.jsonl");
  std::vector<Json> all;
  for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
  return all;
}

std::vector<int64_t> numbers_of(const at::Tensor& row) {
  const auto flat = row.to(at::kLong).contiguous();
  return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
}

struct GenerateTable {
  GenerateOptions generate;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("generate", generate, "");
  }
};

/// The table [head.generate] of a folder whose generation_config.json is that.
GenerateOptions options_of(const std::string& model, const Json& config) {
  auto files = read_pretrained_files(test::golden_folder(model));
  auto all = Json::parse(files.others.at("generation_config.json"));
  all.update(config);
  files.others["generation_config.json"] = all.dump();
  const auto recipe = from_pretrained(files).recipe;
  std::string text;
  std::istringstream lines(recipe);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) inside = line.starts_with("[head.generate");
    if (inside) text += (line.starts_with("[") ? "[" + line.substr(6) : line) + "\n";
  }
  const auto file = RecipeFile::parse(text, model);
  FieldReader reader(file);
  GenerateTable table;
  reader.read(table);
  reader.leave();
  return table.generate;
}

data::TokenizerPtr pieces(int64_t count) {
  std::string text = "<pad>\n<unk>\n<s>\n</s>\n";
  for (int64_t i = 4; i < count; ++i) text += "piece" + std::to_string(i) + "\n";
  return data::load_tokenizer({.kind = data::TokenizerKind::vocabulary}, text, "pieces");
}

class GoldenGeneration : public testing::TestWithParam<const char*> {};

TEST_P(GoldenGeneration, WritesTheSameIds) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const bool reads = golden.has("decoder_input_ids");
  const auto& ids = golden.at(reads ? "input_ids" : "generate.input_ids");
  const auto& mask = golden.at(reads ? "attention_mask" : "generate.attention_mask");
  int count = 0;
  for (const auto& one : generation_cases()) {
    if (one["model"] != GetParam()) continue;
    ++count;
    const auto row = one["row"].get<int64_t>();
    const auto given = numbers_of(ids[row].masked_select(mask[row].to(at::kBool)));
    const TextWriter writer{{golden.sequence_model()},
                            pieces(golden.sequence_model()->vocabulary()),
                            options_of(GetParam(), one["config"])};
    auto found = reads ? writer.write({given}).front().front() : writer.go_on(given).front();
    if (!reads) found.tokens.erase(found.tokens.begin(), found.tokens.begin() + std::ssize(given));
    auto expected = one["written"].get<std::vector<int64_t>>();
    if (found.ended && writer.options.stop().empty()) expected.pop_back();
    EXPECT_EQ(found.tokens, expected) << one.dump();
  }
  EXPECT_EQ(count, 20);
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenGeneration,
                         testing::Values("gpt2", "llama", "qwen3", "gemma2", "gemma3", "t5",
                                         "t5_gated", "marian"));

}  // namespace
}  // namespace heed
