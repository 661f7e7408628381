#include "heed/pretrained/pretrained.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/formats/gguf.h"
#include "pretrained/architecture.h"
#include "pretrained/folder.h"
#include "pretrained/gguf.h"
#include "pretrained/sentence_modules.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfig = "config.json";
constexpr uint64_t kMostConfig = uint64_t{16} << 20;
constexpr uint64_t kMostOther = uint64_t{256} << 20;
/// What a model may need beside its weights.
constexpr const char* kBeside[] = {"tokenizer.json",           "tokenizer_config.json",
                                   "special_tokens_map.json",  "generation_config.json",
                                   "preprocessor_config.json", "chat_template.jinja"};

}  // namespace

bool is_pretrained(const fs::path& folder) {
  if (kind_of(folder) == PathKind::file) return is_gguf(folder);
  return kind_of(folder) == PathKind::folder && kind_of(folder / kConfig) != PathKind::absent &&
         kind_of(folder / "recipe.toml") == PathKind::absent;
}

bool is_pretrained_file(const std::string& name) {
  const auto is_one_of = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return name == kConfig || name == pretrained::kKeptFile || is_one_of(kBeside) ||
         is_one_of(pretrained::kMarianFiles);
}

PretrainedFiles read_pretrained_files(const fs::path& folder) {
  if (kind_of(folder) == PathKind::file) return pretrained::read_gguf_files(folder);
  PretrainedFiles files{.name = folder.string(),
                        .config = read_text(folder / kConfig, kMostConfig),
                        .tensors = pretrained::read_weights(folder)};
  for (const char* name : kBeside)
    if (kind_of(folder / name) == PathKind::file)
      files.others.emplace(name, read_text(folder / name, kMostOther));
  if (kind_of(folder / "source.spm") == PathKind::file)
    for (const char* name : pretrained::kMarianFiles)
      if (kind_of(folder / name) == PathKind::file)
        files.others.emplace(name, read_text(folder / name, kMostOther));
  pretrained::read_sentence_files(folder, files);
  return files;
}

ModelFiles from_pretrained(const PretrainedFiles& files) {
  pretrained::Config config(files.config, (fs::path(files.name) / kConfig).string());
  const auto& architecture = pretrained::architecture_of(config);
  const bool sentences = pretrained::has_sentence_modules(files.others);
  auto task = pretrained::task_of(config, architecture);
  if (sentences && task != pretrained::Task::states) {
    if (pretrained::class_of(architecture, pretrained::Task::states).empty())
      throw ModelError(files.name +
                       ": has modules.json, which makes vectors of an encoder's tokens, and '" +
                       architecture.model_type + "' is read as a decoder");
    task = pretrained::Task::states;
  }
  auto plan = architecture.plan({config, task, files.tensors, files.others});
  if (sentences) pretrained::add_sentence_modules(plan, files);
  config.end();
  ModelFiles model{.recipe = plan.recipe.text(),
                   .tensors = plan.tensors.ours(files.tensors, files.name),
                   .others = std::move(plan.others)};
  for (const auto& [name, bytes] : files.others)
    if (!pretrained::is_sentence_file(name)) model.others.emplace(name, bytes);
  if (const auto kept = plan.tensors.kept_of(files.tensors); !kept.empty())
    model.others.emplace(pretrained::kKeptFile, safetensors_bytes(kept));
  model.others.emplace(kConfig, files.config);
  auto tokenizer = model.others.extract("tokenizer.json");
  if (tokenizer) model.others.emplace(plan.tokenizer, std::move(tokenizer.mapped()));
  return model;
}

ModelFiles read_pretrained(const fs::path& folder) {
  return from_pretrained(read_pretrained_files(folder));
}

}  // namespace heed
