// The log of a run: a JSON object per line.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "heed/core/files.h"

namespace heed {

/// Every line has "step". A run that goes on from a checkpoint first drops the lines after its
/// step, so that each step stands in the log once.
/// Whether the file is empty or begins as a run's log does: what else is called log.jsonl is the
/// user's.
bool is_run_log(const std::filesystem::path& path);

class JsonLog {
 public:
  /// Keeps the lines with step <= `resume_step` (0: none) of a log that is there; drops a last line
  /// that a killed writer left without its end. Throws ModelError for a line that is no JSON object
  /// with a step, FileError.
  JsonLog(const std::filesystem::path& path, int64_t resume_step);

  void write(const nlohmann::ordered_json& line);  ///< UsageError without an integer "step"
  void sync() { file_.sync(); }  ///< before a checkpoint that counts on these lines

 private:
  FileWriter file_;
};

}  // namespace heed
