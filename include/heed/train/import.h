// Models that others trained: their tensors under Heed's names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heed/formats/safetensors.h"

namespace heed {

/// How tensors of ours are made of theirs, in this order: those of `from` one below the other, of
/// that the `rows`, transposed, times `scale`.
struct TensorRule {
  std::string to;                            ///< "encoder.{i}.attention.qkv.weight"
  std::vector<std::string> from;             ///< "encoder/layer_{i}/linear_0/weight"
  std::optional<std::vector<int64_t>> rows;  ///< first and end
  bool transpose = false;
  double scale = 1;
};

/// A file that the model needs beside its tensors, and lines behind its last one.
struct FileRule {
  std::string from, to;
  std::vector<std::string> append;
};

/// A mapping file:
///
///   recipe = "recipe.toml"              # of the model, beside this file
///   ignore = ["decoder/step_{i}"]       # tensors of theirs that are not needed
///
///   [[tensor]]
///   to = "output"
///   from = "decoder/projection/weight"  # or a list
///   rows = [0, 512]                     # optional, as are transpose = true and scale = 0.5
///
///   [[file]]                            # from beside the tensors into the model folder
///   from = "source_vocabulary.txt"
///   to = "source.tokenizer"
///   append = ["<unk>"]                  # lines that theirs leaves out
///
/// A rule with {i} in its names stands for i = 0, 1, ... as far as the first name of `from` goes.
struct ImportMap {
  std::string recipe;
  std::vector<std::string> ignore;
  std::vector<FileRule> files;
  std::vector<TensorRule> tensors;

  /// Throws ModelError that names file and line for what is not such a mapping.
  static ImportMap parse(std::string_view text, const std::string& name);
};

/// Our tensors, float32, row by row. Throws ModelError where one of theirs is missing, used by no
/// rule and not ignored (so that nothing is left out unseen), or does not fit the rule.
NamedTensors import_tensors(const NamedTensors& theirs, const ImportMap& map);

/// Reads mapping, recipe and tensors, and writes a model folder of them. What the recipe says must
/// agree with the tensors is found when the folder is opened. Throws what reading, import_tensors
/// and save_model throw.
void import_model(const std::filesystem::path& mapping, const std::filesystem::path& tensors,
                  const std::filesystem::path& folder);

}  // namespace heed
