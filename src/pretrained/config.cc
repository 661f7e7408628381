#include "pretrained/config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "heed/core/error.h"

namespace heed::pretrained {
namespace {

using Json = nlohmann::json;

/// Keys of every config.json that say nothing of what the model computes of a batch, and why.
const std::vector<std::string>& general_keys() {
  static const std::vector<std::string> all = {
      // who wrote it, and where it lay
      "transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "finetuning_task",
      "license", "model_type", "architectures",
      // in which dtype the weights were written: the file of weights says that itself
      "torch_dtype", "dtype",
      // how weights would start
      "initializer_range", "initializer_factor", "init_std", "initializer_cutoff_factor",
      // what a call returns beside its result, and what it keeps for the next one
      "output_attentions", "output_hidden_states", "return_dict", "use_return_dict", "use_cache",
      "torchscript", "output_past", "is_encoder_decoder",
      // which kernel computes it, and how much memory that takes
      "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
      "chunk_size_feed_forward", "gradient_checkpointing", "use_bfloat16", "pretraining_tp",
      "deterministic_flash_attn", "reference_compile", "tf_legacy_loss",
      // the tokenizer's, which its own files say
      "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id",
      "mask_token_id", "unk_token_id", "tokenizer_class", "prefix", "bos_token", "eos_token",
      "pad_token", "gen_token_id",
      // of other tasks than that of the weights
      "task_specific_params", "num_labels", "id2label", "label2id", "problem_type", "_num_labels",
      // of generation, which generation_config.json says
      "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
      "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
      "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
      "num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id",
      "forced_eos_token_id", "decoder_start_token_id", "remove_invalid_values",
      "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
      "max_new_tokens",
      // what is one matrix is decided by the tensors that the file holds
      "tie_word_embeddings", "tie_encoder_decoder"};
  return all;
}

std::string shown(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

struct Config::Impl {
  Json object;
  std::string file, path;  // path: of an object in it, "rope_parameters."
  std::set<std::string> used;

  const Json* find(const std::string& key) {
    used.insert(key);
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
};

Config::Config(std::string_view json, std::string file) : impl_(std::make_unique<Impl>()) {
  impl_->file = std::move(file);
  impl_->object = Json::parse(json, nullptr, false);
  if (impl_->object.is_discarded()) throw ModelError(impl_->file + ": is not valid JSON");
  if (!impl_->object.is_object())
    throw ModelError(impl_->file + ": expected a JSON object, found " + impl_->object.type_name());
}
Config::Config(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

const std::string& Config::file() const { return impl_->file; }

void Config::refuse_text(const std::string& key, const std::string& message) const {
  throw ModelError(impl_->file + ": " + impl_->path + key + ": " + message);
}

bool Config::has(const std::string& key) const {
  return impl_->object.contains(key) && !is_null(key);
}

bool Config::is_null(const std::string& key) const {
  const auto found = impl_->object.find(key);
  return found != impl_->object.end() && found->is_null();
}

bool Config::is_true(const std::string& key) {
  const auto* value = impl_->find(key);
  return value && *value == true;
}

int64_t Config::integer(const std::string& key, const Bounds& bounds) {
  const auto* value = impl_->find(key);
  if (!value) refuse(key, "is missing; expected a whole number ", bounds.text());
  if (!value->is_number_integer() || !bounds.allow(value->get<double>()))
    refuse(key, "expected a whole number ", bounds.text(), ", found ", shown(*value));
  return value->get<int64_t>();
}

int64_t Config::integer(const std::string& key, const Bounds& bounds, int64_t otherwise) {
  return impl_->find(key) ? integer(key, bounds) : otherwise;
}

double Config::number(const std::string& key, const Bounds& bounds) {
  const auto* value = impl_->find(key);
  if (!value) refuse(key, "is missing; expected a number ", bounds.text());
  if (!value->is_number() || !bounds.allow(value->get<double>()))
    refuse(key, "expected a number ", bounds.text(), ", found ", shown(*value));
  return value->get<double>();
}

double Config::number(const std::string& key, const Bounds& bounds, double otherwise) {
  return impl_->find(key) ? number(key, bounds) : otherwise;
}

bool Config::flag(const std::string& key, bool otherwise) {
  const auto* value = impl_->find(key);
  if (!value) return otherwise;
  if (!value->is_boolean()) refuse(key, "expected true or false, found ", shown(*value));
  return value->get<bool>();
}

std::string Config::text(const std::string& key) {
  const auto* value = impl_->find(key);
  if (!value) refuse(key, "is missing; expected a text");
  if (!value->is_string()) refuse(key, "expected a text, found ", shown(*value));
  return value->get<std::string>();
}

std::string Config::text(const std::string& key, const std::string& otherwise) {
  return impl_->find(key) ? text(key) : otherwise;
}

std::vector<std::string> Config::texts(const std::string& key) {
  const auto* value = impl_->find(key);
  if (!value) return {};
  const auto list = value->is_array() ? *value : Json::array({*value});
  const bool fits =
      std::all_of(list.begin(), list.end(), [](const auto& x) { return x.is_string(); });
  if (!fits) refuse(key, "expected a list of texts, found ", shown(*value));
  return list.get<std::vector<std::string>>();
}

std::vector<int64_t> Config::integers(const std::string& key, const Bounds& bounds) {
  const auto* value = impl_->find(key);
  if (!value) return {};
  const auto list = value->is_array() ? *value : Json::array({*value});
  for (const auto& x : list)
    if (!x.is_number_integer() || !bounds.allow(x.template get<double>()))
      refuse(key, "expected whole numbers ", bounds.text(), ", found ", shown(*value));
  return list.get<std::vector<int64_t>>();
}

std::vector<double> Config::numbers(const std::string& key, const Bounds& bounds) {
  const auto* value = impl_->find(key);
  if (!value) return {};
  const auto list = value->is_array() ? *value : Json::array({*value});
  for (const auto& x : list)
    if (!x.is_number() || !bounds.allow(x.template get<double>()))
      refuse(key, "expected numbers ", bounds.text(), ", found ", shown(*value));
  return list.get<std::vector<double>>();
}

std::vector<std::vector<int64_t>> Config::integer_lists(const std::string& key,
                                                        const Bounds& bounds) {
  const auto* value = impl_->find(key);
  if (!value) return {};
  const auto fits = [&](const Json& list) {
    return list.is_array() && !list.empty() &&
           std::all_of(list.begin(), list.end(), [&](const Json& x) {
             return x.is_number_integer() && bounds.allow(x.get<double>());
           });
  };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), fits))
    refuse(key, "expected a list of lists of whole numbers ", bounds.text(), ", found ",
           shown(*value));
  return value->get<std::vector<std::vector<int64_t>>>();
}

Config Config::part(const std::vector<std::string>& keys) const {
  auto some = std::make_unique<Impl>();
  some->object = Json::object();
  some->file = impl_->file;
  for (const auto& key : keys)
    if (const auto found = impl_->object.find(key); found != impl_->object.end())
      some->object[key] = *found;
  return Config(std::move(some));
}

std::optional<Config> Config::object(const std::string& key) {
  const auto* value = impl_->find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) refuse(key, "expected an object, found ", shown(*value));
  auto inner = std::make_unique<Impl>();
  inner->object = *value;
  inner->file = impl_->file, inner->path = impl_->path + key + ".";
  return Config(std::move(inner));
}

std::vector<std::string> Config::numbered_texts(const std::string& key) {
  const auto* value = impl_->find(key);
  if (!value) return {};
  if (!value->is_object()) refuse(key, "expected an object, found ", shown(*value));
  std::vector<std::string> all;
  for (size_t i = 0; i < value->size(); ++i) {
    const auto found = value->find(std::to_string(i));
    if (found == value->end() || !found->is_string())
      refuse(key, "expected texts under \"0\" to \"", value->size() - 1, "\", and \"", i,
             "\" is none");
    all.push_back(found->get<std::string>());
  }
  return all;
}

void Config::only(const std::string& key, std::string_view json, const std::string& why) {
  const auto* value = impl_->find(key);
  const auto expected = Json::parse(json);
  if (!value || *value == expected) return;
  refuse(key, "expected ", json, ", found ", shown(*value), ", which asks for ", why,
         "; Heed has no such model");
}

void Config::no_effect(const std::vector<std::string>& keys) {
  impl_->used.insert(keys.begin(), keys.end());
}

void Config::end() {
  const std::vector<std::string> own(impl_->used.begin(), impl_->used.end());
  if (impl_->path.empty()) {
    if (has("auto_map"))
      refuse("auto_map", "the model is Python code of the folder's own, which Heed does not run");
    if (has("quantization_config"))
      refuse("quantization_config",
             "the weights are quantised; expected float32, float16 or bfloat16: save them "
             "dequantised");
    only("pruned_heads", "{}", "attention heads that were taken out");
    only("cross_attention_hidden_size", "null", "states of another width");
    no_effect({"auto_map", "quantization_config"});
    no_effect(general_keys());
  }
  const std::vector<std::string> known(impl_->used.begin(), impl_->used.end());
  for (const auto& [key, value] : impl_->object.items()) {
    if (impl_->used.contains(key)) continue;
    const bool near = !nearest_name(key, known).empty();
    refuse(
        key, "unknown key", suggestion(key, near ? known : own), " (its value is ", shown(value),
        "); a folder with keys that Heed does not know may hold another model than it would make");
  }
}

}  // namespace heed::pretrained
