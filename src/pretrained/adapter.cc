// Low-rank adapters as PEFT's files: https://huggingface.co/docs/peft/developer_guides/checkpoint
//
// Theirs has an adapter a layer of transformers. Where two of ours lie in one layer of theirs (rows
// of it), the two become one of the sum of their ranks, B block by block, with a scale of its own
// (rank_pattern, alpha_pattern), so that the product stays what it was.
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/nn/lora.h"
#include "heed/pretrained/pretrained.h"
#include "heed/train/recipe.h"
#include "pretrained/write.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;
using pretrained::Task;
using pretrained::TensorPair;

/// B A of rows `row` .. of a layer of theirs.
struct Part {
  int64_t row;
  at::Tensor a, b;
};

struct Layer {
  int64_t rows = 0;  ///< of its output
  bool transposed = false;
  std::vector<Part> parts = {};
};

std::string without_end(const std::string& name) { return name.substr(0, name.rfind('.')); }

/// The layer of theirs in which rows first .. of a layer of ours lie, and the first row there.
std::pair<std::string, int64_t> place_of(const TensorPair& pair, int64_t first, int64_t rows) {
  if (pair.rows) return {pair.theirs.front().name, pair.rows->first + first};
  if (pair.theirs.size() == 1) return {pair.theirs.front().name, first};
  int64_t at = 0;
  for (const auto& [name, shape] : pair.theirs) {
    if (at == first && shape[0] == rows) return {name, 0};
    at += shape[0];
  }
  throw ModelError(text_of("the adapter of '", pair.ours, "' from row ", first,
                           ": transformers has no layer of these rows"));
}

std::map<std::string, Layer> layers_of(const ModelFiles& model, const pretrained::Plan& plan) {
  std::map<std::string, at::Tensor> by_name(model.tensors.begin(), model.tensors.end());
  std::map<std::string, Layer> layers;
  for (const auto& [name, a] : model.tensors) {
    if (!nn::is_lora(name) || !name.ends_with(".a")) continue;
    const auto at = name.find(nn::kLoraInName);
    const auto weight = name.substr(0, at) + ".weight";
    const auto* pair = plan.tensors.pair_of(weight);
    if (!pair) throw ModelError("the adapter of '" + weight + "': transformers has no such layer");
    const auto first = std::stoll(name.substr(at + std::strlen(nn::kLoraInName)));
    const auto& b = by_name.at(name.substr(0, name.size() - 1) + "b");
    const auto [theirs, row] = place_of(*pair, first, b.size(0));
    auto& layer = layers[without_end(theirs)];
    layer.transposed = pair->transpose;
    for (const auto& tensor : pair->theirs)
      if (tensor.name == theirs) layer.rows = tensor.shape[pair->transpose ? 1 : 0];
    layer.parts.push_back({row, a, b});
  }
  return layers;
}

/// A (n r, in) and B (rows, n r) of a layer's n adapters.
std::pair<at::Tensor, at::Tensor> joined(const Layer& layer) {
  std::vector<at::Tensor> as;
  for (const auto& part : layer.parts) as.push_back(part.a);
  const auto a = at::cat(as, 0).contiguous();
  const auto b = at::zeros({layer.rows, a.size(0)});
  int64_t column = 0;
  for (const auto& part : layer.parts) {
    b.narrow(0, part.row, part.b.size(0)).narrow(1, column, part.b.size(1)).copy_(part.b);
    column += part.b.size(1);
  }
  return {a, b};
}

const char* task_type(Task task) {
  switch (task) {
    case Task::sequence_class:
      return "SEQ_CLS";
    case Task::token_class:
      return "TOKEN_CLS";
    case Task::answer_span:
      return "QUESTION_ANS";
    case Task::causal:
      return "CAUSAL_LM";
    case Task::seq2seq:
      return "SEQ_2_SEQ_LM";
    default:
      return nullptr;
  }
}

/// The module of theirs that is saved whole for a tensor of a new head: "classifier" of
/// "classifier.dense.weight", "bert.pooler.dense" of its weight.
std::string saved_module(const std::string& tensor) {
  const auto first = tensor.substr(0, tensor.find('.'));
  for (const char* head : {"classifier", "score", "qa_outputs", "head"})
    if (first == head) return first;
  return without_end(tensor);
}

}  // namespace

AdapterFiles to_adapter(const ModelFiles& model) {
  const auto recipe = RecipeFile::parse(model.recipe, "recipe.toml").values();
  const auto value = [&](const char* key) {
    const auto found = recipe.find(std::string("model.") + key);
    return found == recipe.end() ? "" : found->second;
  };
  const auto rank = value("lora.rank");
  if (rank.empty() || rank == "0")
    throw ModelError("the model has no adapters: model.lora.rank says how large they are to be");
  const int64_t r = std::stoll(rank);
  const double alpha = std::stod(value("lora.alpha"));
  auto merged = model;
  merged.tensors = nn::merged_lora(model.tensors, alpha, r);
  const auto written = pretrained::plan_to_write(merged);
  AdapterFiles files;
  std::set<std::string> targets, saved;
  Json ranks = Json::object(), alphas = Json::object();
  bool transposed = false;
  for (const auto& [name, layer] : layers_of(model, written.plan)) {
    const auto [a, b] = joined(layer);
    files.tensors.emplace_back("base_model.model." + name + ".lora_A.weight", a);
    files.tensors.emplace_back("base_model.model." + name + ".lora_B.weight", b);
    targets.insert(name);
    transposed = transposed || layer.transposed;
    if (a.size(0) == r) continue;
    ranks[name] = a.size(0), alphas[name] = alpha * static_cast<double>(a.size(0)) / double(r);
  }
  const bool writes =
      written.task == Task::causal || written.task == Task::seq2seq || written.task == Task::masked;
  NamedTensors head;
  if (!writes)
    for (const auto& [name, tensor] : to_pretrained(merged).tensors) {
      for (const auto& pair : written.plan.tensors.pairs())
        if (pair.ours.starts_with("head.") && pair.theirs.front().name == name)
          head.emplace_back("base_model.model." + name, tensor), saved.insert(saved_module(name));
    }
  files.tensors.insert(files.tensors.end(), head.begin(), head.end());
  const auto from = value("from"), dropout = value("lora.dropout");
  Json config{{"peft_type", "LORA"},
              {"base_model_name_or_path", from.substr(1, from.size() - 2)},
              {"inference_mode", true},
              {"r", r},
              {"lora_alpha", alpha},
              {"lora_dropout", std::stod(dropout)},
              {"target_modules", targets},
              {"fan_in_fan_out", transposed},
              {"bias", "none"},
              {"init_lora_weights", true}};
  if (const char* type = task_type(written.task)) config["task_type"] = type;
  if (!saved.empty()) config["modules_to_save"] = saved;
  config["rank_pattern"] = ranks, config["alpha_pattern"] = alphas;
  files.config = config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return files;
}

void write_adapter(const std::filesystem::path& path, const ModelFiles& model) {
  refuse_full_folder(path);
  const auto files = to_adapter(model);
  AtomicFolder folder(path);
  folder.write("adapter_config.json", files.config);
  write_safetensors(folder.path() / "adapter_model.safetensors", files.tensors, {{"format", "pt"}});
  folder.commit();
}

}  // namespace heed
