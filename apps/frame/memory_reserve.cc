#include "memory_reserve.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace heed::cli {
namespace {

constexpr size_t kReserve = size_t{1} << 20;  // bytes

std::atomic<void*> reserve = nullptr;

void give_up_reserve() {
  void* memory = reserve.exchange(nullptr);
  if (!memory) throw std::bad_alloc();
  std::free(memory);
}

}  // namespace

void keep_memory_back() {
  reserve = std::malloc(kReserve);
  if (reserve.load()) std::set_new_handler(give_up_reserve);
}

}  // namespace heed::cli
