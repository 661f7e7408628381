// What a launcher (torchrun, Slurm, Open MPI, Kubernetes, heed launch) told this process about the others.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace heed {

struct DistributedEnvironment {
  std::string launcher = {};  ///< "torchrun", "Slurm", ...; empty: nobody said anything
  int64_t rank = 0, world_size = 1;
  int64_t local_rank = 0, local_world_size = 1;  ///< among the processes of this machine
  std::string master_addr = {};                  ///< of the machine of rank 0
  int64_t master_port = 0;                       ///< at which rank 0 listens
  int64_t restarts = 0;                          ///< how often the launcher began anew

  bool on_one_machine() const { return local_world_size == world_size; }
};

/// Reads, in this order, RANK and WORLD_SIZE (torchrun, heed launch, Kubernetes, a user), Open MPI's
/// OMPI_COMM_WORLD_*, Slurm's SLURM_PROCID in a step of srun, Kubernetes' PET_*; MASTER_ADDR and MASTER_PORT come before
/// what a launcher implies: Slurm's first machine, this machine where Open MPI has all processes on it, and a port made
/// from the number of the job.
///
/// torchrun of another version of LibTorch speaks another protocol in the store that it keeps at MASTER_PORT
/// (TORCHELASTIC_USE_AGENT_STORE), so rank 0 listens one port higher then.
///
/// Throws UsageError that names the variables for what is missing, no number, or contradicts another.
DistributedEnvironment distributed_environment(
    const std::function<const char*(const char*)>& variable);
DistributedEnvironment distributed_environment();  ///< of this process

/// Processes of this machine that share its processors: local_world_size, 1 where the launcher has bound each to its own
/// or said nothing that can be read.
int64_t processes_on_these_cores(bool bound) noexcept;

/// Whether OMP_NUM_THREADS=1 is torchrun's, which sets it where the user did not and several processes share a machine.
bool is_threads_of_torchrun() noexcept;

/// "node01" of Slurm's "node[01-04,07],gpu3".
std::string first_host(const std::string& hosts);

/// The tasks of a machine by Slurm's "2(x3),1"; 0 where the text is none such.
int64_t tasks_of_node(const std::string& tasks, int64_t node);

}  // namespace heed
