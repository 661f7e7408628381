// The one precompiled header: LibTorch and the standard headers that every floor above the kernels
// uses.
#pragma once

#include <torch/autograd.h>
#include <torch/library.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
