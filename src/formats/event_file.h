// Event files that TensorBoard reads: records of TFRecord (length, masked CRC-32C, bytes, masked
// CRC-32C), each a protocol buffer `Event`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/core/files.h"

namespace heed {

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(std::string_view bytes) noexcept;

/// Writes one event file. A run that goes on makes a new file in the same folder, which tells
/// TensorBoard to forget what earlier files say after `resume_step`.
class EventFile {
 public:
  /// A new file events.out.tfevents.TIME.HOST.PID.N in the folder. Throws FileError.
  EventFile(const std::filesystem::path& folder, int64_t resume_step);

  /// Curves by name ("train/loss"), one point each. NaN is written as it is.
  void write(int64_t step, const std::vector<std::pair<std::string_view, float>>& scalars);
  void sync() { file_.sync(); }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void write_event(int64_t step, std::string_view what);
  FileWriter file_;
};

}  // namespace heed
