#include "core/distributed_environment.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "heed/core/error.h"

namespace heed {
namespace {

/// Far above what a machine takes, and small enough to compute with.
constexpr int64_t kMostProcesses = int64_t{1} << 20;
constexpr int64_t kFirstPort = 20000, kPorts = 10000;

std::optional<int64_t> number_in(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// FNV-1a.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

class Variables {
 public:
  explicit Variables(const std::function<const char*(const char*)>& variable)
      : variable_(variable) {}

  bool has(const char* name) const { return !text(name).empty(); }
  std::string text(const char* name) const {
    const char* found = variable_(name);
    return found ? found : "";
  }
  int64_t number(const char* name, int64_t least, int64_t most) const {
    const auto given = text(name);
    const auto found = number_in(given);
    if (found && *found >= least && *found <= most) return *found;
    throw UsageError(std::string(name) + ": expected a whole number from " + std::to_string(least) +
                     " to " + std::to_string(most) + ", given '" + given + "'");
  }
  int64_t number_or(const char* name, int64_t otherwise, int64_t least, int64_t most) const {
    return has(name) ? number(name, least, most) : otherwise;
  }

 private:
  const std::function<const char*(const char*)>& variable_;
};

/// Rank and size by two variables, of which neither may be missing.
void read_rank(const Variables& all, const char* rank, const char* size,
               DistributedEnvironment& to) {
  for (const char* name : {rank, size})
    if (!all.has(name))
      throw UsageError(std::string(name) + " is not set, and " + (name == rank ? size : rank) +
                       " is: a launcher sets both; unset what is left of another run");
  to.world_size = all.number(size, 1, kMostProcesses);
  to.rank = all.number(rank, 0, kMostProcesses);
  if (to.rank >= to.world_size)
    throw UsageError(std::string(rank) + " = " + std::to_string(to.rank) + ", and " + size + " = " +
                     std::to_string(to.world_size) + ": expected a rank below it");
}

void read_local(const Variables& all, const char* rank, const char* size,
                DistributedEnvironment& to) {
  to.local_world_size = all.number_or(size, 1, 1, kMostProcesses);
  to.local_rank = all.number_or(rank, 0, 0, kMostProcesses);
  if (all.has(size) && to.local_rank >= to.local_world_size)
    throw UsageError(std::string(rank) + " = " + std::to_string(to.local_rank) + ", and " + size +
                     " = " + std::to_string(to.local_world_size) + ": expected a rank below it");
  if (to.local_world_size > to.world_size)
    throw UsageError(std::string(size) + " = " + std::to_string(to.local_world_size) +
                     " is more than all " + std::to_string(to.world_size) + " processes");
}

/// A shell in which RANK was left from another run gives every process the same.
void check_with_mpi(const Variables& all, const DistributedEnvironment& read) {
  if (!all.has("OMPI_COMM_WORLD_RANK") || !all.has("OMPI_COMM_WORLD_SIZE")) return;
  DistributedEnvironment mpi;
  read_rank(all, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", mpi);
  if (mpi.rank == read.rank && mpi.world_size == read.world_size) return;
  throw UsageError("RANK = " + std::to_string(read.rank) +
                   " of WORLD_SIZE = " + std::to_string(read.world_size) +
                   ", and OMPI_COMM_WORLD_RANK = " + std::to_string(mpi.rank) +
                   " of OMPI_COMM_WORLD_SIZE = " + std::to_string(mpi.world_size) +
                   ": unset RANK and WORLD_SIZE");
}

std::string port_of_job(std::string_view job) {
  return std::to_string(kFirstPort + static_cast<int64_t>(hash_of(job) % kPorts));
}

/// Where rank 0 is, by MASTER_ADDR and MASTER_PORT or what the launcher implies.
void read_master(const Variables& all, std::string addr, std::string port,
                 DistributedEnvironment& to) {
  if (all.has("MASTER_ADDR")) addr = all.text("MASTER_ADDR");
  if (all.has("MASTER_PORT")) port = std::to_string(all.number("MASTER_PORT", 1, 65535));
  to.master_addr = addr;
  to.master_port = number_in(port).value_or(0);
  if (to.world_size == 1) return;
  if (addr.empty())
    throw UsageError(
        "MASTER_ADDR is not set: expected the name of the machine of rank 0, by which the " +
        std::to_string(to.world_size) + " processes find each other");
  if (to.master_port == 0)
    throw UsageError("MASTER_PORT is not set: expected a free port of " + addr);
}

DistributedEnvironment of_variables(const Variables& all) {
  DistributedEnvironment read;
  const bool elastic = all.has("TORCHELASTIC_RUN_ID"), own = all.has("HEED_LAUNCH");
  read.launcher = elastic ? "torchrun" : own ? "heed launch" : "environment";
  read_rank(all, "RANK", "WORLD_SIZE", read);
  read_local(all, "LOCAL_RANK", "LOCAL_WORLD_SIZE", read);
  if (!elastic && !own) check_with_mpi(all, read);
  read.restarts = all.number_or("TORCHELASTIC_RESTART_COUNT", 0, 0, kMostProcesses);
  read_master(all, all.text("PET_MASTER_ADDR"), all.text("PET_MASTER_PORT"), read);
  if (all.text("TORCHELASTIC_USE_AGENT_STORE") == "True" && read.master_port > 0)
    read.master_port += read.master_port < 65535 ? 1 : -1;
  return read;
}

DistributedEnvironment of_open_mpi(const Variables& all) {
  DistributedEnvironment read;
  read.launcher = "Open MPI";
  read_rank(all, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", read);
  read_local(all, "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", read);
  std::string job = all.text("PMIX_NAMESPACE");
  if (job.empty()) job = all.text("OMPI_MCA_ess_base_jobid");
  read_master(all, read.on_one_machine() ? "127.0.0.1" : "", job.empty() ? "" : port_of_job(job),
              read);
  return read;
}

DistributedEnvironment of_slurm(const Variables& all) {
  DistributedEnvironment read;
  read.launcher = "Slurm";
  read_rank(all, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", read);
  read.local_rank = all.number_or("SLURM_LOCALID", 0, 0, kMostProcesses);
  const int64_t node = all.number_or("SLURM_NODEID", 0, 0, kMostProcesses);
  const int64_t tasks = tasks_of_node(all.text("SLURM_STEP_TASKS_PER_NODE"), node);
  read.local_world_size = tasks > 0 ? tasks : 1;
  read_master(all, first_host(all.text("SLURM_STEP_NODELIST")),
              port_of_job(all.text("SLURM_JOB_ID") + "." + all.text("SLURM_STEP_ID")), read);
  return read;
}

DistributedEnvironment of_kubernetes(const Variables& all) {
  const auto each = all.text("PET_NPROC_PER_NODE");
  if (number_in(each).value_or(1) > 1)
    throw UsageError(
        "PET_NPROC_PER_NODE = " + each +
        ": one process was started on this machine; start them by heed launch -- train RECIPE");
  DistributedEnvironment read;
  read.launcher = "Kubernetes";
  read_rank(all, "PET_NODE_RANK", "PET_NNODES", read);
  read_master(all, all.text("PET_MASTER_ADDR"), all.text("PET_MASTER_PORT"), read);
  return read;
}

}  // namespace

std::string first_host(const std::string& hosts) {
  const auto bracket = hosts.find('[');
  const auto comma = hosts.find(',');
  if (bracket == std::string::npos || comma < bracket) return hosts.substr(0, comma);
  const auto end = hosts.find_first_of("-,]", bracket);
  const auto first = hosts.substr(bracket + 1, end == std::string::npos ? end : end - bracket - 1);
  const auto close = hosts.find(']', bracket);
  if (close == std::string::npos) return hosts.substr(0, bracket) + first;
  return hosts.substr(0, bracket) + first +
         hosts.substr(close + 1, hosts.find(',', close) - close - 1);
}

int64_t tasks_of_node(const std::string& tasks, int64_t node) {
  for (size_t at = 0; at < tasks.size();) {
    const size_t comma = std::min(tasks.find(',', at), tasks.size());
    const auto part = tasks.substr(at, comma - at);
    const size_t repeated = part.find("(x");
    const auto count = number_in(part.substr(0, repeated));
    int64_t nodes = 1;
    if (repeated != std::string::npos)
      nodes = number_in(part.substr(repeated + 2, part.size() - repeated - 3)).value_or(0);
    if (!count || nodes < 1) return 0;
    if (node < nodes) return *count;
    node -= nodes, at = comma + 1;
  }
  return 0;
}

DistributedEnvironment distributed_environment(
    const std::function<const char*(const char*)>& variable) {
  const Variables all(variable);
  if (all.has("RANK") || (all.has("WORLD_SIZE") && !all.has("PET_NNODES")))
    return of_variables(all);
  if (all.has("OMPI_COMM_WORLD_RANK")) return of_open_mpi(all);
  if (all.has("SLURM_STEP_NUM_TASKS")) return of_slurm(all);
  if (all.has("PET_NNODES") && all.text("PET_NNODES") != "1") return of_kubernetes(all);
  return {};
}

DistributedEnvironment distributed_environment() {
  return distributed_environment([](const char* name) { return std::getenv(name); });
}

int64_t processes_on_these_cores(bool bound) noexcept {
  try {
    const auto read = distributed_environment();
    if (bound && (read.launcher == "Slurm" || read.launcher == "Open MPI")) return 1;
    return read.local_world_size;
  } catch (...) {  // whoever trains is told; who only computes takes all
    return 1;
  }
}

bool is_threads_of_torchrun() noexcept {
  const char* threads = std::getenv("OMP_NUM_THREADS");
  const char* processes = std::getenv("LOCAL_WORLD_SIZE");
  return threads && std::string_view(threads) == "1" && std::getenv("TORCHELASTIC_RUN_ID") &&
         processes && std::string_view(processes) != "1";
}

}  // namespace heed
