#include "models/recurrent_cell.h"

#include <torch/nn/init.h>

#include "nn/activation.h"
#include "nn/linear.h"

namespace heed::models {
namespace {

/// given + x weight^T.
at::Tensor add_product(const at::Tensor& given, const at::Tensor& x, const at::Tensor& weight) {
  if (nn::RowsAlone::active()) return given + nn::affine(x, weight, {});
  return at::addmm(given, x, weight.t());
}

CellState lstm_of(const at::Tensor& gates, const at::Tensor& c) {
  const int64_t M = c.size(1);
  const auto open = nn::sigmoid_of(gates.narrow(1, 0, 3 * M)).chunk(3, 1);  // i, f, o
  const auto next = open[1] * c + open[0] * nn::tanh_of(gates.narrow(1, 3 * M, M));
  return {open[2] * nn::tanh_of(next), next};
}

CellState gru_of(const at::Tensor& a, const at::Tensor& b, const at::Tensor& hidden_bias,
                 const at::Tensor& h) {
  const int64_t M = h.size(1);
  const auto open = nn::sigmoid_of(a.narrow(1, 0, 2 * M) + b.narrow(1, 0, 2 * M)).chunk(2, 1);
  const auto fresh = b.narrow(1, 2 * M, M) + hidden_bias;
  const auto n = nn::tanh_of(a.narrow(1, 2 * M, M) + open[0] * fresh);
  return {n + open[1] * (h - n), {}};
}

at::Tensor kept_or(const at::Tensor& is_there, const at::Tensor& next, const at::Tensor& before) {
  return next.defined() ? at::where(is_there, next, before) : next;
}

/// All steps of one direction; where[t] (B, 1): which rows have a token there.
std::vector<at::Tensor> run_direction(const CellImpl& cell, const at::Tensor& given, bool backward,
                                      const std::vector<at::Tensor>& where) {
  const CellWeights weights(cell);
  const auto steps = given.unbind(0);  // Ls times (B, g M)
  const auto zero = at::zeros({given.size(1), cell.hidden.size(1)}, given.options());
  CellState state{zero, cell.lstm ? zero : at::Tensor()};
  std::vector<at::Tensor> all(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t t = backward ? steps.size() - 1 - i : i;
    const auto next = advance(weights, steps[t], {}, state);
    if (where[t].defined())
      state = {kept_or(where[t], next.h, state.h), kept_or(where[t], next.c, state.c)};
    else
      state = next;
    all[t] = state.h;
  }
  all.push_back(state.h);
  return all;
}

}  // namespace

CellImpl::CellImpl(RecurrentCell kind, int64_t width, int64_t known, int64_t extra)
    : lstm(kind == RecurrentCell::lstm) {
  const double end = 1 / std::sqrt(static_cast<double>(width));
  const auto matrix = [&](const char* name, int64_t columns) {
    const auto options = torch::nn::LinearOptions(columns, gates() * width).bias(false);
    auto linear = register_module(name, torch::nn::Linear(options));
    torch::nn::init::uniform_(linear->weight, -end, end);
    return linear->weight;
  };
  if (known > 0) embedding = matrix("embedding", known);
  if (extra > 0) input = matrix("input", extra);
  hidden = matrix("hidden", width);
  auto start = torch::zeros({gates() * width});
  if (lstm) start.narrow(0, width, width).fill_(1);
  bias = register_parameter("bias", start);
  if (!lstm) hidden_bias = register_parameter("hidden_bias", torch::zeros({width}));
}

std::shared_ptr<CellImpl> CellImpl::remade() const {
  const auto columns = [](const at::Tensor& t) { return t.defined() ? t.size(1) : 0; };
  return std::make_shared<CellImpl>(lstm ? RecurrentCell::lstm : RecurrentCell::gru,
                                    columns(hidden), columns(embedding), columns(input));
}

CellWeights::CellWeights(const CellImpl& cell)
    : lstm(cell.lstm), input(cell.input), hidden(cell.hidden), hidden_bias(cell.hidden_bias) {
  if (lstm && input.defined() && !nn::RowsAlone::active()) joined = at::cat({input, hidden}, 1);
}

CellState advance(const CellWeights& weights, const at::Tensor& given, const at::Tensor& extra,
                  const CellState& before) {
  const auto& h = before.h;
  if (weights.joined.defined())
    return lstm_of(add_product(given, at::cat({extra, h}, 1), weights.joined), before.c);
  const auto a = extra.defined() ? add_product(given, extra, weights.input) : given;
  if (weights.lstm) return lstm_of(add_product(a, h, weights.hidden), before.c);
  const auto b = nn::affine(h, weights.hidden, {});
  return gru_of(a.expand_as(b), b, weights.hidden_bias, h);
}

ReadBothWays read_both_ways(const CellImpl& forward, const CellImpl& backward, const at::Tensor& x,
                            const at::Tensor& lengths) {
  const int64_t Ls = x.size(0), B = x.size(1);
  const int64_t shortest = B > 0 ? lengths.min().item<int64_t>() : 0;
  std::vector<at::Tensor> where(static_cast<size_t>(Ls));
  for (int64_t t = shortest; t < Ls; ++t)
    where[static_cast<size_t>(t)] = lengths.gt(t).unsqueeze(1);
  std::vector<at::Tensor> last, all;
  for (const auto* cell : {&forward, &backward}) {
    const auto given = nn::affine(x, cell->embedding, cell->bias);
    auto states = run_direction(*cell, given, cell == &backward, where);
    last.push_back(states.back()), states.pop_back();
    all.push_back(states.empty() ? at::zeros({0, B, cell->hidden.size(1)}, x.options())
                                 : at::stack(states));
  }
  return {at::cat(last, 1), at::cat(all, 2)};
}

}  // namespace heed::models
