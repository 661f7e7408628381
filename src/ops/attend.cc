#include "heed/ops/attend.h"

#include "ops/call.h"

namespace heed {

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Attention& how, const AttendInputs& inputs) {
  return ops::by_formula(ops::checked(q, k, v, how, inputs), false).out;
}

std::tuple<at::Tensor, at::Tensor> attend_with_rows(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v, const Attention& how,
                                                    const AttendInputs& inputs) {
  const auto result = ops::by_formula(ops::checked(q, k, v, how, inputs), true);
  return {result.out, result.rows};
}

}  // namespace heed
