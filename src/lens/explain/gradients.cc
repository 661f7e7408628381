#include "lens/explain/methods.h"

#include <torch/autograd.h>

#include <cmath>
#include <numbers>

namespace heed::lens {
namespace {

/// Nodes of a Legendre polynomial and their weights on [0, 1], by Newton's steps (Press et al. 2007, 4.6.1).
void gauss_legendre(int64_t count, std::vector<double>& nodes, std::vector<double>& weights) {
  nodes.assign(static_cast<size_t>(count), 0), weights = nodes;
  for (int64_t i = 0; i < count; ++i) {
    double x = std::cos(std::numbers::pi * (double(i) + 0.75) / (double(count) + 0.5)), slope = 1;
    for (int step = 0; step < 100; ++step) {
      double p = 1, before = 0;  // Bonnet's recursion
      for (int64_t n = 1; n <= count; ++n) {
        const double next = (double(2 * n - 1) * x * p - double(n - 1) * before) / double(n);
        before = p, p = next;
      }
      slope = double(count) * (x * p - before) / (x * x - 1);
      const double move = p / slope;
      x -= move;
      if (std::abs(move) < 1e-15) break;
    }
    const auto at = static_cast<size_t>(count - 1 - i);
    nodes[at] = (x + 1) / 2;
    weights[at] = 1 / ((1 - x * x) * slope * slope);
  }
}

/// sum_t weights_t dvalue / dvectors at b + nodes_t (x - b), as the vectors of one example.
std::vector<at::Tensor> summed_gradients(const Reader& reader, const std::vector<double>& nodes,
                                         const std::vector<double>& weights) {
  std::vector<at::Tensor> sums;
  const auto together = static_cast<size_t>(reader.together());
  for (size_t first = 0; first < nodes.size(); first += together) {
    const auto last = std::min(nodes.size(), first + together);
    const std::vector<double> shares(&nodes[first], &nodes[first] + (last - first));
    const auto weight =
        at::tensor(at::ArrayRef<double>(&weights[first], last - first), at::kDouble);
    const at::AutoGradMode gradients(true);
    const auto vectors = reader.between(shares);
    at::Tensor value;
    {
      const Replaced replaced(vectors);
      value = reader.question().ask(std::ssize(shares)).value.sum();
    }
    const auto found = gradients_of(value, vectors);
    for (size_t i = 0; i < found.size(); ++i) {
      const auto& x = reader.vectors()[i];
      const auto of_copies =
          found[i].to(at::kDouble).view({std::ssize(shares), x.size(0), x.size(1), x.size(2)});
      const auto sum = (of_copies * weight.view({-1, 1, 1, 1})).sum(0);
      if (sums.size() <= i)
        sums.push_back(sum);
      else
        sums[i] += sum;
    }
  }
  return sums;
}

}  // namespace

std::vector<at::Tensor> gradients_of(const at::Tensor& value,
                                     const std::vector<at::Tensor>& inputs) {
  auto found = torch::autograd::grad({value}, inputs, {}, /*retain_graph=*/false,
                                     /*create_graph=*/false, /*allow_unused=*/true);
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i].defined()) found[i] = at::zeros_like(inputs[i]);
  return found;
}

void input_gradient(const Reader& reader, const ExplainOptions&, Attribution& result) {
  result.values = reader.along(summed_gradients(reader, {1}, {1}));
}

void integrated_gradients(const Reader& reader, const ExplainOptions& options,
                          Attribution& result) {
  std::vector<double> nodes, weights;
  gauss_legendre(options.steps, nodes, weights);
  result.values = reader.along(summed_gradients(reader, nodes, weights));
  const auto ends = reader.answers(
      at::stack({at::ones({reader.size()}, at::kDouble), at::zeros({reader.size()}, at::kDouble)}));
  complete(ends.value[0].item<double>(), ends.value[1].item<double>(), result);
}

void complete(double whole, double empty, Attribution& result) {
  result.whole = whole, result.empty = empty;
  result.gap = std::abs(result.values.sum().item<double>() - (whole - empty)) /
               std::max(std::abs(whole - empty), 1e-12);
}

}  // namespace heed::lens
