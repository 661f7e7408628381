#include "ops/by_rows.h"

#include <torch/csrc/autograd/custom_function.h>

#include "kernels/blocks.h"
#include "ops/call.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kNumbers = int64_t{1} << 16;  // that a piece makes, at least if there are so many
constexpr int64_t kColumns = 4096;              // of a sum over the batch that are one task

struct Piece {
  Interval batch, rows;
};

/// A part of the batch with all rows, or of one of the batch a part of the rows.
std::vector<Piece> pieces_of(const at::Tensor& x, int64_t numbers) {
  const int64_t B = x.size(0), L = x.size(2), row = std::max<int64_t>(1, numbers);
  const int64_t rows = std::max<int64_t>(32, kNumbers / row / 32 * 32);
  const int64_t together = rows >= L ? std::max<int64_t>(1, rows / std::max<int64_t>(1, L)) : 1;
  std::vector<Piece> all;
  for (int64_t b = 0; b < B; b += together)
    for (int64_t i = 0; i < L; i += rows)
      all.push_back({{b, std::min(B, b + together)}, {i, std::min(L, i + rows)}});
  if (all.empty()) all.push_back({{0, B}, {0, L}});
  return all;
}

at::Tensor cut_piece(const at::Tensor& x, const Piece& piece) {
  return x.narrow(0, piece.batch.begin, piece.batch.size())
      .narrow(2, piece.rows.begin, piece.rows.size());
}

/// The whole again.
at::Tensor joined(const std::vector<Piece>& pieces, const std::vector<at::Tensor>& parts, int64_t B,
                  int64_t L) {
  if (parts.size() == 1) return parts[0];
  const auto& one = parts[0];
  const auto all = at::empty({B, one.size(1), L, one.size(3)}, one.options().requires_grad(false));
  in_tasks(static_cast<int64_t>(parts.size()),
           [&](int64_t i) { cut_piece(all, pieces[i]).copy_(parts[i]); });
  return all;
}

/// A piece's work and where it started.
struct Graph {
  at::Tensor x, out;
  std::vector<at::Tensor> parameters;
};

struct Graphs : torch::CustomClassHolder {
  std::vector<Piece> pieces;
  std::vector<Graph> all;
};

at::Tensor leaf(const at::Tensor& t, bool wanted) { return t.detach().requires_grad_(wanted); }

class ByRows : public torch::autograd::Function<ByRows> {
 public:
  /// inputs: x, then the parameters.
  static at::Tensor forward(AutogradContext* ctx, at::TensorList inputs, int64_t numbers,
                            const RowWork& work) {
    const auto& x = inputs[0];
    auto graphs = c10::make_intrusive<Graphs>();
    graphs->pieces = pieces_of(x, numbers);
    graphs->all.resize(graphs->pieces.size());
    in_tasks(static_cast<int64_t>(graphs->pieces.size()), [&](int64_t i) {
      const torch::AutoGradMode record(true);
      auto& graph = graphs->all[i];
      graph.x = leaf(cut_piece(x, graphs->pieces[i]), x.requires_grad());
      for (const auto& p : inputs.slice(1)) graph.parameters.push_back(leaf(p, p.requires_grad()));
      graph.out = work(graph.x, graph.parameters);
    });
    std::vector<at::Tensor> outs;
    for (const auto& graph : graphs->all) outs.push_back(graph.out.detach());
    auto out = joined(graphs->pieces, outs, x.size(0), x.size(2));
    ctx->saved_data["graphs"] = at::IValue::make_capsule(std::move(graphs));
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto capsule = ctx->saved_data["graphs"].toCapsule();
    const auto& graphs = static_cast<const Graphs&>(*capsule);
    const size_t count = graphs.all[0].parameters.size();
    std::vector<std::vector<at::Tensor>> found(graphs.all.size());
    in_tasks(static_cast<int64_t>(graphs.all.size()), [&](int64_t i) {
      found[i] = piece_gradients(graphs.all[i], cut_piece(grads[0], graphs.pieces[i]));
    });
    variable_list all(count + 3);
    const torch::NoGradGuard no_gradient;
    if (ctx->needs_input_grad(0)) {
      std::vector<at::Tensor> parts;
      for (const auto& one : found) parts.push_back(one[0]);
      all[0] = joined(graphs.pieces, parts, grads[0].size(0), grads[0].size(2));
    }
    for (size_t p = 0; p < count; ++p) {
      if (!ctx->needs_input_grad(p + 1)) continue;
      at::Tensor sum;
      for (const auto& one : found)
        sum = sum.defined() ? sum.add_(one[p + 1]) : one[p + 1].to(at::kDouble, false, true);
      all[p + 1] = sum.to(graphs.all[0].parameters[p].scalar_type());
    }
    return all;
  }

 private:
  static std::vector<at::Tensor> piece_gradients(const Graph& graph, const at::Tensor& grad) {
    std::vector<at::Tensor> leaves = {graph.x};
    leaves.insert(leaves.end(), graph.parameters.begin(), graph.parameters.end());
    variable_list asked;
    for (const auto& t : leaves)
      if (t.requires_grad()) asked.push_back(t);
    const auto given = torch::autograd::grad({graph.out}, asked, {grad}, /*retain_graph=*/true);
    for (size_t i = 0, next = 0; i < leaves.size(); ++i)
      leaves[i] = leaves[i].requires_grad() ? given[next++] : at::Tensor();
    return leaves;
  }
};

class ForEachBatch : public torch::autograd::Function<ForEachBatch> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, int64_t B) {
    auto shape = x.sizes().vec();
    shape.insert(shape.begin(), B);
    return x.unsqueeze(0).expand(shape);
  }
  static variable_list backward(AutogradContext*, const variable_list& grads) {
    const auto& grad = grads[0];
    const int64_t B = grad.size(0);
    const auto sum = at::empty(grad.sizes().slice(1), grad.options());
    const auto from = grad.reshape({B, sum.numel()}), to = sum.view({sum.numel()});
    in_tasks(kernels::divide_up(sum.numel(), kColumns), [&](int64_t task) {
      const int64_t first = task * kColumns, some = std::min(kColumns, sum.numel() - first);
      to.narrow(0, first, some).copy_(from.narrow(1, first, some).sum(0));
    });
    return {sum, at::Tensor()};
  }
};

}  // namespace

at::Tensor by_rows(const at::Tensor& x, const std::vector<at::Tensor>& parameters, int64_t numbers,
                   const RowWork& work) {
  std::vector<at::Tensor> inputs = {x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  const bool records =
      torch::GradMode::is_enabled() &&
      std::any_of(inputs.begin(), inputs.end(), [](const auto& t) { return t.requires_grad(); });
  if (records) return ByRows::apply(at::TensorList(inputs), numbers, work);
  const auto pieces = pieces_of(x, numbers);
  std::vector<at::Tensor> outs(pieces.size());
  in_tasks(static_cast<int64_t>(pieces.size()),
           [&](int64_t i) { outs[i] = work(cut_piece(x, pieces[i]), parameters); });
  return joined(pieces, outs, x.size(0), x.size(2));
}

at::Tensor of_finite_rows(const at::Tensor& x,
                          const std::function<at::Tensor(const at::Tensor&)>& work) {
  const auto bad = torch::isfinite(x.detach()).all(-1, /*keepdim=*/true).logical_not();
  if (!bad.any().item<bool>()) return work(x);
  return work(x.masked_fill(bad, 0)).masked_fill(bad, std::numeric_limits<double>::quiet_NaN());
}

at::Tensor for_each_batch(const at::Tensor& x, int64_t B) { return ForEachBatch::apply(x, B); }

}  // namespace heed::ops
