// Copies of this program that work as one, on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed::cli {

struct LaunchOptions {
  int64_t processes = 1;     ///< on this machine
  int64_t restarts = 0;      ///< at most, after a process that was lost
  std::string log_dir = "";  ///< folder of what each copy says, rank-N.log; empty: they say it here
  std::vector<std::string> words = {};  ///< of each copy's command line
};

/// Starts the copies with RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and returns when
/// all have ended: 0, or the exit code of the first that failed (128 + n of signal n), which is not one that ended because
/// of another (Failure::peer). Where one fails the others are asked to end (SIGTERM) and killed after 20 s. SIGINT, SIGTERM
/// and SIGHUP are passed on, but for those that this process was started to ignore. The copies end when this process is killed. With PET_NNODES, PET_NODE_RANK, PET_MASTER_ADDR and PET_MASTER_PORT they are a machine's part of
/// more. Logs are added to. After a failure that is none of a flag, recipe, file of data or divergence, all begin anew, up to `restarts` times.
/// Throws UsageError, FileError where the system refuses a process.
int launch(const LaunchOptions& options);

}  // namespace heed::cli
