#include "train/json_log.h"

#include "heed/core/error.h"
#include "train/json_number.h"

namespace heed {
namespace {

int64_t step_of(const nlohmann::ordered_json& line) {
  if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) return -1;
  return line["step"].get<int64_t>();
}

/// The lines up to the step; what follows the last line's end was cut off by a kill.
std::string lines_until(const std::filesystem::path& path, const std::string& log, int64_t step) {
  std::string kept;
  int64_t number = 0;
  for (size_t at = 0, end; (end = log.find('\n', at)) != std::string::npos; at = end + 1) {
    ++number;
    const std::string_view line = std::string_view(log).substr(at, end - at + 1);
    const int64_t found = step_of(nlohmann::ordered_json::parse(line, nullptr, false));
    if (found < 0) {
      throw ModelError(path.string() + ":" + std::to_string(number) +
                       ": a JSON object with a \"step\" is expected; move the log away to go on");
    }
    if (found <= step) kept += line;
  }
  return kept;
}

}  // namespace

bool is_run_log(const std::filesystem::path& path) {
  if (kind_of(path) != PathKind::file) return false;
  const std::string log = read_text(path);
  const auto line = nlohmann::ordered_json::parse(log.substr(0, log.find('\n')), nullptr, false);
  // A writer that was killed may have left a part of the first line.
  if (log.find('\n') == std::string::npos) return log.empty() || log.starts_with("{\"step\":");
  if (step_of(line) < 0) return false;
  const bool of_steps = line.contains("loss") && line.contains("gradient_norm");
  const bool of_epoch = line.contains("epoch") && line.contains("train");
  return of_steps || of_epoch || line.contains("changed");
}

JsonLog::JsonLog(const std::filesystem::path& path, int64_t resume_step)
    : file_(
          [&] {
            if (kind_of(path) != PathKind::absent) {
              const std::string log = read_text(path);
              const std::string kept = lines_until(path, log, resume_step);
              if (kept != log) replace_file(path, kept);
            }
            return path;
          }(),
          FileWriter::Mode::append) {}

void JsonLog::write(const nlohmann::ordered_json& line) {
  if (step_of(line) < 0) throw UsageError("JsonLog: a line needs an integer \"step\"");
  file_.write(
      with_words(line).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
      '\n');
}

}  // namespace heed
