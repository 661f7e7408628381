#include "train/run_folder.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <set>

#include "core/replace_folder.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/train/model_folder.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

constexpr const char* kBest = "best";
constexpr std::string_view kLast = "last-";

/// Step -> last-STEP/.
std::map<int64_t, fs::path> checkpoints_of(const fs::path& run) {
  std::map<int64_t, fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator entry(run, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kLast) || !entry->is_directory()) continue;
    int64_t step = -1;
    const char* past = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + kLast.size(), past, step);
    if (error == std::errc() && stop == past && step >= 0) found.emplace(step, entry->path());
  }
  if (failure) throw FileError("list", run, failure.value());
  return found;
}

/// The targets of what a killed run left: ".best.partial-12_3" is of "best".
void recover_run(const fs::path& run) {
  std::set<std::string> targets;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    for (const char* stage : {".partial-", ".ready-", ".old-"}) {
      const size_t at = name.rfind(stage);
      if (name.starts_with('.') && at != std::string::npos && at > 1) {
        targets.insert(name.substr(1, at - 1));
      }
    }
  }
  for (const auto& target : targets) recover_folder(run / target);
}

}  // namespace

fs::path find_model(const fs::path& where) {
  if (!fs::exists(where)) {
    if (fs::exists(where.has_parent_path() ? where.parent_path() : fs::path(".")))
      recover_folder(where);
    if (!fs::exists(where)) throw FileError("find the model", where, ENOENT);
  }
  if (is_model_folder(where)) return where;
  if (!fs::is_directory(where)) {
    throw ModelError(where.string() + " is a file: a model is a folder with model.safetensors");
  }
  if (!fs::exists(where / kBest)) recover_folder(where / kBest);
  if (is_model_folder(where / kBest)) return where / kBest;
  const auto last = checkpoints_of(where);
  if (!last.empty()) return last.rbegin()->second;
  throw ModelError(where.string() +
                   " is no model: it has neither recipe.toml and model.safetensors nor a folder "
                   "best/ or last-STEP/");
}

RunFolder::RunFolder(fs::path path, int64_t keep) : path_(std::move(path)), keep_(keep) {
  if (keep < 1) throw UsageError("RunFolder: keep must be at least 1, got " + std::to_string(keep));
  std::error_code failure;
  fs::create_directories(path_, failure);
  if (failure) throw FileError("make the folder", path_, failure.value());
  lock_ = lock_folder(path_);
  if (lock_ < 0) {
    throw UsageError("another process is training into " + path_.string() +
                     "; end it or name another folder");
  }
  recover_run(path_);
}

RunFolder::~RunFolder() { ::close(lock_); }

void RunFolder::save_best(const ModelFiles& files) { save_model(path_ / kBest, files); }

void RunFolder::save_last(int64_t step, const ModelFiles& files) {
  char name[32];
  std::snprintf(name, sizeof name, "last-%08lld", static_cast<long long>(step));
  save_model(path_ / name, files);
  auto last = checkpoints_of(path_);
  while (last.size() > static_cast<size_t>(keep_) && last.begin()->first < step) {
    remove_folder(last.begin()->second);
    last.erase(last.begin());
  }
}

std::optional<fs::path> RunFolder::newest() const {
  const auto last = checkpoints();
  if (last.empty()) return std::nullopt;
  return last.back();
}

std::vector<fs::path> RunFolder::checkpoints() const {
  std::vector<fs::path> folders;
  for (const auto& [step, folder] : checkpoints_of(path_)) folders.push_back(folder);
  return folders;
}

}  // namespace heed
