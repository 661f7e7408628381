// A GGUF file and the folder that it was made of are one model.
#include <gmock/gmock.h>

#include "formats/gguf_bytes.h"
#include "heed/core/error.h"
#include "pretrained/folders.h"

namespace heed {
namespace {

using namespace test::gguf;
using test::complaint;
using test::Json;
using test::TemporaryFolder;
using testing::HasSubstr;

constexpr int64_t kWidth = 8, kHeads = 2, kKeyHeads = 1, kHeadWidth = 4, kHidden = 12;
const std::vector<std::string> kTokens = {"<s>", "</s>", "a", "b", "ab", "\u0120a"};

/// Theirs, as transformers names them.
NamedTensors llama_tensors() {
  torch::manual_seed(3);
  const auto V = static_cast<int64_t>(kTokens.size());
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", torch::randn({V, kWidth})},
          {"model.norm.weight", torch::rand({kWidth})},
          {"lm_head.weight", torch::randn({V, kWidth})},
          {layer + "input_layernorm.weight", torch::rand({kWidth})},
          {layer + "post_attention_layernorm.weight", torch::rand({kWidth})},
          {layer + "self_attn.q_proj.weight", torch::randn({kHeads * kHeadWidth, kWidth})},
          {layer + "self_attn.k_proj.weight", torch::randn({kKeyHeads * kHeadWidth, kWidth})},
          {layer + "self_attn.v_proj.weight", torch::randn({kKeyHeads * kHeadWidth, kWidth})},
          {layer + "self_attn.o_proj.weight", torch::randn({kWidth, kHeads * kHeadWidth})},
          {layer + "mlp.gate_proj.weight", torch::randn({kHidden, kWidth})},
          {layer + "mlp.up_proj.weight", torch::randn({kHidden, kWidth})},
          {layer + "mlp.down_proj.weight", torch::randn({kWidth, kHidden})}};
}

Json llama_config() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", kTokens.size()},
          {"hidden_size", kWidth},
          {"intermediate_size", kHidden},
          {"num_hidden_layers", 1},
          {"num_attention_heads", kHeads},
          {"num_key_value_heads", kKeyHeads},
          {"max_position_embeddings", 64},
          {"rms_norm_eps", 0.0009765625},
          {"tie_word_embeddings", false},
          {"hidden_act", "silu"},
          {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 50000.0}}}};
}

/// Rows c and c + D/2 of a head as rows 2c and 2c + 1, as llama.cpp's converter has them.
at::Tensor paired(const at::Tensor& rows, int64_t heads) {
  auto result = at::empty_like(rows);
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t c = 0; c < kHeadWidth / 2; ++c)
      for (int64_t half = 0; half < 2; ++half)
        result[h * kHeadWidth + 2 * c + half] = rows[h * kHeadWidth + c + half * kHeadWidth / 2];
  return result;
}

const std::map<std::string, std::string> kNames = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
    {"model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"},
    {"model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"},
    {"model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight"},
    {"model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight"},
    {"model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight"},
    {"model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight"},
    {"model.layers.0.mlp.gate_proj.weight", "blk.0.ffn_gate.weight"},
    {"model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight"},
    {"model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"}};

/// Keys of a file, with what changes are made to them.
struct Keys {
  std::string architecture = "llama", tokenizer = "gpt2", pre = "gpt-2", more = {};
};

void write_gguf(const std::filesystem::path& file, const NamedTensors& theirs, const Keys& keys) {
  test::GgufBytes bytes;
  const auto texts = [&](const char* key, const std::vector<std::string>& values) {
    bytes.text(key).number(array).number(text).number<uint64_t>(values.size());
    for (const auto& value : values) bytes.text(value);
  };
  const auto size = [&](const char* key, uint32_t value) {
    bytes.text(key).number(u32).number(value);
  };
  bytes.begin(theirs.size(), 16 + (keys.more.empty() ? 0 : 1));
  bytes.text("general.architecture").number(text).text(keys.architecture);
  size("llama.block_count", 1), size("llama.context_length", 64);
  size("llama.embedding_length", kWidth), size("llama.feed_forward_length", kHidden);
  size("llama.attention.head_count", kHeads), size("llama.attention.head_count_kv", kKeyHeads);
  size("llama.rope.dimension_count", kHeadWidth);
  bytes.text("llama.rope.freq_base").number(f32).number(50000.0f);
  bytes.text("llama.attention.layer_norm_rms_epsilon").number(f32).number(0.0009765625f);
  bytes.text("tokenizer.ggml.model").number(text).text(keys.tokenizer);
  bytes.text("tokenizer.ggml.pre").number(text).text(keys.pre);
  texts("tokenizer.ggml.tokens", kTokens);
  texts("tokenizer.ggml.merges", {"a b", "\u0120 a"});
  bytes.text("tokenizer.ggml.token_type").number(array).number(i32).number<uint64_t>(6);
  for (const int32_t type : {3, 3, 1, 1, 1, 1}) bytes.number(type);
  size("tokenizer.ggml.bos_token_id", 0);
  if (!keys.more.empty()) size(keys.more.c_str(), 7);
  uint64_t offset = 0;
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : theirs) {
    const auto& ours = kNames.at(name);
    auto value = tensor;
    if (ours == "blk.0.attn_q.weight") value = paired(tensor, kHeads);
    if (ours == "blk.0.attn_k.weight") value = paired(tensor, kKeyHeads);
    std::vector<uint64_t> sizes(value.sizes().rbegin(), value.sizes().rend());
    bytes.tensor(ours, sizes, 0, offset);
    offset += (value.nbytes() + 31) / 32 * 32;
    values.push_back(value.contiguous());
  }
  for (const auto& value : values) {
    bytes.fill(32);
    for (int64_t i = 0; i < value.numel(); ++i) bytes.number(value.data_ptr<float>()[i]);
  }
  test::write_bytes(file, bytes.get());
}

TEST(PretrainedGguf, IsTheFolderThatItWasMadeOf) {
  const TemporaryFolder here;
  const auto theirs = llama_tensors();
  test::write_folder(here / "folder", llama_config(), theirs);
  write_gguf(here / "m.gguf", theirs, {});
  EXPECT_TRUE(is_pretrained(here / "m.gguf"));
  const auto of_folder = read_pretrained(here / "folder"),
             of_file = read_pretrained(here / "m.gguf");
  EXPECT_EQ(of_file.recipe, of_folder.recipe);
  ASSERT_EQ(of_file.tensors.size(), of_folder.tensors.size());
  for (size_t i = 0; i < of_file.tensors.size(); ++i) {
    EXPECT_EQ(of_file.tensors[i].first, of_folder.tensors[i].first);
    EXPECT_TRUE(of_file.tensors[i].second.equal(of_folder.tensors[i].second))
        << of_file.tensors[i].first;
  }
}

TEST(PretrainedGguf, BringsItsTokenizer) {
  const TemporaryFolder here;
  write_gguf(here / "m.gguf", llama_tensors(), {});
  const auto files = read_pretrained_files(here / "m.gguf");
  const auto tokenizer = Json::parse(files.others.at("tokenizer.json"));
  EXPECT_EQ(tokenizer["model"]["type"], "BPE");
  EXPECT_EQ(tokenizer["model"]["vocab"]["ab"], 4);
  EXPECT_EQ(tokenizer["model"]["merges"][0], "a b");
  ASSERT_EQ(tokenizer["added_tokens"].size(), 2u);
  EXPECT_EQ(tokenizer["added_tokens"][1]["content"], "</s>");
  EXPECT_EQ(Json::parse(files.others.at("tokenizer_config.json"))["bos_token"], "<s>");
}

TEST(PretrainedGguf, RefusesByName) {
  const TemporaryFolder here;
  const auto refused = [&](const Keys& keys, const char* says) {
    write_gguf(here / "bad.gguf", llama_tensors(), keys);
    EXPECT_THAT(complaint(here / "bad.gguf"), HasSubstr(says));
    std::filesystem::remove(here / "bad.gguf");
  };
  refused({.architecture = "mamba"}, "known are llama, qwen2, qwen3, gemma2, gemma3");
  refused({.tokenizer = "bert"}, "tokenizer.ggml.model");
  refused({.pre = "tekken"}, "known are gpt-2, llama-bpe, qwen2 and smollm");
  refused({.more = "llama.expert_count"}, "llama.expert_count: this key is not known");
  refused({.more = "tokenizer.ggml.eos_token_id"}, "expected one of 6 tokens, given 7");
}

}  // namespace
}  // namespace heed
