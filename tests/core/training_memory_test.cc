#include "core/training_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>

namespace heed {
namespace {

int64_t faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Pages of 16 MiB that the system gave while they were taken, written and freed.
int64_t faults_of_a_step() {
  constexpr size_t kBytes = size_t{16} << 20;
  const int64_t before = faults();
  const std::unique_ptr<void, void (*)(void*)> memory(std::malloc(kBytes), std::free);
  std::memset(memory.get(), 1, kBytes);
  asm volatile("" : : "r"(memory.get()) : "memory");
  return faults() - before;
}

TEST(TrainingMemory, WhatIsFreedStays) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another malloc";
#endif
  keep_training_memory();
  faults_of_a_step();
  EXPECT_LT(faults_of_a_step(), 100) << "16 MiB are 4096 pages";
}

}  // namespace
}  // namespace heed
