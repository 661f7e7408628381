// Models of Heed as folders of transformers.
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/pretrained/pretrained.h"
#include "heed/train/recipe.h"
#include "pretrained/architecture.h"
#include "pretrained/sentence_modules.h"
#include "pretrained/sentence_writer.h"
#include "pretrained/write.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;
using pretrained::Task;

/// The value of a key of a recipe, a text, "" where it is not there.
std::string recipe_value(const std::map<std::string, std::string>& values, const std::string& key) {
  const auto found = values.find(key);
  if (found == values.end()) return "";
  return found->second.substr(1, found->second.size() - 2);  // without the quotes
}

Task task_of_head(const std::string& head, const std::string& input, Task text) {
  if (head == "class" && input == "image") return Task::image_class;
  if (head == "class" || head == "number" || head == "labels") return Task::sequence_class;
  if (head == "tags") return Task::token_class;
  if (head == "spans") return Task::answer_span;
  if (head == "masked") return Task::masked;
  if (head == "embedding") return Task::states;
  if (head == "text") return text;
  throw ModelError("head.kind: '" + head +
                   "' has no class in transformers; heads that have are "
                   "class, number, labels, tags, spans, masked, embedding, text");
}

/// What config.json says of a head and its labels, put in place of what it said.
void set_head(Json& config, const ModelFiles& model, const std::string& name,
              const std::string& head) {
  config["architectures"] = {name};
  for (const char* key : {"id2label", "label2id", "num_labels", "problem_type"}) config.erase(key);
  std::vector<std::string> labels;
  for (const auto& [file, key] :
       {std::pair{"classes.json", "classes"}, {"labels.json", "labels"}, {"tags.json", "classes"}})
    if (const auto found = model.others.find(file); found != model.others.end())
      labels = Json::parse(found->second).at(key).get<std::vector<std::string>>();
  if (head == "number") labels = {"LABEL_0"};
  if (labels.empty()) return;
  for (size_t i = 0; i < labels.size(); ++i) {
    config["id2label"][std::to_string(i)] = labels[i];
    config["label2id"][labels[i]] = i;
  }
  if (head == "number") config["problem_type"] = "regression";
  if (head == "labels") config["problem_type"] = "multi_label_classification";
}

/// Names by which an architecture sees how a folder with such a head is written: with a prefix, and
/// with an output of its own where ours has one.
NamedTensors hints_of(Task task, const NamedTensors& ours) {
  NamedTensors hints;
  if (task != Task::states)
    for (const char* prefix : {"albert.", "bert.", "distilbert.", "electra.", "model.", "roberta.",
                               "transformer.", "vit."})
      hints.emplace_back(prefix, at::zeros({1}));
  for (const char* embedding :
       {"model.embed_tokens.weight", "transformer.wte.weight", "shared.weight"})
    hints.emplace_back(embedding, at::zeros({1}));
  if (pretrained::has_tensor(ours, "head.output"))
    hints.emplace_back("lm_head.weight", at::ones({1}));
  return hints;
}

/// A number's last layer gives deviations from training's mean; theirs gives the number.
NamedTensors in_units(NamedTensors tensors, const ModelFiles& model) {
  const auto found = model.others.find("number.json");
  if (found == model.others.end()) return tensors;
  const auto json = Json::parse(found->second);
  const double mean = json.at("mean"), std = json.at("std");
  for (auto& [name, tensor] : tensors) {
    if (name == "head.linear.weight") tensor = tensor * std;
    if (name == "head.linear.bias") tensor = tensor * std + mean;
  }
  return tensors;
}

}  // namespace

pretrained::Written pretrained::plan_to_write(const ModelFiles& model) {
  const auto own = model.others.find("config.json");
  if (own == model.others.end())
    throw ModelError(
        "the model did not begin with a folder of transformers (it has no config.json), and none "
        "of "
        "their architectures is known to hold it");
  pretrained::Config first(own->second, own->first);
  const auto& architecture = pretrained::architecture_of(first);
  const auto before = pretrained::task_of(first, architecture);
  const auto recipe = RecipeFile::parse(model.recipe, "recipe.toml").values();
  const auto head = recipe_value(recipe, "head.kind");
  const auto task = task_of_head(head, recipe_value(recipe, "input.kind"), before);
  const auto end = pretrained::class_of(architecture, task);
  if (end.empty())
    throw ModelError("head.kind: transformers has no class of '" + architecture.model_type +
                     "' for the head '" + head + "'");
  auto json = Json::parse(own->second);
  if (task != before || task == Task::sequence_class || task == Task::token_class ||
      task == Task::image_class)
    set_head(json, model, architecture.class_prefix + end, head);
  // T5's says whether outputs are scaled, and transformers 5 ties what it likes.
  if ((task == Task::causal || task == Task::seq2seq) && architecture.model_type != "t5")
    json["tie_word_embeddings"] = !pretrained::has_tensor(model.tensors, "head.output");
  json["dtype"] = "float32";
  json.erase("torch_dtype");
  Written written{.config = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                  .task = task,
                  .plan = {}};
  pretrained::Config config(written.config, own->first);
  const auto hints = hints_of(task, model.tensors);
  written.plan = architecture.plan({config, task, hints, model.others});
  if (head == "embedding") {
    written.others = pretrained::sentence_files(recipe);
    pretrained::add_sentence_modules(
        written.plan,
        {.name = "the model", .config = written.config, .tensors = {}, .others = written.others});
  }
  return written;
}

std::string recipe_of_class(const ModelFiles& model) {
  return pretrained::plan_to_write(model).plan.recipe.text();
}

PretrainedFiles to_pretrained(const ModelFiles& model) {
  const auto written = pretrained::plan_to_write(model);
  PretrainedFiles files{
      .name = "the model", .config = written.config, .tensors = {}, .others = written.others};
  NamedTensors kept;
  if (const auto found = model.others.find(pretrained::kKeptFile); found != model.others.end())
    kept = parse_safetensors(found->second, found->first).tensors;
  files.tensors = written.plan.tensors.theirs(in_units(model.tensors, model), kept);
  for (const auto& [name, bytes] : model.others) {
    if (name == written.plan.tokenizer) files.others.emplace("tokenizer.json", bytes);
    if (name != "config.json" && name != pretrained::kKeptFile && is_pretrained_file(name))
      files.others.emplace(name, bytes);
  }
  return files;
}

void refuse_full_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (kind_of(path) != PathKind::absent && !std::filesystem::is_empty(path, ignored))
    throw UsageError("cannot write a model to " + path.string() +
                     ": the folder is not empty; name a new one");
}

void write_pretrained(const std::filesystem::path& path, const ModelFiles& model) {
  refuse_full_folder(path);
  const auto files = to_pretrained(model);
  AtomicFolder folder(path);
  folder.write("config.json", files.config);
  std::map<std::string, NamedTensors> weights{{"", {}}};  // by the folder of a module
  for (const auto& [name, tensor] : files.tensors) {
    const auto end = name.find('/');
    if (end == name.npos)
      weights[""].emplace_back(name, tensor);
    else
      weights[name.substr(0, end)].emplace_back(name.substr(end + 1), tensor);
  }
  for (const auto& [name, bytes] : files.others) folder.write(name, bytes);
  for (const auto& [module, tensors] : weights)
    write_safetensors(folder.path() / module / "model.safetensors", tensors, {{"format", "pt"}});
  folder.commit();
}

}  // namespace heed
