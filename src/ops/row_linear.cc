#include "heed/ops/row_linear.h"

#include <sstream>

#include "heed/core/error.h"
#include "kernels/int8_linear.h"
#include "ops/call.h"
#include "ops/packed_memory.h"
#include "ops/row_linear.h"

namespace heed {
namespace {

void check_tensor(const at::Tensor& t, const char* name, const char* shape, bool fits) {
  if (fits && t.is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble))
    return;
  std::ostringstream message;
  message << "row_linear: " << name << ": expected shape " << shape
          << " of float32 or float64 on the CPU, given ";
  if (t.defined())
    message << t.sizes() << " of " << t.dtype() << " on " << t.device();
  else
    message << "no tensor";
  throw UsageError(message.str());
}

void check(const at::Tensor& x, const PackedWeight& weight, const at::Tensor& bias) {
  const auto type = weight.dtype();
  check_tensor(
      x, "x", "(..., K) as weight (N, K)",
      x.defined() && x.dim() >= 1 && x.size(-1) == weight.depth() && x.scalar_type() == type);
  if (!bias.defined()) return;
  check_tensor(bias, "bias", "(N) as weight (N, K)",
               bias.dim() == 1 && bias.size(0) == weight.rows() && bias.scalar_type() == type);
}

const kernels::TwoBfloat16* halves(const at::Tensor& numbers) {
  return static_cast<const kernels::TwoBfloat16*>(numbers.data_ptr());
}

/// Packs W, rows contiguous, for words of this type.
template <class T, class Word>
at::Tensor packed(const at::Tensor& w, at::ScalarType type, PackedMemory& memory) {
  const int64_t N = w.size(0), K = w.size(1);
  auto numbers =
      memory.empty({(N + kernels::kPackedRows - 1) / kernels::kPackedRows, K, kernels::kPackedRows},
                   at::dtype(type));
  kernels::pack_rows(w.data_ptr<T>(), N, K, w.stride(0), static_cast<Word*>(numbers.data_ptr()));
  return numbers;
}

}  // namespace

PackedWeight::PackedWeight(const at::Tensor& weight) {
  PackedMemory own;
  *this = PackedWeight(weight, own);
}

PackedWeight::PackedWeight(const at::Tensor& weight, PackedMemory& memory) {
  check_tensor(weight, "weight", "(N, K)", weight.defined() && weight.dim() == 2);
  rows_ = weight.size(0), depth_ = weight.size(1);
  const auto w = weight.stride(1) == 1 ? weight : weight.contiguous();
  if (w.scalar_type() == at::kDouble)
    numbers_ = packed<double, double>(w, at::kDouble, memory);
  else if (kernels::is_bfloat16(w.data_ptr<float>(), rows_, depth_, w.stride(0)))
    numbers_ = packed<float, kernels::TwoBfloat16>(w, at::kBFloat16, memory);
  else
    numbers_ = packed<float, float>(w, at::kFloat, memory);
}

PackedWeight PackedWeight::int8(const at::Tensor& q, const at::Tensor& scales,
                                const at::Tensor& channels, PackedMemory& memory) {
  const bool fits = q.defined() && scales.defined() && q.dim() == 2 && q.is_cpu() &&
                    q.scalar_type() == at::kChar && scales.is_cpu() &&
                    scales.scalar_type() == at::kFloat && scales.dim() == 1 &&
                    scales.size(0) == q.size(0) && q.size(1) <= kernels::kMostInt8Depth &&
                    (!channels.defined() ||
                     (channels.is_cpu() && channels.dim() == 1 &&
                      channels.scalar_type() == at::kFloat && channels.size(0) == q.size(1)));
  if (!fits)
    throw UsageError(
        "row_linear: expected q (N, K) of int8, K at most 65536, scales (N) and channels (K) of "
        "float32 on the CPU");
  PackedWeight packed;
  packed.rows_ = q.size(0), packed.depth_ = q.size(1);
  if (channels.defined()) packed.channels_ = channels.contiguous();
  packed.numbers_ =
      memory.empty({kernels::packed_int8_size(packed.rows_, packed.depth_)}, q.options());
  const auto numbers = q.contiguous(), of_rows = scales.contiguous();
  kernels::pack_int8(numbers.data_ptr<int8_t>(), of_rows.data_ptr<float>(), packed.rows_,
                     packed.depth_, packed.numbers_.data_ptr<int8_t>());
  return packed;
}

void ops::row_linear_to(kernels::Function function, int64_t m, const float* x,
                        const PackedWeight& weight, const float* bias, float* y) {
  const int64_t N = weight.rows(), K = weight.depth();
  if (weight.is_int8())
    kernels::int8_linear(
        {m, N, K, x, weight.numbers().data_ptr<int8_t>(), bias, y, function,
         weight.channels().defined() ? weight.channels().data_ptr<float>() : nullptr});
  else if (weight.is_bfloat16())
    kernels::row_linear(kernels::RowLinear<float, kernels::TwoBfloat16>{
        m, N, K, x, halves(weight.numbers()), bias, y, function});
  else
    kernels::row_linear(kernels::RowLinear<float>{m, N, K, x, weight.numbers().data_ptr<float>(),
                                                  bias, y, function});
}

at::Tensor ops::row_linear_then(kernels::Function function, const at::Tensor& given_x,
                                const PackedWeight& weight, const at::Tensor& bias) {
  const bool converts = given_x.defined() && (weight.is_int8() || autocasts());
  const auto x = converts ? given_x.to(weight.dtype()) : given_x;
  check(x, weight, bias);
  const torch::NoGradGuard no_gradient;
  const int64_t N = weight.rows(), K = weight.depth();
  auto shape = x.sizes().vec();
  shape.back() = N;
  auto y = at::empty(shape, x.options().requires_grad(false));
  const auto rows = x.contiguous();
  const auto b = bias.defined() ? bias.contiguous() : bias;
  if (x.scalar_type() == at::kFloat) {
    row_linear_to(function, N == 0 ? 0 : y.numel() / N, rows.data_ptr<float>(), weight,
                  b.defined() ? b.data_ptr<float>() : nullptr, y.data_ptr<float>());
    return y;
  }
  kernels::row_linear(kernels::RowLinear<double>{
      N == 0 ? 0 : y.numel() / N, N, K, rows.data_ptr<double>(),
      weight.numbers().data_ptr<double>(), b.defined() ? b.data_ptr<double>() : nullptr,
      y.data_ptr<double>(), function});
  return y;
}

at::Tensor row_linear(const at::Tensor& x, const PackedWeight& weight, const at::Tensor& bias) {
  return ops::row_linear_then(kernels::Function::none, x, weight, bias);
}

at::Tensor row_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return row_linear(x, PackedWeight(weight), bias);
}

}  // namespace heed
