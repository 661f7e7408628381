// Folders that are wrong, each in one thing; and the same model written in other ways.
#include <gmock/gmock.h>

#include "heed/core/error.h"
#include "pretrained/folders.h"

namespace heed {
namespace {

using test::complaint;
using test::Json;
using test::small_bert_config;
using test::small_bert_tensors;
using test::TemporaryFolder;
using test::write_folder;
using testing::AllOf;
using testing::HasSubstr;

/// The folder with a key of config.json changed.
std::string complaint_with(const std::string& key, const Json& value) {
  const TemporaryFolder here;
  auto config = small_bert_config();
  config[key] = value;
  write_folder(here / "a", config, small_bert_tensors());
  return complaint(here / "a");
}

at::Tensor& tensor_of(NamedTensors& tensors, const std::string& name) {
  for (auto& [own, tensor] : tensors)
    if (own == name) return tensor;
  throw std::runtime_error(name);
}

void expect_equal(const NamedTensors& a, const NamedTensors& b, double tolerance = 0) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(a[i].second.scalar_type(), at::kFloat);
    EXPECT_LE((a[i].second - b[i].second).abs().max().item<double>(), tolerance) << a[i].first;
  }
}

TEST(PretrainedFolder, ReadsWhatIsRight) {
  const TemporaryFolder here;
  auto tensors = small_bert_tensors();
  write_folder(here / "a", small_bert_config(), tensors);
  EXPECT_TRUE(is_pretrained(here / "a"));
  const auto model = read_pretrained(here / "a");
  EXPECT_THAT(model.recipe, HasSubstr("kind = \"text\""));
  const auto q = tensor_of(tensors, "encoder.layer.1.attention.self.query.weight");
  auto ours = model.tensors;
  EXPECT_TRUE(
      at::equal(tensor_of(ours, "encoder.layers.1.attention.qkv.weight").narrow(0, 0, 8), q));
  test::write_bytes(here / "a/recipe.toml", "");
  EXPECT_FALSE(is_pretrained(here / "a"));
}

TEST(PretrainedFolder, PicklesAreRefusedWithTheWayToMakeSafetensors) {
  const TemporaryFolder here;
  write_folder(here / "a", small_bert_config(), small_bert_tensors());
  std::filesystem::rename(here / "a/model.safetensors", here / "a/pytorch_model.bin");
  EXPECT_THAT(complaint(here / "a"), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("pickle"),
                                           HasSubstr("save_pretrained")));
  std::filesystem::remove(here / "a/pytorch_model.bin");
  EXPECT_THAT(complaint(here / "a"), HasSubstr("model.safetensors.index.json"));
}

TEST(PretrainedFolder, Shards) {
  const TemporaryFolder here;
  const auto tensors = small_bert_tensors();
  write_folder(here / "whole", small_bert_config(), tensors);
  const auto whole = read_pretrained(here / "whole");
  const auto folder = here / "a";
  write_folder(folder, small_bert_config(), {});
  std::filesystem::remove(folder / "model.safetensors");
  const NamedTensors first(tensors.begin(), tensors.begin() + 7),
      second(tensors.begin() + 7, tensors.end());
  write_safetensors(folder / "1.safetensors", first);
  write_safetensors(folder / "2.safetensors", second);
  Json map;
  for (const auto& [name, tensor] : first) map[name] = "1.safetensors";
  for (const auto& [name, tensor] : second) map[name] = "2.safetensors";
  const auto index = folder / "model.safetensors.index.json";
  const auto write_index = [&] { test::write_bytes(index, Json{{"weight_map", map}}.dump()); };
  write_index();
  expect_equal(read_pretrained(folder).tensors, whole.tensors);

  map["more"] = "2.safetensors";
  write_index();
  EXPECT_THAT(complaint(folder),
              AllOf(HasSubstr("2.safetensors"), HasSubstr("lacks the tensor 'more'")));
  map.erase("more");
  map[first.front().first] = "2.safetensors";
  write_index();
  EXPECT_THAT(complaint(folder), AllOf(HasSubstr("1.safetensors"), HasSubstr(first.front().first),
                                       HasSubstr("says to be in 2.safetensors")));
  map.erase(first.front().first);
  write_index();
  EXPECT_THAT(complaint(folder), HasSubstr("does not name"));
  for (const auto& name : {std::string("../1.safetensors"), std::string("1.safetensors\0x", 15)}) {
    map[first.front().first] = name;
    write_index();
    EXPECT_THAT(complaint(folder), HasSubstr("plain file name"));
  }
  map[first.front().first] = "1.safetensors";
  write_index();
  std::filesystem::remove(folder / "2.safetensors");
  EXPECT_THAT(complaint(folder),
              AllOf(HasSubstr("2.safetensors is missing"), HasSubstr("30 tensors")));
  for (const char* wrong : {"", "{", "[]", "{}", R"({"weight_map": 1})", R"({"weight_map": {}})",
                            R"({"weight_map": {"a": 1}})"}) {
    test::write_bytes(index, wrong);
    EXPECT_THAT(complaint(folder), HasSubstr("model.safetensors.index.json")) << wrong;
  }
}

TEST(PretrainedFolder, HalfPrecisionBecomesFloat32) {
  const TemporaryFolder here;
  const auto tensors = small_bert_tensors();
  write_folder(here / "a", small_bert_config(), tensors);
  const auto whole = read_pretrained(here / "a");
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    NamedTensors half;
    for (const auto& [name, tensor] : tensors) half.emplace_back(name, tensor.to(type));
    const auto folder = here / at::toString(type);
    write_folder(folder, small_bert_config(), half);
    expect_equal(read_pretrained(folder).tensors, whole.tensors, 2e-2);
  }
  NamedTensors whole_numbers;
  for (const auto& [name, tensor] : tensors) whole_numbers.emplace_back(name, tensor.to(at::kInt));
  write_folder(here / "int", small_bert_config(), whole_numbers);
  EXPECT_THAT(complaint(here / "int"), AllOf(HasSubstr("float32, float16"), HasSubstr("Int")));
}

TEST(PretrainedFolder, TensorsThatDoNotFit) {
  const TemporaryFolder here;
  const std::string name = "encoder.layer.1.output.dense.weight";
  const auto with = [&](const auto& change) {
    auto tensors = small_bert_tensors();
    change(tensors);
    std::filesystem::remove_all(here / "a");
    write_folder(here / "a", small_bert_config(), tensors);
    return complaint(here / "a");
  };
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_THAT(with([&](auto& all) {
                tensor_of(all, name) = at::zeros({12, 8});
              }),
              AllOf(HasSubstr(name), HasSubstr("expected (8, 12)"), HasSubstr("found (12, 8)")));
  EXPECT_THAT(with([&](auto& all) { all.pop_back(); }), HasSubstr("no such tensor"));
  EXPECT_THAT(with([&](auto& all) {
                all.emplace_back("lm_head.weight", at::zeros({11, 8}));
              }),
              AllOf(HasSubstr("lm_head.weight"), HasSubstr("(11, 8)")));
  // What has no effect may be there.
  EXPECT_EQ(with([&](auto& all) {
              all.emplace_back("embeddings.position_ids", at::arange(16).unsqueeze(0));
              all.emplace_back("pooler.dense.weight", at::zeros({8, 8}));
            }),
            "");
  // A vocabulary that differs from the rows of the embedding.
  EXPECT_THAT(complaint_with("vocab_size", 12),
              AllOf(HasSubstr("word_embeddings"), HasSubstr("(12, 8)"), HasSubstr("(11, 8)")));
}

TEST(PretrainedFolder, OldNamesOfNorms) {
  const TemporaryFolder here;
  auto tensors = small_bert_tensors("bert.");
  write_folder(here / "a", small_bert_config(), tensors);
  const auto now = read_pretrained(here / "a");
  for (auto& [name, tensor] : tensors) {
    if (name.ends_with("LayerNorm.weight")) name.replace(name.size() - 6, 6, "gamma");
    if (name.ends_with("LayerNorm.bias")) name.replace(name.size() - 4, 4, "beta");
  }
  write_folder(here / "b", small_bert_config(), tensors);
  expect_equal(read_pretrained(here / "b").tensors, now.tensors);
}

TEST(PretrainedFolder, KeysOfTheConfig) {
  EXPECT_THAT(complaint_with("model_type", "berd"),
              AllOf(HasSubstr("'berd'"), HasSubstr("albert, bert, distilbert"), HasSubstr("vit")));
  EXPECT_THAT(complaint_with("architectures", {"BertForNothing"}),
              AllOf(HasSubstr("BertForNothing"), HasSubstr("BertForMaskedLM")));
  EXPECT_THAT(complaint_with("hidden_sise", 8),
              AllOf(HasSubstr("hidden_sise"), HasSubstr("did you mean 'hidden_size'")));
  EXPECT_THAT(complaint_with("hidden_size", "8"), HasSubstr("expected a whole number"));
  EXPECT_THAT(complaint_with("hidden_size", nullptr), HasSubstr("is missing"));
  EXPECT_THAT(complaint_with("num_hidden_layers", -1), HasSubstr("from 0 to 4096"));
  EXPECT_THAT(complaint_with("hidden_act", "gelo"),
              AllOf(HasSubstr("hidden_act"), HasSubstr("did you mean 'gelu'")));
  EXPECT_THAT(complaint_with("is_decoder", true), HasSubstr("is_decoder"));
  EXPECT_THAT(complaint_with("position_embedding_type", "relative_key"),
              HasSubstr("positions by distance"));
  EXPECT_THAT(complaint_with("auto_map", {{"AutoModel", "x.y"}}), HasSubstr("Python code"));
  EXPECT_THAT(complaint_with("quantization_config", {{"bits", 4}}), HasSubstr("quantised"));
  EXPECT_EQ(complaint_with("torch_dtype", "float16"), "");
  EXPECT_EQ(complaint_with("dtype", "float16"), "");
  EXPECT_EQ(complaint_with("position_embedding_type", "absolute"), "");
}

TEST(PretrainedFolder, ConfigsThatAreNone) {
  const TemporaryFolder here;
  write_folder(here / "a", small_bert_config(), small_bert_tensors());
  for (const char* wrong : {"", "{", "[]", "null", "\"bert\"", "{\"model_type\": 1}", "{}"}) {
    test::write_bytes(here / "a/config.json", wrong);
    EXPECT_THAT(complaint(here / "a"), HasSubstr("config.json")) << wrong;
  }
}

/// 10^12 parameters: shapes are compared before anything is made.
TEST(PretrainedFolder, SizesThatNoFileHasTakeNoMemory) {
  const TemporaryFolder here;
  auto config = small_bert_config();
  config["hidden_size"] = 1 << 20, config["intermediate_size"] = 1 << 20;
  config["vocab_size"] = 1 << 24, config["num_hidden_layers"] = 4096;
  write_folder(here / "a", config, small_bert_tensors());
  EXPECT_THAT(complaint(here / "a"), AllOf(HasSubstr("word_embeddings"), HasSubstr("1048576")));
}

}  // namespace
}  // namespace heed
