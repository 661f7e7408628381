#include "pretrained/sentence_modules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "pretrained/sentence_words.h"

namespace heed::pretrained {
namespace fs = std::filesystem;
namespace {

constexpr const char* kModules = "modules.json";
constexpr const char* kSentenceOptions = "config_sentence_transformers.json";
/// Of the module Transformer; the name says which class wrote it, and they all hold the same keys.
constexpr const char* kTextOptions[] = {
    "sentence_bert_config.json",       "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_albert_config.json",
    "sentence_xlnet_config.json",      "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json"};
constexpr uint64_t kMostModuleConfig = uint64_t{1} << 20;
constexpr const char* kOrder = "Transformer, Pooling, Dense, Normalize";

struct SentenceModule {
  std::string type;    ///< "Pooling" of sentence_transformers.models.Pooling
  std::string folder;  ///< "1_Pooling"
};

std::vector<SentenceModule> modules_of(const std::string& bytes, const std::string& file) {
  const auto wrong = [&](const auto&... what) { return ModelError(text_of(file, ": ", what...)); };
  const auto json = nlohmann::json::parse(bytes, nullptr, false);
  if (json.is_discarded()) throw wrong("is not valid JSON");
  if (!json.is_array() || json.empty()) throw wrong("expected a list of modules");
  std::vector<SentenceModule> modules;
  for (const auto& one : json) {
    const auto text = [&](const char* key) {
      const auto found = one.is_object() ? one.find(key) : one.end();
      if (!one.is_object() || found == one.end() || !found->is_string())
        throw wrong("module ", modules.size(), ": expected an object with the text ", key);
      return found->get<std::string>();
    };
    const auto type = text("type");
    SentenceModule module{type.substr(type.rfind('.') + 1), text("path")};
    if (!type.starts_with("sentence_transformers."))
      throw wrong("module ", modules.size(), ": unknown '", type,
                  "', Python code that comes with the folder; Heed reads ", kOrder,
                  " of sentence_transformers");
    if (module.folder.find('/') != std::string::npos || module.folder.starts_with("."))
      throw wrong("module ", modules.size(), ": path: expected a plain name, found '",
                  module.folder, "'");
    modules.push_back(std::move(module));
  }
  return modules;
}

std::string module_file(const SentenceModule& module, const char* name) {
  return module.folder.empty() ? name : module.folder + "/" + name;
}

/// The one of the module's modes, as [head.pool] calls it.
std::string pool_of(Config& config, int64_t width) {
  std::vector<std::string> given = config.texts("pooling_mode");
  const bool old = given.empty();
  std::string known;
  for (const auto& [theirs, ours] : kPoolingModes) {
    if (config.flag(pooling_key(theirs), false) && old) given.push_back(theirs);
    known += (known.empty() ? "" : ", ") + std::string(theirs);
  }
  if (given.empty()) given.push_back("mean");
  if (given.size() > 1)
    config.refuse("pooling_mode", "several modes at once, '", given[0], "' and '", given[1],
                  "'; Heed's embedding has one");
  for (const char* key : {"embedding_dimension", "word_embedding_dimension"})
    if (const auto said = config.integer(key, between(1, kMostChannels), width); said != width)
      config.refuse(key, "expected the ", width, " of config.json, found ", said);
  // Which tokens of a prompt are left out; there is none.
  config.no_effect({"include_prompt"});
  config.end();
  for (const auto& [theirs, ours] : kPoolingModes)
    if (given.front() == theirs) return ours;
  config.refuse("pooling_mode", "unknown '", given.front(), "'; known: ", known);
}

void add_dense_module(Plan& plan, Config& config, const std::string& folder, int64_t width) {
  if (const auto in = config.integer("in_features", between(1, kMostChannels)); in != width)
    config.refuse("in_features", "expected the ", width, " of config.json, found ", in);
  const auto out = config.integer("out_features", between(1, kMostChannels));
  const bool bias = config.flag("bias", true);
  const auto given = config.text("activation_function", "torch.nn.modules.activation.Tanh");
  config.only("use_residual", "false", "a sum with what the layer is given");
  for (const char* key : {"module_input_name", "module_output_name"})
    config.only(key, "\"sentence_embedding\"", "a layer of tokens");
  config.end();
  std::string activation, known;
  for (const auto& [theirs, ours] : kDenseActivations) {
    if (given == theirs) activation = ours;
    known += std::string(known.empty() ? "" : ", ") + theirs;
  }
  if (activation.empty())
    config.refuse("activation_function", "unknown '", given, "'; known: ", known);
  plan.recipe.table("head").set("width", out).set("bias", bias).set("activation", activation);
  plan.tensors.linear("head.linear", folder + "/linear", out, width, bias);
}

/// The most tokens of a text, those that are put in included; 0: it does not say.
int64_t longest_text(Config config) {
  const auto most = config.integer("max_seq_length", between(1, kMostLength), 0);
  config.only("do_lower_case", "false",
              "lower case before the tokenizer, which tokenizer.json can say itself");
  config.only("transformer_task", "\"feature-extraction\"", "another task");
  config.only("module_output_name", "\"token_embeddings\"", "outputs of other names");
  // What else than texts there is, and how transformers computes.
  config.no_effect({"modality_config", "model_args", "tokenizer_args", "config_args",
                    "processing_kwargs", "unpad_inputs"});
  config.end();
  return most;
}

/// model_max_length of tokenizer_config.json, which counts where the module says nothing; 0: none.
int64_t tokenizer_length(const PretrainedFiles& files) {
  const auto found = files.others.find("tokenizer_config.json");
  if (found == files.others.end()) return 0;
  const auto json = nlohmann::json::parse(found->second, nullptr, false);
  if (!json.is_object() || !json.contains("model_max_length")) return 0;
  const auto& length = json["model_max_length"];  // transformers writes 1e30 for none
  return length.is_number() && length > 0 && length < 1e9 ? length.get<int64_t>() : 0;
}

void set_longest_text(Plan& plan, const PretrainedFiles& files) {
  int64_t most = 0;
  for (const char* name : kTextOptions)
    if (const auto found = files.others.find(name); found != files.others.end())
      most = longest_text(Config(found->second, (fs::path(files.name) / name).string()));
  if (most == 0) most = tokenizer_length(files);
  const int64_t model = std::stoll(plan.recipe.value("input", "max_length"));
  if (most > 0 && (model == 0 || most < model)) plan.recipe.table("input").set("max_length", most);
}

void check_order(const std::vector<SentenceModule>& modules, const std::string& file) {
  static const std::vector<std::string> kKinds = {"Transformer", "Pooling", "Dense", "Normalize"};
  size_t next = 0;  // in kKinds
  for (const auto& [type, folder] : modules) {
    const auto kind = std::find(kKinds.begin(), kKinds.end(), type);
    if (kind == kKinds.end())
      throw ModelError(file + ": unknown module '" + type + "'; Heed reads " + kOrder);
    const auto number = static_cast<size_t>(kind - kKinds.begin());
    if (number < next || (next < 2 && number != next))
      throw ModelError(file + ": the module " + type + " stands at another place than in " +
                       kOrder + ", where the last two may be left out and none stands twice");
    if (number == 0 && !folder.empty())
      throw ModelError(file + ": the transformer lies in " + folder +
                       "; put its files beside modules.json");
    next = number + 1;
  }
  if (next < 2)
    throw ModelError(file + ": there is no module Pooling, which makes one vector of all tokens");
}

void check_prompt(Config config) {
  if (const auto name = config.text("default_prompt_name", ""); !name.empty())
    config.refuse(
        "default_prompt_name", "is '", name,
        "', a text that is put before every other; Heed puts none: make it null and write "
        "it before the texts");
  config.no_effect({"prompts", "similarity_fn_name", "model_type", "__version__"});
  config.end();
}

}  // namespace

bool has_sentence_modules(const std::map<std::string, std::string>& files) {
  return files.contains(kModules);
}

bool is_sentence_file(std::string_view name) {
  return name == kModules || name == kSentenceOptions || name.find('/') != name.npos ||
         std::find(std::begin(kTextOptions), std::end(kTextOptions), name) !=
             std::end(kTextOptions);
}

void read_sentence_files(const fs::path& folder, PretrainedFiles& files) {
  if (kind_of(folder / kModules) != PathKind::file) return;
  const auto keep = [&](const std::string& name) {
    if (kind_of(folder / name) == PathKind::file)
      files.others.emplace(name, read_text(folder / name, kMostModuleConfig));
  };
  keep(kModules), keep(kSentenceOptions);
  for (const char* name : kTextOptions) keep(name);
  for (const auto& module : modules_of(files.others.at(kModules), (folder / kModules).string())) {
    if (module.folder.empty()) continue;
    keep(module_file(module, "config.json"));
    const auto weights = folder / module_file(module, "model.safetensors");
    if (kind_of(weights) == PathKind::file)
      for (auto& [name, tensor] : map_safetensors(weights).tensors)
        files.tensors.emplace_back(module_file(module, name.c_str()), std::move(tensor));
    else if (const auto pickle = folder / module_file(module, "pytorch_model.bin");
             kind_of(pickle) == PathKind::file)
      throw ModelError(pickle.string() +
                       ": the weights are a pickle, which can run any program while it is read; "
                       "Heed reads safetensors. Write them by sentence_transformers: "
                       "SentenceTransformer(FOLDER).save(FOLDER)");
  }
}

void add_sentence_modules(Plan& plan, const PretrainedFiles& files) {
  const fs::path folder(files.name);
  const auto place = [&](const std::string& name) { return (folder / name).string(); };
  const auto config_of = [&](const SentenceModule& module) {
    const auto name = module_file(module, "config.json");
    const auto found = files.others.find(name);
    if (found == files.others.end())
      throw ModelError(place(name) + " is missing, and " + kModules +
                       " names the module; fetch it, too");
    return Config(found->second, place(name));
  };
  const auto modules = modules_of(files.others.at(kModules), place(kModules));
  check_order(modules, place(kModules));
  const int64_t width = std::stoll(plan.recipe.value("encoder", "width"));
  bool normalize = false;
  for (const auto& module : modules) {
    if (module.type == "Pooling") {
      auto config = config_of(module);
      plan.recipe.table("head.pool").set("kind", pool_of(config, width));
    } else if (module.type == "Dense") {
      auto config = config_of(module);
      add_dense_module(plan, config, module.folder, width);
    } else if (module.type == "Normalize") {
      normalize = true;
    }
  }
  plan.recipe.table("head").set("normalize", normalize);
  for (const char* head :
       {"cls.*", "lm_head.*", "vocab_transform.*", "vocab_layer_norm.*", "vocab_projector.*"})
    plan.tensors.unused(head);  // of a masked language model, which config.json may name
  if (const auto found = files.others.find(kSentenceOptions); found != files.others.end())
    check_prompt(Config(found->second, place(kSentenceOptions)));
  set_longest_text(plan, files);
}

}  // namespace heed::pretrained
