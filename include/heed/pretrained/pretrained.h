// Folders that others trained, those of Hugging Face's transformers, as models of Heed and back.
//
//   config.json                       what the model is: model_type, architectures, sizes
//   model.safetensors                 its weights, or model.safetensors.index.json and the files
//                                     (shards) that it names
//   tokenizer.json, tokenizer_config.json, special_tokens_map.json, generation_config.json,
//   preprocessor_config.json          where there are such
//   modules.json                      of sentence-transformers: which vector a text has, and the files
//                                     of its modules
//
// A model_type has one file in src/pretrained/, which says what its keys and tensors are called here.
// Every key of config.json is used, known to have no effect on the result, or an error; so is every
// tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "heed/train/model_folder.h"

namespace heed {

/// What such a folder holds.
struct PretrainedFiles {
  std::string name;      ///< of the folder, for messages
  std::string config;    ///< config.json
  NamedTensors tensors;  ///< under their names; float32, float16 or bfloat16
  std::map<std::string, std::string> others = {};  ///< file name -> bytes: tokenizer.json, ...
};

/// The model_types that are known, in alphabetical order.
std::vector<std::string> pretrained_model_types();

/// Whether this is a model that others trained: a folder that has config.json and no recipe.toml, or
/// a GGUF file (heed/formats/gguf.h), which is read as the folder that it was made of.
bool is_pretrained(const std::filesystem::path& folder);

/// The files as they lie, the weights as memory of their files (map_safetensors); so are those of a
/// GGUF file that are float32 (the others become it). Throws FileError; ModelError where weights are
/// missing, are a pickle (with the way to make safetensors of it), or index and shards disagree.
PretrainedFiles read_pretrained_files(const std::filesystem::path& folder);

/// The same as a model of Heed: a recipe, weights in float32 and what stands beside them, config.json
/// among it. Weights that are float32 already and need no change keep the memory of their file.
///
/// Throws ModelError that names file, key or tensor, expected and found: a model_type or a class of
/// `architectures` that is not known (with those that are), a key that is not known (with the nearest
/// one), a value that the model cannot have, a rope without theta or of a type that is not known;
/// a tensor that is missing, is not known, or has another shape than config.json says. Nothing is
/// made before shapes are compared, so sizes that no file has cost no memory.
ModelFiles from_pretrained(const PretrainedFiles& files);

/// Whether a file of a model folder of Heed is there so that the model can become such a folder
/// again: config.json and others that Heed itself reads nothing of.
bool is_pretrained_file(const std::string& name);

/// Both.
ModelFiles read_pretrained(const std::filesystem::path& folder);

/// A model that came from such a folder (its files hold config.json) as one again, after training, too:
/// with another head config.json names the class of that and its labels. Weights are float32. A number's
/// mean and deviation go into the last layer. Throws ModelError where there is no config.json, the
/// architecture has no class for the head, or tensors do not fit it.
PretrainedFiles to_pretrained(const ModelFiles& model);

/// The recipe of the class as which to_pretrained would write it: where that differs from the model's
/// own in what is computed, they are two models. Throws ModelError where there is no such class.
std::string recipe_of_class(const ModelFiles& model);

/// Writes it whole or not at all. Throws UsageError where the folder is not empty, and what
/// to_pretrained throws, FileError.
void write_pretrained(const std::filesystem::path& folder, const ModelFiles& model);

/// Low-rank adapters (heed/nn/lora.h) as PEFT reads them.
struct AdapterFiles {
  std::string config;    ///< adapter_config.json
  NamedTensors tensors;  ///< adapter_model.safetensors: lora_A, lora_B and the new head
};

/// Of a model that began with a folder of transformers and was trained with model.lora, its tensors
/// as its folder has them, not merged. Throws ModelError, also what to_pretrained throws.
AdapterFiles to_adapter(const ModelFiles& model);
/// Writes the folder whole or not at all. Throws UsageError where it is not empty.
void write_adapter(const std::filesystem::path& folder, const ModelFiles& model);

}  // namespace heed
