#include "tasks/text_folder.h"

namespace heed {

TextFolder TextFolder::open(const std::filesystem::path& where) {
  const auto folder = find_model(where);
  return {folder, load_model(folder)};
}

data::TokenizerPtr TextFolder::tokenizer(const data::TokenizerOptions& options,
                                         const char* name) const {
  const auto found = files.others.find(name);
  if (found == files.others.end()) {
    throw ModelError(folder.string() + ": the model folder lacks its tokenizer, the file " + name);
  }
  try {
    return data::load_tokenizer(options, found->second, (folder / name).string());
  } catch (const DataError& error) {
    throw ModelError(error.what());
  }
}

void TextFolder::check_task(const std::string& given, const std::string& expected) const {
  if (given == expected) return;
  throw ModelError(folder.string() + ": the model was trained for the task '" + given +
                   "', expected one of the task '" + expected + "'");
}

void TextFolder::load(torch::nn::Module& model) const {
  load_into(model, files.tensors, folder / "model.safetensors");
  model.eval();
}

}  // namespace heed
