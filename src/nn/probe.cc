#include "heed/nn/probe.h"

namespace heed::nn {
namespace {

thread_local Probe* innermost_probe = nullptr;

}  // namespace

Probe::Probe() : outer_(innermost_probe) { innermost_probe = this; }
Probe::~Probe() { innermost_probe = outer_; }
Probe* Probe::active() noexcept { return innermost_probe; }

}  // namespace heed::nn
