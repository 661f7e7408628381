#include "pretrained/folders.h"

#include "heed/core/error.h"

namespace heed::test {

Json small_bert_config() {
  return {{"architectures", {"BertModel"}},
          {"model_type", "bert"},
          {"vocab_size", 11},
          {"hidden_size", 8},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"intermediate_size", 12},
          {"max_position_embeddings", 16},
          {"type_vocab_size", 2},
          {"hidden_act", "gelu"},
          {"layer_norm_eps", 1e-12},
          {"transformers_version", "5.24.0"}};
}

NamedTensors small_bert_tensors(const std::string& prefix) {
  constexpr int64_t M = 8, F = 12;
  NamedTensors all;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    all.emplace_back(prefix + name, at::randn(shape));
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in}), add(name + ".bias", {out});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {M}), add(name + ".bias", {M});
  };
  add("embeddings.word_embeddings.weight", {11, M});
  add("embeddings.position_embeddings.weight", {16, M});
  add("embeddings.token_type_embeddings.weight", {2, M});
  norm("embeddings.LayerNorm");
  for (const std::string layer : {"encoder.layer.0.", "encoder.layer.1."}) {
    for (const char* part : {"query", "key", "value"})
      linear(layer + "attention.self." + part, M, M);
    linear(layer + "attention.output.dense", M, M);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", F, M);
    linear(layer + "output.dense", M, F);
    norm(layer + "output.LayerNorm");
  }
  return all;
}

void write_folder(const std::filesystem::path& folder, const Json& config,
                  const NamedTensors& tensors) {
  std::filesystem::create_directories(folder);
  write_bytes(folder / "config.json", config.dump(2));
  write_safetensors(folder / "model.safetensors", tensors);
}

std::string complaint(const std::filesystem::path& folder) {
  try {
    read_pretrained(folder);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace heed::test
