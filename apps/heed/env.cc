// heed env: what this build and this machine offer.
#include <ATen/Config.h>
#include <ATen/Version.h>
#include <sched.h>
#include <torch/version.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/cpu_quota.h"
#include "core/distributed_environment.h"
#include "core/network.h"
#include "core/system_file.h"
#include "frame/torch.h"
#include "frame/waiting.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "kernels/targets.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// The first value of `key` in a file of "key : value" lines; empty where there is none.
std::string field_of(const char* file, const std::string& key) {
  auto in = system_file(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const auto start = line.find_first_not_of(" \t", line.find(':') + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

nlohmann::ordered_json cpu() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  nlohmann::ordered_json result;
  result["name"] = field_of("/proc/cpuinfo", "model name");
  result["cores"] = sysconf(_SC_NPROCESSORS_ONLN);
  result["cores_allowed"] = known ? CPU_COUNT(&allowed) : sysconf(_SC_NPROCESSORS_ONLN);
  return result;
}

/// What a launcher said of other processes, and how they would reach this one.
nlohmann::ordered_json processes() {
  nlohmann::ordered_json result;
  try {
    const auto found = distributed_environment();
    result["launcher"] = found.launcher.empty() ? "none" : found.launcher;
    result["rank"] = found.rank;
    result["world_size"] = found.world_size;
    result["local_rank"] = found.local_rank;
    result["local_world_size"] = found.local_world_size;
    if (found.world_size > 1)
      result["master"] = found.master_addr + ":" + std::to_string(found.master_port);
    const auto own = own_address(found);
    result["interface"] = own.interface + " " + own.address + " (" + own.why + ")";
  } catch (const Error& error) {
    result["problem"] = error.what();
  }
  return result;
}

int64_t kib(const std::string& field) { return field.empty() ? 0 : std::stoll(field); }

nlohmann::ordered_json environment() {
  nlohmann::ordered_json result;
  result["heed"] = HEED_VERSION;
  result["libtorch"] = TORCH_VERSION;
  result["libtorch_threads"] = at::get_num_threads();
  result["blas"] = blas();
  result["simd"] = kernels::active_target_name();
  result["cpu"] = cpu();
  result["threads"] = num_threads();
  const auto quota = detail::cpu_quota();
  result["cpu_quota"] = quota ? nlohmann::ordered_json(*quota) : nlohmann::ordered_json("none");
  result["waiting"] = waiting();
  result["memory_mib"] = kib(field_of("/proc/meminfo", "MemTotal")) / 1024;
  result["memory_available_mib"] = kib(field_of("/proc/meminfo", "MemAvailable")) / 1024;
  result["processes"] = processes();
  result["cuda"] = at::hasCUDA();
  result["cuda_devices"] = at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
  return result;
}

std::string text_of_json(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& item : value) text += (text.empty() ? "" : " ") + text_of_json(item);
  return text;
}

void print(const nlohmann::ordered_json& values, const std::string& prefix = "") {
  for (const auto& [key, value] : values.items()) {
    if (value.is_object()) {
      print(value, prefix + key + ".");
    } else {
      std::string name = prefix + key;
      name.resize(std::max<size_t>(22, name.size() + 1), ' ');
      std::cout << name << text_of_json(value) << '\n';
    }
  }
}

}  // namespace

void run(const EnvFlags& flags) {
  if (flags.json) {
    std::cout << environment().dump(2) << '\n';
  } else {
    print(environment());
  }
}

}  // namespace heed::cli
