// What an architecture of others is here. One file in this folder each; registry.cc has a line.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "pretrained/config.h"
#include "pretrained/recipe_text.h"
#include "pretrained/tensor_table.h"

namespace heed::pretrained {

inline constexpr Bounds kDropouts = from_to_below(0, 1);

/// The file of tensors that only a class of theirs has (TensorTable::kept).
inline constexpr const char* kKeptFile = "kept.safetensors";
/// What a folder of Marian has in place of tokenizer.json.
inline constexpr const char* kMarianFiles[] = {"source.spm", "target.spm", "vocab.json"};

/// What a folder's weights answer, by the end of the class that config.json names.
enum class Task {
  states,          ///< ...Model: a vector a token
  sequence_class,  ///< ...ForSequenceClassification
  token_class,     ///< ...ForTokenClassification
  answer_span,     ///< ...ForQuestionAnswering
  masked,          ///< ...ForMaskedLM
  causal,          ///< ...ForCausalLM, ...LMHeadModel
  seq2seq,         ///< ...ForConditionalGeneration, ...MTModel
  image_class,     ///< ...ForImageClassification
};

/// A model of Heed as it is planned: its recipe, its tensors, and files that stand beside them.
struct Plan {
  RecipeText recipe;
  TensorTable tensors;
  std::map<std::string, std::string> others = {};
  std::string tokenizer = "text.tokenizer";  ///< what its input calls the file tokenizer.json
};

/// What an architecture's file is told.
struct Given {
  Config& config;  ///< all of whose keys it asks for
  Task task;
  const NamedTensors& tensors;  ///< theirs, for what only the file of weights says
  const std::map<std::string, std::string>& others;  ///< generation_config.json, ...
};

struct Architecture {
  std::string model_type;
  std::string class_prefix;  ///< "Bert" of BertForMaskedLM
  /// The classes that it reads, without their prefix; the first stands for a config without any.
  std::vector<std::string> classes;
  Plan (*plan)(const Given&);
};

Architecture albert();
Architecture bert();
Architecture distilbert();
Architecture electra();
Architecture gemma2();
Architecture gemma3();
Architecture gpt2();
Architecture llama();
Architecture marian();
Architecture mistral();
Architecture modernbert();
Architecture qwen2();
Architecture qwen3();
Architecture roberta();
Architecture t5();
Architecture vit();
Architecture whisper();
Architecture xlm_roberta();

/// All, in alphabetical order.
const std::vector<Architecture>& architectures();

/// The one of config.json's model_type, and what the class of `architectures` answers. Throw
/// ModelError with those that are known.
const Architecture& architecture_of(Config& config);
Task task_of(Config& config, const Architecture& architecture);
/// The end of the class that answers a task, "ForMaskedLM"; empty: the architecture has none.
std::string class_of(const Architecture& architecture, Task task);

/// The word of [encoder] or [head] for an activation, "gelu_new" -> "gelu_tanh". Throws ModelError
/// with those that are known.
std::string activation_of(Config& config, const std::string& key, const std::string& otherwise);
/// The same of a word that is part of the key's value.
std::string activation_word(Config& config, const std::string& key, const std::string& given);

}  // namespace heed::pretrained
