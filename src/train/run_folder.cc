#include "train/run_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <set>

#include "core/list_folder.h"
#include "core/printable.h"
#include "core/replace_folder.h"
#include "core/unique_name.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/train/model_folder.h"
#include "train/json_log.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

constexpr const char* kBest = "best";
constexpr std::string_view kLast = "last-";
constexpr const char* kLog = "log.jsonl";

/// The step of a folder "last-STEP"; -1 for another name.
int64_t step_of_name(const std::string& name) {
  if (!name.starts_with(kLast)) return -1;
  int64_t step = -1;
  const char* past = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kLast.size(), past, step);
  return error == std::errc() && stop == past ? step : -1;
}

/// Step -> last-STEP/.
std::map<int64_t, fs::path> checkpoints_of(const fs::path& run) {
  std::map<int64_t, fs::path> found;
  for (const auto& entry : list_folder(run)) {
    const int64_t step = step_of_name(entry.filename().string());
    if (step >= 0 && kind_of(entry) == PathKind::folder) found.emplace(step, entry);
  }
  return found;
}

bool has_model(const fs::path& run) {
  return is_model_folder(run / kBest) || !checkpoints_of(run).empty();
}

/// "best" of ".best.partial-1_2_3_4", which a killed run left; empty for what others made.
std::string target_of(const std::string& name) {
  for (const std::string stage : {".partial-", ".ready-", ".old-"}) {
    const size_t at = name.rfind(stage);
    if (at == std::string::npos || !name.starts_with('.') || at < 2) continue;
    const auto target = name.substr(1, at - 1);
    if ((target == kBest || step_of_name(target) >= 0) &&
        is_unique_id(std::string_view(name).substr(at + stage.size())))
      return target;
  }
  return "";
}

void recover_run(const fs::path& run) {
  std::set<std::string> targets;
  for (const auto& entry : list_folder(run)) targets.insert(target_of(entry.filename().string()));
  targets.erase("");
  for (const auto& target : targets) recover_folder(run / target);
}

bool is_log(const std::string& name) {
  return name == kLog || name.starts_with("events.out.tfevents.");
}

/// The folders of a path that are not there, the outermost first.
std::vector<fs::path> missing_folders(fs::path path) {
  if (!path.has_filename()) path = path.parent_path();  // "out/" names the folder "out"
  std::vector<fs::path> missing;
  for (; !path.empty() && kind_of(path) == PathKind::absent; path = path.parent_path())
    missing.insert(missing.begin(), path);
  return missing;
}

}  // namespace

fs::path find_model(const fs::path& where) {
  if (kind_of(where) == PathKind::absent) {
    if (kind_of(where.has_parent_path() ? where.parent_path() : ".") == PathKind::folder)
      recover_folder(where);
    if (kind_of(where) == PathKind::absent) throw FileError("find the model", where, ENOENT);
  }
  if (is_model_folder(where)) return where;
  if (kind_of(where) != PathKind::folder) {
    throw ModelError(where.string() + " is a file: a model is a folder with model.safetensors");
  }
  if (kind_of(where / kBest) == PathKind::absent) recover_folder(where / kBest);
  if (is_model_folder(where / kBest)) return where / kBest;
  const auto last = checkpoints_of(where);
  if (!last.empty()) return last.rbegin()->second;
  throw ModelError(where.string() +
                   " is no model: it has neither recipe.toml and model.safetensors nor a folder "
                   "best/ or last-STEP/");
}

std::vector<fs::path> model_folders(const fs::path& where) {
  const auto first = find_model(where);
  if (first == where) return {where};
  std::vector<fs::path> folders;
  if (is_model_folder(where / kBest)) folders.push_back(where / kBest);
  for (const auto& [step, folder] : checkpoints_of(where)) folders.push_back(folder);
  return folders;
}

void check_run_folder(const fs::path& folder, bool resume) {
  const auto kind = kind_of(folder);
  if (kind == PathKind::absent) return;
  if (kind != PathKind::folder)
    throw UsageError(folder.string() + " is a file; name a folder for the run by --out");
  recover_run(folder);
  if (has_model(folder)) {
    if (resume) return;
    throw UsageError("the folder " + folder.string() +
                     " is not empty: go on with that run by --resume, remove it, or name another"
                     " folder by --out");
  }
  for (const auto& entry : list_folder(folder)) {
    const auto name = entry.filename().string();
    if (name == kLog && !is_run_log(entry))
      throw UsageError(printable(entry.string()) +
                       " is no log of a run; move it away, or name another folder by --out");
    if (is_log(name) || is_unfinished_name(name) || !target_of(name).empty()) continue;
    throw UsageError("the folder " + folder.string() + " holds '" + printable(name) +
                     "' and no run (best/ or last-STEP/); name another folder by --out");
  }
}

RunFolder::RunFolder(fs::path path, int64_t keep) : path_(std::move(path)), keep_(keep) {
  if (keep < 1) throw UsageError("RunFolder: keep must be at least 1, got " + std::to_string(keep));
  made_ = missing_folders(path_);
  std::error_code failure;
  fs::create_directories(path_, failure);
  if (failure) throw FileError("make the folder", path_, failure.value());
  lock_ = lock_folder(path_);
  if (lock_ < 0 && errno != EWOULDBLOCK) throw FileError("lock the folder", path_, errno);
  if (lock_ < 0) {
    throw UsageError("another process is training into " + path_.string() +
                     "; end it or name another folder");
  }
  recover_run(path_);
  for (const auto& entry : list_folder(path_))
    if (is_unfinished_name(entry.filename().string())) fs::remove(entry);
  stood_ = list_folder(path_);
}

RunFolder::~RunFolder() {
  try {
    if (!has_model(path_)) {
      for (const auto& entry : list_folder(path_))
        if (is_log(entry.filename().string()) && std::ranges::find(stood_, entry) == stood_.end())
          fs::remove(entry);
      std::error_code not_empty;
      for (; !made_.empty() && !not_empty; made_.pop_back()) fs::remove(made_.back(), not_empty);
    }
  } catch (const std::exception&) {  // what cannot be removed stays
  }
  ::close(lock_);
}

void RunFolder::save_best(const ModelFiles& files) { save_model(path_ / kBest, files); }

void RunFolder::save_last(int64_t step, const ModelFiles& files) {
  char name[32];
  std::snprintf(name, sizeof name, "last-%08lld", static_cast<long long>(step));
  save_model(path_ / name, files);
  remove_old(step);
}

void RunFolder::remove_old(int64_t before) {
  auto last = checkpoints_of(path_);
  std::erase_if(last, [](const auto& folder) { return !foreign_files(folder.second).empty(); });
  while (last.size() > static_cast<size_t>(keep_) && last.begin()->first < before) {
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
