// Processes through LibTorch's c10d: TCPStore, and Gloo's collectives.
#pragma once

#include <memory>

#include "core/distributed_environment.h"
#include "heed/train/processes.h"

namespace heed {

/// Joins the others: rank 0 listens at master_port. world_size is at least 2. Throws as join_processes.
std::unique_ptr<Processes> make_process_group(const DistributedEnvironment& environment);

}  // namespace heed
