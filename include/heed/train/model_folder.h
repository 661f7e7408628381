// A trained model on disk, and the folder of a training run.
//
//   A model folder:   recipe.toml  model.safetensors  metrics.json
//                     [state.safetensors  state.json]  [files of the tokenizer]
//   A run folder:     best/  last-00001200/  last-00001400/  log.jsonl  events.out.tfevents.*
//
// best/ and last-STEP/ are model folders; only last-STEP/ has the state with which training goes
// on. Each is written as a whole (AtomicFolder).
//
// Checksums (XXH3-128) cover every file: model.safetensors and state.safetensors hold their own, and
// in their metadata, as "file/NAME", those of the files beside them. A file that does not fit is
// refused. Folders written before recipe.toml and metrics.json had checksums open as they are.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heed/formats/safetensors.h"

namespace heed {

/// What training needs to go on as if it had not stopped.
struct TrainState {
  NamedTensors tensors;  ///< optimiser, moving averages, generators
  std::string values;    ///< JSON: step, cursor, schedule, ...
};

struct ModelFiles {
  std::string recipe = {};     ///< TOML, complete and resolved
  NamedTensors tensors = {};   ///< parameters and buffers
  std::string metrics = "{}";  ///< JSON
  std::optional<TrainState> state = {};
  std::map<std::string, std::string> others = {};  ///< file name -> bytes: tokenizers, class names
};

/// Writes the folder whole or not at all, and reads it back before it takes its place. A folder that
/// stands there must be a model folder or empty: anything else is not replaced (UsageError). What a
/// user put into it beside the model's files stays there. Throws FileError, and ModelError where
/// what was written cannot be read (the old folder then still stands).
void save_model(const std::filesystem::path& folder, const ModelFiles& files);

enum class WithState { no, yes };

/// Reads a folder that save_model wrote; `where` is a model folder or a run folder (see
/// find_model). With WithState::yes the folder must have the state. Throws ModelError for what is
/// missing or damaged, FileError for what cannot be read.
ModelFiles load_model(const std::filesystem::path& where, WithState state = WithState::no);

/// What a file of a model folder was found to be.
enum class FileState {
  verified,     ///< it has its checksum
  no_checksum,  ///< it can be read, and nothing says whether it was changed
  foreign,      ///< no file of a model: it was not read
};

/// Reads every file of a model folder and verifies it. Throws what load_model throws.
std::vector<std::pair<std::string, FileState>> verify_model(const std::filesystem::path& folder);

/// The names in a model folder that are no files of the model; of a folder that is not there none.
std::vector<std::string> foreign_files(const std::filesystem::path& folder);

/// `where` itself if it is a model folder; of a run folder best/ and every last-STEP/.
std::vector<std::filesystem::path> model_folders(const std::filesystem::path& where);

/// `where` itself if it is a model folder; of a run folder best/, else the newest last-STEP/.
/// Throws ModelError that says what was looked for.
std::filesystem::path find_model(const std::filesystem::path& where);

/// Parameters, then buffers, by their dotted names.
NamedTensors named_tensors(const torch::nn::Module& module);

/// Copies tensors into the module's parameters and buffers of the same names. All are checked
/// before the first is copied: a missing tensor, one that the module does not have, another shape
/// or dtype, a NaN or infinite weight each throw ModelError with file (for the message), tensor,
/// expected and found.
void load_into(torch::nn::Module& module, const NamedTensors& tensors,
               const std::filesystem::path& file);

/// The same for a model that is not changed any more: its parameters and buffers have the memory of `tensors`, that of
/// a file that is read only among them, and nothing is copied. What shares a parameter's memory with it in another
/// shape does not follow.
void take_into(torch::nn::Module& module, const NamedTensors& tensors,
               const std::filesystem::path& file);

/// Throws UsageError unless a run may use the folder: it is missing, empty, or holds what a run left
/// that ended before its first checkpoint; with `resume` it may hold a run. What else it holds is
/// the user's.
void check_run_folder(const std::filesystem::path& folder, bool resume);

/// The folder of a training run: the best model and the last `keep` checkpoints.
class RunFolder {
 public:
  /// Makes the folder where it is missing and removes what a killed run left half-written.
  /// Throws UsageError while another process trains into it.
  RunFolder(std::filesystem::path path, int64_t keep);
  /// Without a model in it the folder goes, as far as this made it, with its log and curves.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  void save_best(const ModelFiles& files);
  /// Writes last-STEP/, then removes the oldest beyond `keep`, but none into which a user put files.
  void save_last(int64_t step, const ModelFiles& files);
  /// Removes the oldest beyond `keep` of those before a step: a run that was stopped between the two
  /// left them.
  void remove_old(int64_t before);
  /// The newest last-STEP/, from which training goes on; none before the first.
  std::optional<std::filesystem::path> newest() const;
  /// All of last-STEP/, oldest first.
  std::vector<std::filesystem::path> checkpoints() const;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path log() const { return path_ / "log.jsonl"; }

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;   ///< folders, the outermost first
  std::vector<std::filesystem::path> stood_;  ///< what lay in the folder before
  int64_t keep_;
  int lock_;
};

}  // namespace heed
