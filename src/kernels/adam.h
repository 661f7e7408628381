// A step of Adam, on raw memory. No LibTorch here.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// For `count` numbers p with gradient g, mean m and square v (Kingma & Ba 2015; with `keep` below 1 AdamW, Loshchilov & Hutter 2019):
///
///   m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
///   p = keep p - rate m / (sqrt(v) / root + epsilon)
///
/// in one pass, whose bits do not depend on a number's place nor on the number of threads.
template <class T>
struct AdamStep {
  int64_t count;
  const T* gradient;
  T *parameter, *mean, *square;
  double beta1, beta2, epsilon;
  double keep;  ///< 1 - lr weight_decay
  double rate;  ///< lr / (1 - beta1^t)
  double root;  ///< sqrt(1 - beta2^t)
};

void adam_step(const AdamStep<float>& step);
void adam_step(const AdamStep<double>& step);

}  // namespace heed::kernels
