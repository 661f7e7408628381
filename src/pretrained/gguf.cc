#include "pretrained/gguf.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/formats/gguf.h"
#include "pretrained/gguf_metadata.h"

namespace heed::pretrained {
namespace {

using Json = nlohmann::json;

/// What differs between the architectures.
struct GgufArchitecture {
  const char *name, *model_type, *class_name;
  bool pairs_of_channels = false;  ///< q and k are stored for rope's pairs (2c, 2c + 1)
  bool norms_less_one = false;     ///< theirs are stored less 1
};
constexpr std::array<GgufArchitecture, 5> kArchitectures = {
    {{"llama", "llama", "LlamaForCausalLM", true},
     {"qwen2", "qwen2", "Qwen2ForCausalLM"},
     {"qwen3", "qwen3", "Qwen3ForCausalLM"},
     {"gemma2", "gemma2", "Gemma2ForCausalLM", false, true},
     {"gemma3", "gemma3_text", "Gemma3ForCausalLM", false, true}}};

const GgufArchitecture& architecture_of(GgufMetadata& metadata) {
  const std::string key = "general.architecture", name = metadata.text(key);
  std::string known;
  for (const auto& each : kArchitectures) {
    if (each.name == name) return each;
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  metadata.refuse(key, "\"" + name + "\" is not known; known are " + known);
}

bool is_gemma(const GgufArchitecture& which) { return which.norms_less_one; }

struct Sizes {
  int64_t layers, width, heads, kv_heads, head_width;
};

Json rope_of(GgufMetadata& metadata, const std::string& arch) {
  // llama.cpp takes 10000 where the key is absent, which is what Llama 1 and 2 were trained with.
  Json rope = {{"rope_type", "default"},
               {"rope_theta", metadata.number(arch + "rope.freq_base", 10000)}};
  const auto type = metadata.text(arch + "rope.scaling.type", "none");
  if (type == "none") return rope;
  if (type != "linear" && type != "yarn")
    metadata.refuse(arch + "rope.scaling.type",
                    "\"" + type + "\" is not known; known are none, linear and yarn");
  rope["rope_type"] = type;
  rope["factor"] = metadata.number(arch + "rope.scaling.factor");
  if (type == "yarn")
    rope["original_max_position_embeddings"] =
        metadata.integer(arch + "rope.scaling.original_context_length");
  return rope;
}

void add_gemma(GgufMetadata& metadata, const GgufArchitecture& which, const std::string& arch,
               const Sizes& sizes, Json& config) {
  config["hidden_activation"] = "gelu_pytorch_tanh";
  config["sliding_window"] = metadata.integer(arch + "attention.sliding_window");
  // Not in the file. The largest of both families divide by the root of width / heads.
  const bool largest = sizes.layers == 46 || sizes.layers == 62;
  config["query_pre_attn_scalar"] = largest ? sizes.width / sizes.heads : sizes.head_width;
  const bool second = which.name == std::string("gemma2");
  Json kinds = Json::array();
  const int64_t period = second ? 2 : 6;
  for (int64_t i = 0; i < sizes.layers; ++i)
    kinds.push_back((i + 1) % period == 0 ? "full_attention" : "sliding_attention");
  config["layer_types"] = kinds;
  if (second) {
    config["attn_logit_softcapping"] = metadata.number(arch + "attn_logit_softcapping");
    config["final_logit_softcapping"] = metadata.number(arch + "final_logit_softcapping");
    return;
  }
  const Json local = {{"rope_type", "default"}, {"rope_theta", 10000.0}};
  config["rope_parameters"] = {{"full_attention", config["rope_parameters"]},
                               {"sliding_attention", local}};
}

Json config_of(GgufMetadata& metadata, const GgufArchitecture& which, const Gguf& gguf,
               Sizes& sizes) {
  const auto has = [&](const char* name) {
    return std::any_of(gguf.tensors.begin(), gguf.tensors.end(),
                       [&](const auto& tensor) { return tensor.first == name; });
  };
  const std::string arch = std::string(which.name) + ".";
  sizes.layers = metadata.integer(arch + "block_count");
  sizes.width = metadata.integer(arch + "embedding_length");
  sizes.heads = metadata.integer(arch + "attention.head_count");
  sizes.kv_heads = metadata.integer(arch + "attention.head_count_kv", sizes.heads);
  if (sizes.heads < 1 || sizes.kv_heads < 1 || sizes.width < 1)
    metadata.refuse(arch + "attention.head_count", "expected heads and a width of at least 1");
  sizes.head_width = metadata.integer(arch + "attention.key_length", sizes.width / sizes.heads);
  if (metadata.integer(arch + "attention.value_length", sizes.head_width) != sizes.head_width)
    metadata.refuse(arch + "attention.value_length",
                    "expected that of keys, " + std::to_string(sizes.head_width));
  if (metadata.integer(arch + "rope.dimension_count", sizes.head_width) != sizes.head_width)
    metadata.refuse(arch + "rope.dimension_count",
                    "expected all channels of a head, " + std::to_string(sizes.head_width));
  const auto tokens = static_cast<int64_t>(metadata.texts("tokenizer.ggml.tokens").size());
  if (metadata.integer(arch + "vocab_size", tokens) != tokens)
    metadata.refuse(arch + "vocab_size",
                    "expected as many as there are tokens, " + std::to_string(tokens));
  Json config = {{"architectures", {which.class_name}},
                 {"model_type", which.model_type},
                 {"vocab_size", tokens},
                 {"hidden_size", sizes.width},
                 {"intermediate_size", metadata.integer(arch + "feed_forward_length")},
                 {"num_hidden_layers", sizes.layers},
                 {"num_attention_heads", sizes.heads},
                 {"num_key_value_heads", sizes.kv_heads},
                 {"head_dim", sizes.head_width},
                 {"max_position_embeddings", metadata.integer(arch + "context_length")},
                 {"rms_norm_eps", metadata.number(arch + "attention.layer_norm_rms_epsilon")},
                 {"tie_word_embeddings", !has("output.weight")},
                 {"rope_parameters", rope_of(metadata, arch)}};
  if (is_gemma(which))
    add_gemma(metadata, which, arch, sizes, config);
  else
    config["hidden_act"] = "silu";
  if (which.model_type == std::string("qwen2")) config.erase("head_dim");
  if (which.model_type == std::string("llama")) config["attention_bias"] = has("blk.0.attn_q.bias");
  metadata.end(arch);
  return config;
}

/// "blk.3.attn_q.weight" as transformers has it; nothing where it is not known.
std::optional<std::string> their_name(const std::string& name, bool gemma) {
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  if (!name.starts_with("blk.")) return {};
  const auto first = name.find('.', 4), last = name.rfind('.');
  if (first == std::string::npos || first >= last) return {};
  const std::string number = name.substr(4, first - 4),
                    part = name.substr(first + 1, last - first - 1);
  static const std::map<std::string, std::string> parts = {
      {"attn_norm", "input_layernorm"},
      {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"},
      {"attn_q_norm", "self_attn.q_norm"},
      {"attn_k_norm", "self_attn.k_norm"},
      {"ffn_gate", "mlp.gate_proj"},
      {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"},
      {"post_attention_norm", "post_attention_layernorm"},
      {"post_ffw_norm", "post_feedforward_layernorm"}};
  const auto found = parts.find(part);
  std::string theirs;
  if (part == "ffn_norm")
    theirs = gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  else if (found != parts.end())
    theirs = found->second;
  else
    return {};
  return "model.layers." + number + "." + theirs + name.substr(last);
}

/// Rows of heads from pairs (2c, 2c + 1) to (c, c + D / 2).
at::Tensor unpaired(const at::Tensor& rows, int64_t heads) {
  const int64_t D = rows.size(0) / heads;
  std::vector<int64_t> shape = {heads, D / 2, 2};
  if (rows.dim() == 2) shape.push_back(rows.size(1));
  return rows.view(shape).transpose(1, 2).reshape(rows.sizes()).contiguous();
}

NamedTensors tensors_of(const Gguf& gguf, const GgufArchitecture& which, const Sizes& sizes,
                        const std::string& file) {
  NamedTensors theirs;
  for (const auto& entry : gguf.tensors) {
    const auto& name = entry.first;  // Clang 14 captures no structured binding
    if (name == "rope_freqs.weight")
      throw ModelError(file +
                       ": tensor rope_freqs.weight: frequencies of rope as a table are not read; "
                       "use the model's folder of safetensors, whose config.json says them");
    const auto is = [&](const char* part) { return name.find(part) != std::string::npos; };
    const auto known = their_name(name, is_gemma(which));
    if (!known) throw ModelError(file + ": tensor " + name + " is none of " + which.name);
    at::Tensor value = entry.second;
    if (which.pairs_of_channels && (is(".attn_q.") || is(".attn_k."))) {
      const int64_t heads = is(".attn_q.") ? sizes.heads : sizes.kv_heads;
      if (value.size(0) != heads * sizes.head_width)
        throw ModelError(text_of(file, ": tensor ", name, ": expected ", heads * sizes.head_width,
                                 " rows, found ", value.size(0)));
      value = unpaired(value, heads);
    }
    if (which.norms_less_one && is("_norm.weight")) value = value - 1;
    theirs.emplace_back(*known, value);
  }
  return theirs;
}

Json generation_of(GgufMetadata& metadata) {
  Json generation = Json::object();
  for (const auto& [ours, theirs] :
       {std::pair{"bos_token_id", "bos"}, {"eos_token_id", "eos"}, {"pad_token_id", "padding"}}) {
    const std::string key = std::string("tokenizer.ggml.") + theirs + "_token_id";
    if (metadata.has(key)) generation[ours] = metadata.integer(key);
  }
  return generation;
}

}  // namespace

PretrainedFiles read_gguf_files(const std::filesystem::path& path) {
  const Gguf gguf = read_gguf(path);
  GgufMetadata metadata(gguf, path.string());
  const auto& which = architecture_of(metadata);
  Sizes sizes{};
  const Json config = config_of(metadata, which, gguf, sizes);
  const auto tokenizer = gguf_tokenizer(metadata);
  return {.name = path.string(),
          .config = config.dump(),
          .tensors = tensors_of(gguf, which, sizes, path.string()),
          .others = {{"tokenizer.json", tokenizer.json},
                     {"tokenizer_config.json", tokenizer.config},
                     {"generation_config.json", generation_of(metadata).dump()}}};
}

}  // namespace heed::pretrained
