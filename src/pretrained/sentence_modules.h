// The modules of sentence-transformers (Reimers & Gurevych 2019): https://sbert.net
//
//   modules.json                   the modules in their order, each with its folder
//   sentence_bert_config.json      of the first: the longest text
//   config_sentence_transformers.json
//   1_Pooling/config.json, 2_Dense/config.json, 2_Dense/model.safetensors
#pragma once

#include <filesystem>
#include <string_view>

#include "heed/pretrained/pretrained.h"
#include "pretrained/architecture.h"

namespace heed::pretrained {

/// What such a folder holds beside that of transformers: files by their path in it, and the tensors of
/// its modules, whose names begin with their folder's, "2_Dense/linear.weight". Nothing where there
/// is no modules.json. Throws FileError, ModelError.
void read_sentence_files(const std::filesystem::path& folder, PretrainedFiles& files);

/// Whether files() has any, and whether a name is one of theirs: they become part of the recipe.
bool has_sentence_modules(const std::map<std::string, std::string>& files);
bool is_sentence_file(std::string_view name);

/// Makes the embedding of `plan` theirs: pooling, dense layer, normalisation, the longest text. Throws
/// ModelError that names file and key: a module that is not known or stands at another place than
/// Transformer, Pooling, Dense, Normalize; a key or a pooling mode that is not known; several modes at once;
/// a prompt that is put before every text.
void add_sentence_modules(Plan& plan, const PretrainedFiles& files);

}  // namespace heed::pretrained
