// Embeddings with more rows than the tokenizer has tokens, as Qwen's and T5's have, and with fewer, as where a token was
// added for another model.
#include <nlohmann/json.hpp>
#include <sstream>

#include "files.h"
#include "golden/golden.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/tasks/predictor.h"

namespace heed {
namespace {

using nlohmann::json;

/// A golden folder with the first `rows` of its embeddings; those that it has not are like row 5,
/// whose logit is then met first.
void write_rows(const std::filesystem::path& folder, const std::string& name, int64_t rows) {
  std::filesystem::copy(test::golden_folder(name), folder);
  auto config = json::parse(read_text(folder / "config.json"));
  const int64_t before = config["vocab_size"];
  config["vocab_size"] = rows;
  test::write_bytes(folder / "config.json", config.dump());
  auto tensors = read_safetensors(folder / "model.safetensors").tensors;
  for (auto& [own, tensor] : tensors) {
    if (tensor.dim() != 2 || tensor.size(0) != before) continue;
    const auto more = tensor.narrow(0, 5, 1).expand({std::max<int64_t>(0, rows - before), -1});
    tensor = at::cat({tensor, more}).narrow(0, 0, rows).contiguous();
  }
  std::filesystem::remove(folder / "model.safetensors");
  write_safetensors(folder / "model.safetensors", tensors);
}

std::string written(const std::filesystem::path& folder, const std::string& text) {
  const test::TemporaryFolder here;
  test::write_bytes(here / "in.txt", text + "\n");
  auto predictor = Predictor::load(folder, {"head.generate.max_new=12"});
  const auto examples = predictor.stream({(here / "in.txt").string()})->next(1);
  return predictor.predict(examples).front().front().text;
}

class GoldenRows : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { HEED_NEEDS_GOLDEN(GetParam()); }

  const test::TemporaryFolder here;
};

TEST_P(GoldenRows, BehindTheLastTokenChangeNothing) {
  write_rows(here / "model", GetParam(), 764);
  const auto folder = test::golden_folder(GetParam());
  EXPECT_EQ(written(here / "model", "the cat sat"), written(folder, "the cat sat"));
}

TEST_P(GoldenRows, OfAnotherTokenizerAreRefused) {
  for (const int64_t rows : {690, 900}) {
    write_rows(here / std::to_string(rows), GetParam(), rows);
    EXPECT_THAT([&] { Predictor::load(here / std::to_string(rows)); },
                testing::ThrowsMessage<ModelError>(
                    testing::HasSubstr("the tokenizer has 700 tokens, and the model's embedding " +
                                       std::to_string(rows) + " rows")));
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenRows, testing::Values("gpt2", "llama", "qwen3", "t5"));

}  // namespace
}  // namespace heed
