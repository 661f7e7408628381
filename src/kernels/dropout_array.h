// Dropout of an array, on raw memory. No LibTorch here.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y[e] = residual[e] (null: 0) + keep(e) x[e] / (1 - probability), with keep(e) as
/// heed/ops/dropout.h says. Where `kept` is not null it gets the decisions: bit e % 8 of byte e / 8.
void dropout_array(double probability, uint64_t seed, int64_t count, const float* x,
                   const float* residual, float* y, uint8_t* kept = nullptr);
void dropout_array(double probability, uint64_t seed, int64_t count, const double* x,
                   const double* residual, double* y, uint8_t* kept = nullptr);

/// Bytes for the decisions of `count` elements: eight more than they fill, as vectors read them.
constexpr int64_t kept_bytes(int64_t count) { return (count + 7) / 8 + 8; }

/// y[e] = keep(e) x[e] / (1 - probability), by decisions that dropout_array noted: a fifth of its time.
void keep_array(double probability, int64_t count, const uint8_t* kept, const float* x, float* y);
void keep_array(double probability, int64_t count, const uint8_t* kept, const double* x, double* y);

}  // namespace heed::kernels
