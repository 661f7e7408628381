#include "nn/small_products.h"

#include <ATen/Parallel.h>

#include "core/threads.h"

namespace heed::nn {
namespace {

thread_local SmallProducts* current = nullptr;

}  // namespace

SmallProducts::SmallProducts() {
  if (current) return;
  at::get_num_threads();  // LibTorch sets OpenMP's number when a thread asks first
  threads_ = detail::openmp_threads();
  current = this;
}

SmallProducts::~SmallProducts() {
  if (current != this) return;
  detail::set_openmp_threads(threads_);
  current = nullptr;
}

SmallProducts::Aside::Aside() {
  if (!current) return;
  threads_ = detail::openmp_threads();
  sum_ = current->sum_, count_ = current->count_;
}

SmallProducts::Aside::~Aside() {
  if (!current || threads_ == 0) return;
  detail::set_openmp_threads(threads_);
  current->sum_ = sum_, current->count_ = count_;
}

void SmallProducts::use(double multiplications) {
  detail::set_openmp_threads(multiplications < kWorthThreads ? 1 : threads_);
}

void SmallProducts::next(double multiplications) {
  if (!current) return;
  current->sum_ += multiplications, ++current->count_;
  current->use(multiplications);
}

void SmallProducts::mix() {
  if (current == this && count_ > 0) use(sum_ / static_cast<double>(count_));
}

}  // namespace heed::nn
