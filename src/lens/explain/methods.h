// The methods of explain(), each of which fills in the values of a result.
#pragma once

#include "heed/lens/explain.h"
#include "lens/explain/reader.h"

namespace heed::lens {

void input_gradient(const Reader& reader, const ExplainOptions& options, Attribution& result);
void integrated_gradients(const Reader& reader, const ExplainOptions& options, Attribution& result);
void shapley(const Reader& reader, const ExplainOptions& options, Attribution& result);
/// raw, averaged, rollout, relevance, value_norms
void flow(const Reader& reader, const ExplainOptions& options, Attribution& result);
void value_zeroing(const Reader& reader, const ExplainOptions& options, Attribution& result);

/// dvalue / dinputs; zeros where the value does not depend on one.
std::vector<at::Tensor> gradients_of(const at::Tensor& value,
                                     const std::vector<at::Tensor>& inputs);

/// Sets whole, empty and gap of a complete method.
void complete(double whole, double empty, Attribution& result);

}  // namespace heed::lens
