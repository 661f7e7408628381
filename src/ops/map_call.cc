#include "ops/map_call.h"

#include "heed/core/error.h"
#include "kernels/cell_band.h"
#include "ops/product.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 18;  // 1 MB of float32 weights
constexpr int64_t kTogether = 8;                      // blocks that are there at the same time

at::Tensor cut(const at::Tensor& t, int64_t dimension, Interval range) {
  return t.narrow(dimension, range.begin, range.size());
}

/// Whether a mask or bias, which may be Lq x Lk, is copied for the kernels: not to be kept.
bool copies_masks(const Call& call) {
  const auto copied = [&](const at::Tensor& t) {
    return t.defined() && t.scalar_type() != at::kBool && t.scalar_type() != call.compute;
  };
  return copied(call.context.bias) || copied(call.context.attn_mask);
}

kernels::Cells cells_of(const Look& look) {
  kernels::Cells cells{look.block_rows,
                       look.block_columns,
                       look.pool == MapPool::max ? kernels::Pooling::max : kernels::Pooling::mean,
                       {}};
  if (look.take)
    cells.take = [&look](int64_t row, const double* first, int64_t count) {
      look.take(row, {first, static_cast<size_t>(count)});
    };
  return cells;
}

/// The greatest or the sum of every `size` columns of w (r, c).
at::Tensor pooled_columns(const at::Tensor& w, int64_t size, MapPool pool) {
  const int64_t rest = w.size(1) % size;
  if (size == 1) return w;
  const bool by_max = pool == MapPool::max;
  const auto wide = torch::constant_pad_nd(w, {0, rest ? size - rest : 0}, by_max ? kHidden : 0);
  const auto cells = wide.unflatten(1, {wide.size(1) / size, size});
  return by_max ? cells.amax(-1) : cells.to(at::kDouble).sum(-1);
}

/// Adds rows `first` .. of weights w (r, c) to cells.
void add_rows(const at::Tensor& w, int64_t first, const Look& look, kernels::CellBand& band) {
  const auto pooled =
      pooled_columns(w, look.block_columns, look.pool).to(at::kCPU, at::kDouble).contiguous();
  const double* numbers = pooled.data_ptr<double>();
  band.open(first + w.size(0));
  for (int64_t i = 0; i < pooled.size(0); ++i) {
    double* cells = band.of_row(first + i);
    for (int64_t c = 0; c < pooled.size(1); ++c) band.add(cells[c], *numbers++);
  }
  band.close(first + w.size(0));
}

}  // namespace

struct MapCall::Stages {
  explicit Stages(const Call& call) : operands(prepared(call)) {
    if (call.compute == at::kDouble) {
      of_double = pipeline_of<double>(call, operands);
    } else {
      of_float = pipeline_of<float>(call, operands);
    }
  }

  Operands operands;
  Pipeline<float> of_float;
  Pipeline<double> of_double;
};

MapCall::MapCall(Call call, const at::Tensor& row_stats)
    : call_(std::move(call)), row_stats_(row_stats.contiguous()) {}
MapCall::~MapCall() = default;

std::shared_ptr<const MapCall::Stages> MapCall::stages() const {
  if (copies_masks(call_)) return std::make_shared<const Stages>(call_);
  std::call_once(made_, [&] { stages_ = std::make_shared<const Stages>(call_); });
  return stages_;
}

template <class Use>
void MapCall::with_stages(Use&& use) const {
  const torch::NoGradGuard no_gradient;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto made = stages();
  const auto& all = *made;
  const auto with = [&](const auto& pipeline, auto type) {
    const auto of_rows = row_stats_of<decltype(type)>(row_stats_);
    use(pipeline.problem, kernels::RowStats<const decltype(type)>{of_rows.first, of_rows.second});
  };
  try {
    call_.compute == at::kDouble ? with(all.of_double, double()) : with(all.of_float, float());
  } catch (const std::bad_alloc&) {
    throw Error(Failure::memory, "map: not enough memory for what is asked of queries " +
                                     c10::str(call_.q.sizes()) + " and keys " +
                                     c10::str(call_.k.sizes()));
  }
}

double MapCall::look(const Look& look) const {
  if (look.rows.size() == 0 || look.columns.size() == 0 || !has_kernel()) return formula_look(look);
  double greatest = 0;
  with_stages([&](const auto& problem, const auto& row_stats) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(row_stats.first)>>;
    const kernels::Part part{look.batch,
                             look.head,
                             {look.rows.begin, look.rows.end},
                             {look.columns.begin, look.columns.end}};
    kernels::Looks<T> looks{cells_of(look), nullptr, nullptr};
    if (look.column_sums.defined()) looks.column_sums = look.column_sums.data_ptr<double>();
    if (look.entropy.defined()) looks.entropy = look.entropy.template data_ptr<T>();
    greatest = kernels::look_at_weights(problem, row_stats, part, looks);
  });
  return greatest;
}

at::Tensor MapCall::times(const at::Tensor& x) const {
  const torch::NoGradGuard no_gradient;
  const auto& s = call_.context.sizes;
  const auto values = x.to(options());
  if (call_.q.is_cpu()) {  // what attend does with values
    Call call = call_;
    if (x.size(1) != 1) call.k = for_each_head(call.k, s.H);
    call.v = values.expand({s.B, call.k.size(1), s.Lk, x.size(3)});
    call.context.sizes.G = call.k.size(1), call.context.sizes.E = x.size(3);
    return on_cpu_tensors(call, false).out.to(options().dtype());
  }
  auto out = torch::empty({s.B, s.H, s.Lq, x.size(3)}, options());
  for (int64_t b = 0; b < s.B; ++b)
    for (int64_t h = 0; h < s.H; ++h)
      for_each_block({b, h, {0, s.Lq}, {0, s.Lk}}, [&](Interval rows, const at::Tensor& w) {
        const auto of_head = values[b][x.size(1) == 1 ? 0 : h];  // (Lk, E)
        cut(out[b][h], 0, rows).copy_(torch::matmul(w, of_head));
      });
  return out;
}

at::Tensor MapCall::transposed_times(const at::Tensor& x) const {
  const torch::NoGradGuard no_gradient;
  const auto& s = call_.context.sizes;
  const auto values = x.to(options()).expand({s.B, s.H, s.Lq, x.size(3)});
  if (has_kernel()) {
    const auto out = torch::empty({s.B, s.H, s.Lk, x.size(3)}, options());
    with_stages([&](const auto& problem, const auto& row_stats) {
      using T = std::remove_const_t<std::remove_pointer_t<decltype(row_stats.first)>>;
      kernels::transposed_times(problem, row_stats, view_of<const T>(values), x.size(3),
                                view_of<T>(out));
    });
    return out;
  }
  auto out = torch::zeros({s.B, s.H, s.Lk, x.size(3)}, options().dtype(at::kDouble));
  for (int64_t b = 0; b < s.B; ++b)
    for (int64_t h = 0; h < s.H; ++h)
      for_each_block({b, h, {0, s.Lq}, {0, s.Lk}}, [&](Interval rows, const at::Tensor& w) {
        out[b][h] += torch::matmul(w.t(), cut(values[b][h], 0, rows));
      });
  return out.to(options().dtype());
}

/// Of all rows of an expanded context.
at::Tensor MapCall::block(const CallContext& all, int64_t batch, int64_t head, Interval rows,
                          Interval columns) const {
  const auto& s = call_.context.sizes;
  const auto& op = call_.how.normalizer;
  const auto& normalizer = definition(op.name);
  if (normalizer.whole_rows && columns.size() < s.Lk)
    return cut(block(all, batch, head, rows, {0, s.Lk}), 1, columns);
  // Where heads mix, all of them are needed for one.
  const Interval heads = mixes_heads(call_.how) ? Interval{0, s.H} : Interval{head, head + 1};
  const auto keys = cut(call_.k.narrow(0, batch, 1), 2, columns);  // (1, G, c, D)
  const auto q = cut(call_.q.narrow(0, batch, 1).narrow(1, heads.begin, heads.size()), 2, rows)
                     .to(call_.compute);  // (1, h, r, D)
  const auto k =
      (mixes_heads(call_.how) ? for_each_head(keys, s.H) : keys.narrow(1, head / (s.H / s.G), 1))
          .to(call_.compute);  // (1, h, c, D)
  const auto context = ops::cut(cut_to_heads(all, batch, heads), rows, columns);
  const auto scores = scores_of(call_.how, context, q, k);  // (1, h, r, c)
  // Scores are summed here in another order than in the kernel. Where they reach 200 the two differ
  // by 2e-5, and so would weights by the kernel's numbers; of whole rows there are numbers that fit.
  const auto row_stats =
      columns.size() == s.Lk
          ? normalizer.row_stats(op, context, scores)
          : cut(row_stats_.narrow(1, batch, 1).narrow(2, heads.begin, heads.size()), 3,
                rows);  // (2, 1, h, r)
  const auto weights = normalizer.weights_from_row_stats(op, context, scores, row_stats);
  return mixed_weights(call_.how, context, weights)[0][head - heads.begin];
}

/// Calls visit(rows, weights (rows, columns)) for blocks of rows that are small, in their order.
template <class Visit>
void MapCall::for_each_block(const Look& look, Visit&& visit) const {
  const auto context = expanded(call_);
  const int64_t keys = call_.context.sizes.Lk;
  const int64_t most = std::max<int64_t>(1, kBlockElements / std::max<int64_t>(1, keys));
  const int64_t blocks = kernels::divide_up(look.rows.size(), most);
  for (int64_t first = 0; first < blocks; first += kTogether) {
    std::vector<at::Tensor> weights(static_cast<size_t>(std::min(kTogether, blocks - first)));
    const auto rows_of = [&](size_t i) {
      const int64_t begin = look.rows.begin + (first + static_cast<int64_t>(i)) * most;
      return Interval{begin, std::min(begin + most, look.rows.end)};
    };
    in_tasks(std::ssize(weights), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      weights[at] = block(context, look.batch, look.head, rows_of(at), look.columns);
    });
    in_tasks(1, [&](int64_t) {
      for (size_t i = 0; i < weights.size(); ++i) visit(rows_of(i), weights[i]);
    });
  }
}

double MapCall::formula_look(const Look& look) const {
  const auto cells = cells_of(look);
  kernels::CellBand band(cells, look.rows.size(), look.columns.size(), 0, kHidden);
  if (look.column_sums.defined()) look.column_sums.zero_();
  double greatest = kHidden;
  for_each_block(look, [&](Interval rows, const at::Tensor& w) {
    const int64_t first = rows.begin - look.rows.begin;
    if (w.numel() > 0) greatest = std::max(greatest, w.nan_to_num(kHidden).max().item<double>());
    if (look.take) add_rows(w, first, look, band);
    if (look.column_sums.defined()) look.column_sums.add_(w.to(at::kDouble).sum(0));
    if (look.entropy.defined())
      look.entropy.narrow(0, first, rows.size()).copy_(torch::xlogy(w, w).sum(-1).neg());
  });
  return greatest;
}

}  // namespace heed::ops
