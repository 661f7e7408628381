#include "core/distributed_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "core/network.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

DistributedEnvironment environment_of(const Variables& variables) {
  return distributed_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string refusal_of(const Variables& variables) {
  try {
    environment_of(variables);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

const Variables kTorchrun{{"RANK", "3"},
                          {"WORLD_SIZE", "4"},
                          {"LOCAL_RANK", "1"},
                          {"LOCAL_WORLD_SIZE", "2"},
                          {"MASTER_ADDR", "node1"},
                          {"MASTER_PORT", "29500"},
                          {"TORCHELASTIC_RUN_ID", "none"},
                          {"TORCHELASTIC_RESTART_COUNT", "2"}};

Variables changed(Variables set, const Variables& more) {
  for (const auto& [name, value] : more) set[name] = value;
  return set;
}

TEST(DistributedEnvironment, WithoutALauncherThereIsOneProcess) {
  const auto found = environment_of({});
  EXPECT_EQ(found.launcher, "");
  EXPECT_EQ(found.world_size, 1);
  EXPECT_EQ(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).world_size, 1)
      << "a batch script, in which no srun has started anything";
}

TEST(DistributedEnvironment, ReadsTorchrun) {
  const auto found = environment_of(kTorchrun);
  EXPECT_EQ(found.launcher, "torchrun");
  EXPECT_EQ(found.rank, 3);
  EXPECT_EQ(found.world_size, 4);
  EXPECT_EQ(found.local_rank, 1);
  EXPECT_EQ(found.local_world_size, 2);
  EXPECT_EQ(found.master_addr, "node1");
  EXPECT_EQ(found.master_port, 29500);
  EXPECT_EQ(found.restarts, 2);
  EXPECT_FALSE(found.on_one_machine());
  const auto agent = environment_of(changed(kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}}));
  EXPECT_EQ(agent.master_port, 29501) << "torchrun itself listens at the other";
}

TEST(DistributedEnvironment, ReadsOpenMpiAlsoWithinAStepOfSlurm) {
  const Variables mpi{{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                      {"PMIX_NAMESPACE", "prterun-1"},
                      {"SLURM_STEP_NUM_TASKS", "1"},
                      {"SLURM_PROCID", "0"}};
  const auto found = environment_of(mpi);
  EXPECT_EQ(found.launcher, "Open MPI");
  EXPECT_EQ(found.rank, 1);
  EXPECT_EQ(found.master_addr, "127.0.0.1");
  EXPECT_GE(found.master_port, 20000);
  EXPECT_EQ(found.master_port, environment_of(mpi).master_port);
  EXPECT_THAT(refusal_of(changed(
                  mpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}})),
              HasSubstr("MASTER_ADDR is not set"))
      << "several machines";
}

TEST(DistributedEnvironment, ReadsSlurm) {
  const Variables slurm{{"SLURM_PROCID", "5"},
                        {"SLURM_STEP_NUM_TASKS", "6"},
                        {"SLURM_LOCALID", "0"},
                        {"SLURM_NODEID", "2"},
                        {"SLURM_STEP_TASKS_PER_NODE", "3,2,1"},
                        {"SLURM_STEP_NODELIST", "gpu[07-08,11].cluster"},
                        {"SLURM_JOB_ID", "815"},
                        {"SLURM_STEP_ID", "0"}};
  const auto found = environment_of(slurm);
  EXPECT_EQ(found.launcher, "Slurm");
  EXPECT_EQ(found.rank, 5);
  EXPECT_EQ(found.local_world_size, 1);
  EXPECT_EQ(found.master_addr, "gpu07.cluster");
  EXPECT_EQ(environment_of(changed(slurm, {{"MASTER_ADDR", "10.0.0.1"}})).master_addr, "10.0.0.1");
  EXPECT_NE(found.master_port,
            environment_of(changed(slurm, {{"SLURM_STEP_ID", "1"}})).master_port);
}

TEST(DistributedEnvironment, ReadsSlurmsLists) {
  EXPECT_EQ(first_host("node1"), "node1");
  EXPECT_EQ(first_host("node1,node2"), "node1");
  EXPECT_EQ(first_host("node[01-04,07],gpu3"), "node01");
  EXPECT_EQ(first_host("rack[2]n[5-6]"), "rack2n[5-6]");
  EXPECT_EQ(tasks_of_node("2(x3),1", 2), 2);
  EXPECT_EQ(tasks_of_node("2(x3),1", 3), 1);
  EXPECT_EQ(tasks_of_node("2(x3),1", 4), 0);
  EXPECT_EQ(tasks_of_node("two", 0), 0);
}

TEST(DistributedEnvironment, ReadsKubernetes) {
  const Variables pod{{"PET_NNODES", "3"},
                      {"PET_NODE_RANK", "2"},
                      {"PET_NPROC_PER_NODE", "auto"},
                      {"PET_MASTER_ADDR", "job-node-0-0.job"},
                      {"PET_MASTER_PORT", "29400"}};
  const auto found = environment_of(pod);
  EXPECT_EQ(found.launcher, "Kubernetes");
  EXPECT_EQ(found.rank, 2);
  EXPECT_EQ(found.master_port, 29400);
  EXPECT_THAT(refusal_of(changed(pod, {{"PET_NPROC_PER_NODE", "4"}})), HasSubstr("heed launch"));
}

TEST(DistributedEnvironment, WhatContradictsItselfIsRefused) {
  EXPECT_THAT(refusal_of({{"RANK", "0"}}), HasSubstr("WORLD_SIZE is not set, and RANK is"));
  EXPECT_THAT(refusal_of({{"WORLD_SIZE", "2"}}), HasSubstr("RANK is not set"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"RANK", "4"}})),
              HasSubstr("expected a rank below it"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"RANK", "one"}})),
              HasSubstr("RANK: expected a whole number"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"LOCAL_RANK", "2"}})),
              HasSubstr("LOCAL_WORLD_SIZE = 2"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"LOCAL_WORLD_SIZE", "8"}})),
              HasSubstr("more than all 4"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"MASTER_ADDR", ""}})),
              HasSubstr("MASTER_ADDR is not set"));
  EXPECT_THAT(refusal_of(changed(kTorchrun, {{"MASTER_PORT", "70000"}})),
              HasSubstr("from 1 to 65535"));
  const Variables left{
      {"RANK", "0"},        {"WORLD_SIZE", "2"},           {"MASTER_ADDR", "a"},
      {"MASTER_PORT", "1"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}};
  EXPECT_THAT(refusal_of(left), HasSubstr("unset RANK and WORLD_SIZE"));
}

TEST(DistributedEnvironment, OnOneMachineTheLoopbackIsEnough) {
  auto environment =
      environment_of(changed(kTorchrun, {{"LOCAL_WORLD_SIZE", "4"}, {"LOCAL_RANK", "3"}}));
  EXPECT_EQ(own_address(environment).address, "127.0.0.1");
  setenv("GLOO_SOCKET_IFNAME", "lo", 1);
  EXPECT_EQ(own_address(environment).why, "GLOO_SOCKET_IFNAME");
  setenv("GLOO_SOCKET_IFNAME", "eth-none", 1);
  EXPECT_THROW(own_address(environment), UsageError);
  unsetenv("GLOO_SOCKET_IFNAME");
  EXPECT_GT(free_port(), 0);
}

TEST(DistributedEnvironment, TorchrunsOneThreadIsNobodysWish) {
  const auto of = [](const Variables& set) {
    for (const auto& [name, value] : set) setenv(name.c_str(), value.c_str(), 1);
    const auto threads = threads_of_environment();
    for (const auto& [name, value] : set) unsetenv(name.c_str());
    return threads;
  };
  unsetenv("HEED_NUM_THREADS");
  const char* given = std::getenv("OMP_NUM_THREADS");
  const std::string before = given ? given : "";
  const Variables torchrun{
      {"TORCHELASTIC_RUN_ID", "x"}, {"LOCAL_WORLD_SIZE", "2"}, {"OMP_NUM_THREADS", "1"}};
  EXPECT_EQ(of(torchrun), std::nullopt);
  EXPECT_EQ(of(changed(torchrun, {{"OMP_NUM_THREADS", "2"}})), 2);
  EXPECT_EQ(of(changed(torchrun, {{"HEED_NUM_THREADS", "1"}})), 1);
  EXPECT_EQ(of({{"OMP_NUM_THREADS", "1"}}), 1) << "without torchrun it is the user's";
  if (given) setenv("OMP_NUM_THREADS", before.c_str(), 1);
}

TEST(Network, KnowsMachinesByNameAndAddress) {
  EXPECT_TRUE(is_known_host("localhost"));
  EXPECT_TRUE(is_known_host("127.0.0.1"));
  EXPECT_FALSE(is_known_host("no machine"));
  EXPECT_FALSE(is_known_host(""));
}

}  // namespace
}  // namespace heed
