#include "nn/model_memory.h"

#include <c10/core/CPUAllocator.h>

#include <limits>

#include "core/memory.h"
#include "heed/core/error.h"
#include "ops/torch_version.h"

namespace heed::nn {
namespace {

/// Smaller tensors are made without a look at the machine's memory.
constexpr uint64_t kWorthAsking = uint64_t{64} << 20;
/// A tensor that is made on the way to a weight may be a few times as large.
constexpr uint64_t kOnTheWay = 4;

thread_local const ModelMemory* current = nullptr;

uint64_t product(uint64_t a, uint64_t b) {
  uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<uint64_t>::max() : result;
}

}  // namespace

/// LibTorch's own allocator, asked after the check. It lives as long as the process, because
/// tensors remember it.
struct HeldAllocator : ops::TorchAllocator {
  c10::Allocator* own = c10::GetCPUAllocator();

  c10::DataPtr take(size_t bytes) const override {
    if (current) current->check(bytes, kOnTheWay);
    return own->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return own->raw_deleter(); }

  static void install() {
    static const bool once = [] {
      c10::SetCPUAllocator(new HeldAllocator, std::numeric_limits<uint8_t>::max());
      return true;
    }();
    (void)once;
  }
};

ModelMemory::ModelMemory(std::string sizes)
    : sizes_(std::move(sizes)), outer_(const_cast<ModelMemory*>(current)) {
  HeldAllocator::install();
  current = this;
}

ModelMemory::ModelMemory(uint64_t bytes, std::string file, std::string sizes)
    : ModelMemory(std::move(sizes)) {
  is_known_ = true, bytes_ = bytes, file_ = std::move(file);
}

ModelMemory::~ModelMemory() { current = outer_; }

void ModelMemory::check(uint64_t bytes, uint64_t slack) const {
  if (bytes < kWorthAsking && slack > 1) return;
  if (is_known_ && bytes / slack > bytes_) {
    throw ModelError("the recipe asks for a model of at least " + std::to_string(bytes / slack) +
                     " bytes of weights, and " + file_ + " has " + std::to_string(bytes_) +
                     ": the two do not belong together, or the recipe was edited" +
                     (sizes_.empty() ? "" : " (" + sizes_ + ")"));
  }
  if (bytes >= kWorthAsking)
    require_memory(bytes, available_memory(), "the model", memory_remedy(sizes_).c_str());
}

std::string memory_remedy(const std::string& sizes) {
  if (sizes.empty()) return "make the model smaller or free memory";
  return "make the model smaller by one of " + sizes + ", or free memory";
}

uint64_t parameter_bytes(const torch::nn::Module& module) {
  uint64_t bytes = 0;
  for (const auto& parameter : module.parameters()) bytes += parameter.nbytes();
  return bytes;
}

void check_repeated(const torch::nn::Module& first, int64_t count) {
  const uint64_t bytes = product(parameter_bytes(first), static_cast<uint64_t>(count));
  if (current) return current->check(bytes, 1);
  if (bytes >= kWorthAsking)
    require_memory(bytes, available_memory(), "the model", memory_remedy("").c_str());
}

}  // namespace heed::nn
