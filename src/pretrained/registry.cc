#include <algorithm>

#include "heed/core/error.h"
#include "heed/pretrained/pretrained.h"
#include "pretrained/architecture.h"

namespace heed {
namespace pretrained {
namespace {

struct TaskOfClass {
  const char* end;  // of a class's name
  Task task;
};
constexpr TaskOfClass kTasks[] = {{"Model", Task::states},
                                  {"ForSequenceClassification", Task::sequence_class},
                                  {"ForTokenClassification", Task::token_class},
                                  {"ForQuestionAnswering", Task::answer_span},
                                  {"ForMaskedLM", Task::masked},
                                  {"ForPreTraining", Task::masked},
                                  {"ForCausalLM", Task::causal},
                                  {"LMHeadModel", Task::causal},
                                  {"ForConditionalGeneration", Task::seq2seq},
                                  {"MTModel", Task::seq2seq},
                                  {"ForImageClassification", Task::image_class}};

Task task_of_class(const std::string& end) {
  for (const auto& known : kTasks)
    if (end == known.end) return known.task;
  throw ModelError("no task is known for classes that end in " + end);
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> all = {
      albert(), bert(),    distilbert(), electra(), gemma2(),     gemma3(),
      gpt2(),   llama(),   marian(),     mistral(), modernbert(), qwen2(),
      qwen3(),  roberta(), t5(),         vit(),     whisper(),    xlm_roberta()};
  return all;
}

const Architecture& architecture_of(Config& config) {
  const auto given = config.text("model_type");
  for (const auto& known : architectures())
    if (known.model_type == given) return known;
  std::string all;
  for (const auto& known : architectures()) all += (all.empty() ? "" : ", ") + known.model_type;
  config.refuse("model_type", "unknown '", given, "'; Heed reads ", all);
}

Task task_of(Config& config, const Architecture& architecture) {
  const auto given = config.texts("architectures");
  if (given.empty()) return task_of_class(architecture.classes.front());
  std::string known;
  for (const auto& end : architecture.classes) {
    const auto name = architecture.class_prefix + end;
    if (given.front() == name) return task_of_class(end);
    known += (known.empty() ? "" : ", ") + name;
  }
  config.refuse("architectures", "unknown '", given.front(), "'; of the model_type '",
                architecture.model_type, "' Heed reads ", known);
}

std::string class_of(const Architecture& architecture, Task task) {
  for (const auto& end : architecture.classes)
    if (task_of_class(end) == task) return end;
  return "";
}

std::string activation_of(Config& config, const std::string& key, const std::string& otherwise) {
  return activation_word(config, key, config.text(key, otherwise));
}

std::string activation_word(Config& config, const std::string& key, const std::string& given) {
  static const std::map<std::string, std::string> words = {
      {"gelu", "gelu"}, {"gelu_python", "gelu"},    {"gelu_new", "gelu_tanh"},
      {"relu", "relu"}, {"gelu_fast", "gelu_tanh"}, {"gelu_pytorch_tanh", "gelu_tanh"},
      {"silu", "silu"}, {"swish", "silu"},          {"quick_gelu", "quick_gelu"}};
  const auto found = words.find(given);
  if (found != words.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, ours] : words) known.push_back(name);
  config.refuse(key, "unknown '", given, "'", suggestion(given, known));
}

}  // namespace pretrained

std::vector<std::string> pretrained_model_types() {
  std::vector<std::string> all;
  for (const auto& known : pretrained::architectures()) all.push_back(known.model_type);
  return all;
}

}  // namespace heed
