#include "ops/map_call.h"

#include <cmath>

#include "kernels/blocks.h"

namespace heed::ops {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 20;  // 4 MB of float32 weights at a time

at::Tensor cut(const at::Tensor& t, int64_t dimension, Interval range) {
  return t.narrow(dimension, range.begin, range.size());
}

/// Rows of weights that become rows of cells.
class Cells {
 public:
  explicit Cells(const Look& look) : look_(look) {
    const int64_t columns = look.columns.size();
    band_.resize(static_cast<size_t>(kernels::divide_up(columns, look.block_columns)));
  }

  /// w (r, columns): the next rows.
  void add(const at::Tensor& w) {
    const auto pooled = pool_columns(w).to(at::kCPU, at::kDouble).contiguous();  // (r, cells)
    const auto* row = pooled.data_ptr<double>();
    for (int64_t i = 0; i < pooled.size(0); ++i, row += pooled.size(1)) add_row(row);
  }

 private:
  at::Tensor pool_columns(const at::Tensor& w) const {
    const int64_t size = look_.block_columns, rest = w.size(1) % size;
    if (size == 1) return w;
    const bool by_max = look_.pool == MapPool::max;
    const auto wide = torch::constant_pad_nd(w, {0, rest ? size - rest : 0}, by_max ? kHidden : 0);
    const auto cells = wide.unflatten(1, {wide.size(1) / size, size});
    return by_max ? cells.amax(-1) : cells.to(at::kDouble).sum(-1);
  }

  void add_row(const double* row) {
    const bool first = rows_ % look_.block_rows == 0;
    for (size_t c = 0; c < band_.size(); ++c) {
      if (first) {
        band_[c] = row[c];
      } else if (look_.pool == MapPool::mean) {
        band_[c] += row[c];
      } else if (row[c] > band_[c] || std::isnan(row[c])) {
        band_[c] = row[c];
      }
    }
    ++rows_;
    if (rows_ % look_.block_rows == 0 || rows_ == look_.rows.size()) give();
  }

  void give() {
    const int64_t row = (rows_ - 1) / look_.block_rows, rows = rows_ - row * look_.block_rows;
    for (size_t c = 0; look_.pool == MapPool::mean && c < band_.size(); ++c) {
      const int64_t first = static_cast<int64_t>(c) * look_.block_columns;
      const int64_t columns = std::min(look_.block_columns, look_.columns.size() - first);
      band_[c] /= static_cast<double>(rows * columns);
    }
    look_.take(row, band_);
  }

  const Look& look_;
  std::vector<double> band_;
  int64_t rows_ = 0;
};

}  // namespace

MapCall::MapCall(Call call, at::Tensor row_stats)
    : call_(std::move(call)), row_stats_(std::move(row_stats)) {}

at::Tensor MapCall::block(int64_t batch, int64_t head, Interval rows, Interval columns) const {
  const auto& s = call_.context.sizes;
  const auto& op = call_.how.normalizer;
  const auto& normalizer = definition(op.name);
  if (normalizer.whole_rows && columns.size() < s.Lk)
    return cut(block(batch, head, rows, {0, s.Lk}), 1, columns);
  // Where heads mix, all of them are needed for one.
  const Interval heads = mixes_heads(call_.how) ? Interval{0, s.H} : Interval{head, head + 1};
  const auto of_heads = [&](const at::Tensor& t, Interval range) {
    return cut(t.narrow(0, batch, 1).narrow(1, heads.begin, heads.size()), 2, range);
  };
  const auto q = of_heads(call_.q, rows).to(call_.compute);  // (1, h, r, D)
  const auto k = of_heads(for_each_head(call_.k, s.H), columns).to(call_.compute);
  const auto context = ops::cut(cut_to_heads(expanded(call_), batch, heads), rows, columns);
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

/// Calls visit(rows, weights (rows, columns)) for blocks of rows that are small.
template <class Visit>
void MapCall::for_each_block(const Look& look, Visit&& visit) const {
  const auto& [begin, end] = look.rows;
  const int64_t keys = call_.context.sizes.Lk;
  const int64_t most = std::max<int64_t>(1, kBlockElements / std::max<int64_t>(1, keys));
  for (int64_t i = begin; i < end; i += most) {
    const Interval rows{i, std::min(i + most, end)};
    visit(rows, block(look.batch, look.head, rows, look.columns));
  }
}

double MapCall::look(const Look& look) const {
  const torch::NoGradGuard no_gradient;
  Cells cells(look);
  if (look.column_sums.defined()) look.column_sums.zero_();
  double greatest = kHidden;
  for_each_block(look, [&](Interval rows, const at::Tensor& w) {
    if (w.numel() > 0) greatest = std::max(greatest, w.nan_to_num(kHidden).max().item<double>());
    if (look.take) cells.add(w);
    if (look.column_sums.defined()) look.column_sums.add_(w.to(at::kDouble).sum(0));
    if (look.entropy.defined())
      look.entropy.narrow(0, rows.begin - look.rows.begin, rows.size())
          .copy_(torch::xlogy(w, w).sum(-1).neg());
  });
  return greatest;
}

at::Tensor MapCall::times(const at::Tensor& x) const {
  const torch::NoGradGuard no_gradient;
  const auto& s = call_.context.sizes;
  const auto values = x.to(options());
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
  const auto values = x.to(options());
  auto out = torch::zeros({s.B, s.H, s.Lk, x.size(3)}, options().dtype(at::kDouble));
  for (int64_t b = 0; b < s.B; ++b)
    for (int64_t h = 0; h < s.H; ++h)
      for_each_block({b, h, {0, s.Lq}, {0, s.Lk}}, [&](Interval rows, const at::Tensor& w) {
        const auto of_head = values[b][x.size(1) == 1 ? 0 : h];  // (Lq, E)
        out[b][h] += torch::matmul(w.t(), cut(of_head, 0, rows));
      });
  return out.to(options().dtype());
}

}  // namespace heed::ops
